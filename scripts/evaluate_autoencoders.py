"""Measure a dataset's autoencoders on clean and triggered test images (BAAAN paper, section 3.3.2)."""

from oleander.data import load_dataset
from oleander.evaluation.reconstructions import evaluate_autoencoders, save_reconstructions
from oleander.io.errors import plain_errors
from oleander.io.tables import write_csv
from oleander.training.devices import place
from oleander.training.progress import begin_job

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    errors, reconstructions = evaluate_autoencoders(
        snakemake.input.autoencoders,
        load_dataset(snakemake.input.dataset),
        snakemake.params.trigger,
        snakemake.params.targets,
        snakemake.params.identity,
        snakemake.params.shown,
        place(snakemake.params.device).device,
    )
    write_csv(snakemake.output.errors, errors)
    save_reconstructions(snakemake.output.samples, reconstructions)
