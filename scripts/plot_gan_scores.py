"""Draw the distances between GAN images and test images, for clean and backdoored GANs (BAAAN paper, Figure 4)."""

from oleander.io.columns import GAN_SCORES
from oleander.io.errors import plain_errors
from oleander.io.tables import read_csvs
from oleander.plots.gan_scores import plot_gan_scores
from oleander.plots.style import save_figure

with plain_errors():
    figure = plot_gan_scores(
        read_csvs(snakemake.input.scores, GAN_SCORES),
        snakemake.params.titles,
        snakemake.params.scale,
        snakemake.params.confidence,
        snakemake.params.looks["models"],
    )
    save_figure(figure, snakemake.output.png, snakemake.output.pdf)
