"""Draw test error and the other rates against the poison fraction (pGAN paper, Figure 2)."""

from oleander.io.columns import TRIALS
from oleander.io.errors import plain_errors
from oleander.io.tables import read_csvs
from oleander.plots.error_curves import plot_error_curves, plot_rates
from oleander.plots.style import save_figure

with plain_errors():
    trials = read_csvs(snakemake.input.trials, TRIALS)
    params = snakemake.params
    common = (params.titles, params.scale, params.confidence, params.looks["alphas"])
    save_figure(plot_error_curves(trials, *common), snakemake.output.png, snakemake.output.pdf)
    save_figure(plot_rates(trials, *common), snakemake.output.rates_png, snakemake.output.rates_pdf)
