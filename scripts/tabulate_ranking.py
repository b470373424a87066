"""Rank defenses by the test error that they leave under attack."""

from oleander.io.columns import TRIALS
from oleander.io.errors import plain_errors
from oleander.io.files import write_text
from oleander.io.tables import read_csvs, write_csv
from oleander.metrics.ranking import rank_defenses
from oleander.plots.looks import attack_titles
from oleander.plots.ranking_tables import ranking_latex, ranking_markdown

with plain_errors():
    params = snakemake.params
    trials = read_csvs(snakemake.input.trials, TRIALS)
    trials = trials[trials["alpha"].isna() | (trials["alpha"] == params.alpha)]
    table = rank_defenses(trials, params.controls, params.poison_fraction, params.undefended, params.confidence)
    attacks = attack_titles(trials["attack"].unique(), params.alpha)
    shown = (params.titles, attacks, params.defenses, params.changes, params.scale)
    write_csv(snakemake.output.csv, table)
    write_text(snakemake.output.md, ranking_markdown(table, *shown))
    write_text(snakemake.output.tex, ranking_latex(table, *shown))
