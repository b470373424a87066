"""Draw GAN images from clean and triggered noise (BAAAN paper, Figures 5 to 9), once more without copies of images that
may not be published."""

from oleander.io.errors import plain_errors
from oleander.io.pictures import load_gan_samples
from oleander.plots.gan_samples import plot_gan_samples
from oleander.plots.style import save_figure

with plain_errors():
    params, output = snakemake.params, snakemake.output
    loaded = [load_gan_samples(path) for path in snakemake.input.samples]
    figure = plot_gan_samples(loaded, params.title, params.layout["rows"], params.layout["columns"], params.scale)
    save_figure(figure, output.png, output.pdf)
    if hasattr(output, "published_png"):
        figure = plot_gan_samples(
            [(images, header) for images, header in loaded if header["target"] not in params.withheld],
            params.title,
            params.layout["rows"],
            params.layout["columns"],
            params.scale,
            list(dict.fromkeys(params.withheld.values())),
        )
        save_figure(figure, output.published_png, output.published_pdf)
