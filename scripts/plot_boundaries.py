"""Draw decision boundaries before and after poisoning (pGAN paper, Appendix B, Figure 9)."""

from oleander.io.errors import plain_errors
from oleander.io.tables import read_csvs
from oleander.plots.boundaries import plot_boundaries
from oleander.plots.style import save_figure

BOUNDARIES = ("alpha", "generator", "condition", "weight0", "weight1", "bias", "error")

with plain_errors():
    figure = plot_boundaries(
        boundaries=read_csvs(snakemake.input.boundaries, BOUNDARIES),
        points=read_csvs(snakemake.input.points, ("alpha", "generator", "kind", "x0", "x1")),
        class_names=(snakemake.params.task["source_class"], snakemake.params.task["target_class"]),
        title=snakemake.params.title,
        scale=snakemake.params.scale,
        confidence=snakemake.params.confidence,
    )
    save_figure(figure, snakemake.output.png, snakemake.output.pdf)
