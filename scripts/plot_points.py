"""Draw genuine and poison points in the plane, for every alpha, and tabulate their distances (pGAN paper, Figure 1)."""

from oleander.io.columns import DISTANCES, POISON
from oleander.io.errors import plain_errors
from oleander.io.files import write_text
from oleander.io.pictures import load_samples
from oleander.io.tables import read_csvs, write_csv
from oleander.plots.distance_table import distance_latex, distance_markdown, distance_table, drawn_generators
from oleander.plots.points import plot_points
from oleander.plots.style import save_figure

with plain_errors():
    params, output = snakemake.params, snakemake.output
    (samples,) = load_samples(snakemake.input.samples).values()
    distances = read_csvs(snakemake.input.distances, DISTANCES)
    drawn = drawn_generators(distances)
    poison = distances[distances["points"] == POISON]
    measured = poison.set_index(["alpha", "generator"])["energy_distance"]
    figure = plot_points(
        source=samples.source[: params.points],
        target=samples.target[: params.points],
        poison_by_alpha={
            alpha: samples.poison[alpha, generator][: params.points] for alpha, generator in drawn.items()
        },
        distances={alpha: (generator, measured[alpha, generator]) for alpha, generator in drawn.items()},
        generators=int(poison.groupby("alpha").size().max()),
        class_names=(samples.source_class, samples.target_class),
        title=params.title,
        scale=params.scale,
    )
    save_figure(figure, output.png, output.pdf)
    common = (distances, params.title, samples.stand_in_for, params.scale, params.confidence)
    write_csv(output.csv, distance_table(distances))
    write_text(output.md, distance_markdown(*common))
    write_text(output.tex, distance_latex(*common))
