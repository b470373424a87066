"""Draw the attack on a classifier of all classes, and the change of its confusion matrix (pGAN paper, Figure 7)."""

from oleander.io.columns import CONFUSION, TRIALS
from oleander.io.errors import plain_errors
from oleander.io.tables import read_csvs
from oleander.plots.multiclass import plot_multiclass
from oleander.plots.style import save_figure

with plain_errors():
    params = snakemake.params
    figure = plot_multiclass(
        trials=read_csvs(snakemake.input.trials, TRIALS),
        confusion=read_csvs(snakemake.input.confusion, CONFUSION).sort_values(["true_class", "predicted_class"]),
        classes=(params.task["source_class"], params.task["target_class"]),
        dataset_title=params.title,
        scale=params.scale,
        confidence=params.confidence,
    )
    save_figure(figure, snakemake.output.png, snakemake.output.pdf)
