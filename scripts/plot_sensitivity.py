"""Draw the attack's sensitivity to lambda', alpha and the size of the training set (pGAN paper, Figure 5)."""

from oleander.io.columns import TRIALS
from oleander.io.errors import plain_errors
from oleander.io.tables import read_csvs
from oleander.plots.sensitivity import plot_sensitivity
from oleander.plots.style import save_figure

with plain_errors():
    params = snakemake.params
    by_alpha = read_csvs(snakemake.input.rejection, TRIALS)
    figure = plot_sensitivity(
        by_lambda=read_csvs(snakemake.input.lambdas, TRIALS),
        by_alpha=by_alpha,
        by_size=read_csvs(snakemake.input.sizes, TRIALS),
        poison_fraction=params.poison_fraction,
        dataset_title=next(iter(params.titles.values())),
        defense_titles={defense: params.defenses[defense] for defense in by_alpha["defense"].unique()},
        scale=params.scale,
        confidence=params.confidence,
        alpha_looks=params.looks["alphas"],
        defense_looks=params.looks["defenses"],
        note="Classes share the training points equally, as far as they have as many.",
    )
    save_figure(figure, snakemake.output.png, snakemake.output.pdf)
