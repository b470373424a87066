"""Write the measured cost of each figure and table of a scale."""

from pathlib import Path

from oleander.io.errors import plain_errors
from oleander.io.provenance import costs_table
from oleander.io.tables import write_csv

with plain_errors():
    params = snakemake.params
    costs = costs_table(Path("results", params.scale, "benchmarks"), params.jobs, params.scale)
    write_csv(snakemake.output.costs, costs)
