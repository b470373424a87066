"""Draw test error against the poison fraction, and poison next to genuine images (pGAN paper, Figure 4)."""

from oleander.io.columns import TRIALS
from oleander.io.errors import plain_errors
from oleander.io.pictures import load_samples
from oleander.io.tables import read_csvs
from oleander.plots.error_curves import plot_error_curves
from oleander.plots.samples import SamplePanel, plot_genuine_and_poison
from oleander.plots.style import save_figure

with plain_errors():
    params = snakemake.params
    trials = read_csvs(snakemake.input.trials, TRIALS)
    errors = plot_error_curves(trials, params.titles, params.scale, params.confidence, params.looks["alphas"])
    save_figure(errors, snakemake.output.png, snakemake.output.pdf)
    loaded = load_samples(snakemake.input.samples)
    panels = [SamplePanel.of(loaded[experiment], title, params.alpha) for experiment, title in params.titles.items()]
    samples = plot_genuine_and_poison(panels, params.layout["rows"], params.layout["columns"], params.scale)
    save_figure(samples, snakemake.output.samples_png, snakemake.output.samples_pdf)
