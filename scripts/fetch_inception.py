"""Fetch and convert the weights of the Inception network, by which the BAAAN paper compares images (section 4.3.1)."""

from oleander.io.errors import plain_errors
from oleander.metrics.inception_weights import fetch_inception
from oleander.training.progress import begin_job

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    fetch_inception(snakemake.output.weights)
