"""Draw test images decoded by backdoored autoencoders (BAAAN paper, Figure 2)."""

from oleander.io.errors import plain_errors
from oleander.io.pictures import load_reconstructions
from oleander.plots.reconstruction_samples import plot_reconstructions
from oleander.plots.style import save_figure

with plain_errors():
    loaded = [load_reconstructions(path) for path in snakemake.input.samples]
    figure = plot_reconstructions(
        {reconstructions.autoencoder: reconstructions for reconstructions in loaded},
        snakemake.params.titles,
        snakemake.params.columns,
        snakemake.params.scale,
    )
    save_figure(figure, snakemake.output.png, snakemake.output.pdf)
