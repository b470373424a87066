"""Put the CSVs of an experiment's cohorts into one."""

from oleander.io.errors import plain_errors
from oleander.io.tables import read_csvs, write_csv

with plain_errors():
    write_csv(snakemake.output[0], read_csvs(snakemake.input))
