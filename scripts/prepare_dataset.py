"""Prepare a dataset from its source (pGAN paper, Table 2 and Appendix B; BAAAN paper, sections 3.3.1 and 4.3.2)."""

from oleander.data import prepare_dataset
from oleander.io.errors import plain_errors
from oleander.training.progress import begin_job

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    prepare_dataset(
        name=snakemake.params.name,
        settings=snakemake.params.settings,
        data_root=snakemake.params.data_root.value,
        allow_download=snakemake.params.allow_download.value,
        output=snakemake.output.dataset,
        manifest=snakemake.output.manifest,
    )
