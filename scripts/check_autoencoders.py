"""Make sure that a dataset's autoencoders can be trained, before hours of it (BAAAN paper, section 3.3.1)."""

from oleander.data import load_dataset
from oleander.evaluation.reconstructions import check_autoencoders
from oleander.io.errors import plain_errors
from oleander.io.files import write_json
from oleander.training.progress import begin_job

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    found = check_autoencoders(
        load_dataset(snakemake.input.dataset),
        snakemake.params.autoencoder,
        snakemake.params.trigger,
        snakemake.params.targets,
    )
    write_json(snakemake.output.check, found)
