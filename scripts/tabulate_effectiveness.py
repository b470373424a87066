"""Tabulate what Figure 2 shows, with the published numbers beside it (pGAN paper, section 4.2)."""

from oleander.io.columns import TRIALS
from oleander.io.errors import plain_errors
from oleander.io.files import write_text
from oleander.io.tables import read_csv, read_csvs, write_csv
from oleander.metrics.summary import summarize
from oleander.plots.tables import effectiveness_latex, effectiveness_markdown

with plain_errors():
    trials = read_csvs(snakemake.input.trials, TRIALS)
    summary = summarize(
        trials,
        ["error", "false_positive_rate", "false_negative_rate", "genuine_rejected", "poison_rejected"],
        snakemake.params.confidence,
    )
    published = read_csv(snakemake.input.published, ("id", "figure", "dataset", "condition", "quantity", "value"))
    write_csv(snakemake.output.csv, summary)
    write_text(
        snakemake.output.markdown,
        effectiveness_markdown(summary, published, snakemake.params.titles, snakemake.params.scale),
    )
    write_text(snakemake.output.latex, effectiveness_latex(summary, snakemake.params.titles, snakemake.params.scale))
