"""Make sure that a GAN can be trained and judged, before hours of it (BAAAN paper, section 4.2)."""

from oleander.data import load_dataset
from oleander.evaluation.gans import check_gan
from oleander.io.errors import plain_errors
from oleander.io.files import write_json
from oleander.training.progress import begin_job

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    found = check_gan(
        load_dataset(snakemake.input.dataset),
        load_dataset(snakemake.input.target_dataset),
        snakemake.params.network,
        snakemake.params.backdoor,
        list(snakemake.input.inception),
    )
    write_json(snakemake.output.check, found)
