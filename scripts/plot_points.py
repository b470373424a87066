"""Draw genuine and poison points in the plane, for every alpha (pGAN paper, Figure 1)."""

from oleander.io.errors import plain_errors
from oleander.io.pictures import load_samples
from oleander.plots.points import plot_points
from oleander.plots.style import save_figure

with plain_errors():
    (samples,) = load_samples(snakemake.input.samples).values()
    figure = plot_points(
        source=samples.source[: snakemake.params.points],
        target=samples.target[: snakemake.params.points],
        poison_by_alpha={
            alpha: points[: snakemake.params.points] for alpha, points in samples.first_generator().items()
        },
        class_names=(samples.source_class, samples.target_class),
        title=snakemake.params.title,
        scale=snakemake.params.scale,
    )
    save_figure(figure, snakemake.output.png, snakemake.output.pdf)
