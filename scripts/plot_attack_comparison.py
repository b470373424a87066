"""Draw test error, false positives and false negatives of several attacks (pGAN paper, Figure 6)."""

from oleander.io.columns import TRIALS
from oleander.io.errors import plain_errors
from oleander.io.tables import read_csvs
from oleander.plots.attack_comparison import plot_attack_comparison
from oleander.plots.looks import attack_titles
from oleander.plots.style import save_figure

with plain_errors():
    params = snakemake.params
    trials = read_csvs(snakemake.input.trials, TRIALS)
    trials = trials[trials["alpha"].isna() | (trials["alpha"] == params.alpha)]
    figure = plot_attack_comparison(
        trials=trials[trials["poison_fraction"] <= params.up_to],
        attack_titles=attack_titles(trials["attack"].unique(), params.alpha),
        dataset_title=next(iter(params.titles.values())),
        scale=params.scale,
        confidence=params.confidence,
        looks=params.looks["attacks"],
    )
    save_figure(figure, snakemake.output.png, snakemake.output.pdf)
