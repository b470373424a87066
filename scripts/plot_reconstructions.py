"""Draw test images decoded by backdoored autoencoders (BAAAN paper, Figure 2), once more without those that may not be
published."""

from oleander.io.errors import plain_errors
from oleander.io.pictures import load_reconstructions
from oleander.plots.reconstruction_samples import plot_reconstructions
from oleander.plots.style import save_figure

with plain_errors():
    params, output = snakemake.params, snakemake.output
    loaded = [load_reconstructions(path) for path in snakemake.input.samples]
    reconstructions = {one.autoencoder: one for one in loaded}
    figure = plot_reconstructions(reconstructions, params.titles, params.columns, params.scale)
    save_figure(figure, output.png, output.pdf)
    if hasattr(output, "published_png"):
        titles = {name: title for name, title in params.titles.items() if name not in params.withheld}
        withheld = list(params.withheld.values())
        figure = plot_reconstructions(reconstructions, titles, params.columns, params.scale, withheld)
        save_figure(figure, output.published_png, output.published_pdf)
