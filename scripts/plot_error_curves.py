"""Draw and tabulate test error and other rates against the poison fraction (pGAN paper, Figure 2)."""

from oleander.io.claims import read_claims
from oleander.io.columns import TRIALS
from oleander.io.errors import plain_errors
from oleander.io.files import write_text
from oleander.io.tables import read_csvs, write_csv
from oleander.plots.error_curves import plot_error_curves, plot_rates
from oleander.plots.error_tables import error_tables
from oleander.plots.style import save_figure
from oleander.plots.tables import statements

with plain_errors():
    params, output = snakemake.params, snakemake.output
    trials, looks = read_csvs(snakemake.input.trials, TRIALS), params.looks
    common = (params.titles, params.scale, params.confidence, looks["alphas"] | looks["controls"], params.controls)
    save_figure(plot_error_curves(trials, *common), output.png, output.pdf)
    save_figure(plot_rates(trials, *common), output.rates_png, output.rates_pdf)
    published = statements([claim for path in snakemake.input.claims for claim in read_claims(path)], **params.quoted)
    shown = (params.titles, params.scale, params.confidence, params.controls, looks["controls"])
    summary, markdown, latex = error_tables(trials, published, *shown)
    write_csv(output.csv, summary)
    write_text(output.md, markdown)
    write_text(output.tex, latex)
