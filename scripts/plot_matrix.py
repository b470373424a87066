"""Draw and tabulate every attack against every defense on every dataset, at one poison fraction."""

from oleander.io.columns import TRIALS
from oleander.io.errors import plain_errors
from oleander.io.tables import read_csvs, write_csv
from oleander.plots.looks import attack_titles
from oleander.plots.matrix import matrix_table, plot_matrix
from oleander.plots.style import save_figure

with plain_errors():
    params = snakemake.params
    trials = read_csvs(snakemake.input.trials, TRIALS)
    trials = trials[trials["alpha"].isna() | (trials["alpha"] == params.alpha)]
    figure = plot_matrix(
        trials=trials,
        poison_fraction=params.poison_fraction,
        dataset_titles=params.titles,
        attack_titles=attack_titles(trials["attack"].unique(), params.alpha),
        defense_titles=params.defenses,
        scale=params.scale,
        confidence=params.confidence,
    )
    write_csv(snakemake.output.csv, matrix_table(trials, params.poison_fraction, params.confidence))
    save_figure(figure, snakemake.output.png, snakemake.output.pdf)
