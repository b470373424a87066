"""Tabulate the networks and settings of attacks or victims (pGAN paper, Tables 1 and 3 to 6)."""

from oleander.data import load_dataset, make_task
from oleander.evaluation.inventory import network_table
from oleander.io.errors import plain_errors
from oleander.io.files import write_text
from oleander.io.tables import write_csv
from oleander.plots.paper_tables import networks_latex, networks_markdown

with plain_errors():
    params = snakemake.params
    datasets = {dataset.name: dataset for dataset in map(load_dataset, snakemake.input.datasets)}
    tasks = {name: make_task(datasets[task["dataset"]], **task["settings"]) for name, task in params.tasks.items()}
    titles = {name: task["title"] for name, task in params.tasks.items()}
    table = network_table(params.scale, params.table, params.blocks, tasks)
    write_csv(snakemake.output.csv, table)
    write_text(snakemake.output.md, networks_markdown(table, titles, params.figure_title))
    write_text(snakemake.output.tex, networks_latex(table, titles, params.figure_title))
