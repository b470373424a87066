"""Measure what principal components lose in place of autoencoders' codes (beyond the BAAAN paper)."""

from oleander.data import load_dataset
from oleander.evaluation.linear_codes import measure_linear_codes
from oleander.io.errors import plain_errors
from oleander.io.tables import write_csv
from oleander.training.progress import begin_job

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    errors = measure_linear_codes(
        load_dataset(snakemake.input.dataset), snakemake.params.networks, snakemake.params.identity
    )
    write_csv(snakemake.output.errors, errors)
