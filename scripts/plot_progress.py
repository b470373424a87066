"""Draw and tabulate what the poison is like over the training of its generators (not in the pGAN paper)."""

from oleander.io.columns import CHECKPOINT_TRIALS, CHECKPOINTS
from oleander.io.errors import plain_errors
from oleander.io.files import write_text
from oleander.io.tables import read_csvs, write_csv
from oleander.metrics.progress import summarize_progress
from oleander.plots.lines import describe_trials
from oleander.plots.progress import plot_progress, progress_markdown
from oleander.plots.style import save_figure

with plain_errors():
    params, output = snakemake.params, snakemake.output
    measures = read_csvs(snakemake.input.measures, CHECKPOINTS)
    trials = read_csvs(snakemake.input.trials, CHECKPOINT_TRIALS) if snakemake.input.get("trials") else None
    titles = {
        experiment: describe_trials(measures[measures["experiment"] == experiment], title, params.scale)
        for experiment, title in params.titles.items()
    }
    summary = summarize_progress(measures, trials, params.confidence)
    drawn = (params.defense, params.victims_dropout)
    figure = plot_progress(summary, titles, params.confidence, params.looks["alphas"], *drawn)
    save_figure(figure, output.png, output.pdf)
    write_csv(output.csv, summary)
    write_text(output.md, progress_markdown(summary, titles, params.confidence, *drawn))
