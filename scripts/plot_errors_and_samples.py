"""Draw and tabulate test error against the poison fraction, with poison beside genuine images (pGAN, Figure 4)."""

from oleander.io.claims import read_claims
from oleander.io.columns import TRIALS
from oleander.io.errors import plain_errors
from oleander.io.files import write_text
from oleander.io.pictures import load_samples
from oleander.io.tables import read_csvs, write_csv
from oleander.plots.error_curves import plot_error_curves
from oleander.plots.error_tables import error_tables
from oleander.plots.samples import SamplePanel, plot_genuine_and_poison
from oleander.plots.style import save_figure
from oleander.plots.tables import statements

with plain_errors():
    params, output = snakemake.params, snakemake.output
    trials, looks = read_csvs(snakemake.input.trials, TRIALS), params.looks
    common = (params.titles, params.scale, params.confidence, looks["alphas"] | looks["controls"], params.controls)
    save_figure(plot_error_curves(trials, *common), output.png, output.pdf)
    loaded = load_samples(snakemake.input.samples)
    panels = [SamplePanel.of(loaded[experiment], title, params.alpha) for experiment, title in params.titles.items()]
    samples = plot_genuine_and_poison(panels, params.layout["rows"], params.layout["columns"], params.scale)
    save_figure(samples, output.samples_png, output.samples_pdf)
    published = statements([claim for path in snakemake.input.claims for claim in read_claims(path)], **params.quoted)
    shown = (params.titles, params.scale, params.confidence, params.controls, looks["controls"])
    summary, markdown, latex = error_tables(trials, published, *shown)
    write_csv(output.csv, summary)
    write_text(output.md, markdown)
    write_text(output.tex, latex)
