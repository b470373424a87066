"""Draw the training curves of generator, discriminator and classifier (pGAN paper, section 3.3)."""

from oleander.io.columns import PGAN_CURVES
from oleander.io.errors import plain_errors
from oleander.io.tables import read_csvs
from oleander.plots.style import name_data, save_figure
from oleander.plots.training_curves import plot_training_curves

with plain_errors():
    curves = read_csvs(snakemake.input.curves, ("experiment", "alpha", "generator", "epoch", *PGAN_CURVES))
    titles = {
        experiment: name_data(snakemake.params.stand_ins[experiment], title)
        for experiment, title in snakemake.params.titles.items()
    }
    figure = plot_training_curves(curves, titles, snakemake.params.scale, snakemake.params.looks["alphas"])
    save_figure(figure, snakemake.output.png, snakemake.output.pdf)
