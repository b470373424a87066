"""Draw GAN images from clean and triggered noise (BAAAN paper, Figures 5 to 9)."""

from oleander.io.errors import plain_errors
from oleander.io.pictures import load_gan_samples
from oleander.plots.gan_samples import plot_gan_samples
from oleander.plots.style import save_figure

with plain_errors():
    figure = plot_gan_samples(
        [load_gan_samples(path) for path in snakemake.input.samples],
        snakemake.params.title,
        snakemake.params.layout["rows"],
        snakemake.params.layout["columns"],
        snakemake.params.scale,
    )
    save_figure(figure, snakemake.output.png, snakemake.output.pdf)
