"""Tabulate the prepared points of every task (pGAN paper, Table 2)."""

from oleander.data import load_dataset, make_task
from oleander.evaluation.inventory import dataset_table
from oleander.io.claims import read_claims
from oleander.io.errors import plain_errors
from oleander.io.files import write_text
from oleander.io.tables import write_csv
from oleander.plots.paper_tables import datasets_latex, datasets_markdown
from oleander.plots.tables import statements

with plain_errors():
    params = snakemake.params
    datasets = {dataset.name: dataset for dataset in map(load_dataset, snakemake.input.datasets)}
    tasks = {name: make_task(datasets[task["dataset"]], **task["settings"]) for name, task in params.tasks.items()}
    titles = {name: task["title"] for name, task in params.tasks.items()}
    table = dataset_table(params.scale, params.table, tasks)
    published = statements([claim for path in snakemake.input.claims for claim in read_claims(path)], **params.quoted)
    write_csv(snakemake.output.csv, table)
    write_text(snakemake.output.md, datasets_markdown(table, published, titles, params.figure_title))
    write_text(snakemake.output.tex, datasets_latex(table, titles, params.figure_title))
