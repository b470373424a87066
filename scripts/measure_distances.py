"""Measure how far the poison of each generator in the plane is from genuine points (pGAN paper, section 4.1)."""

from oleander.data import load_dataset, make_task
from oleander.evaluation.distances import measure_distances
from oleander.io.errors import plain_errors
from oleander.io.pictures import load_samples
from oleander.io.tables import write_csv
from oleander.training.progress import begin_job

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    task = make_task(load_dataset(snakemake.input.dataset), **snakemake.params.task)
    (samples,) = load_samples(snakemake.input.samples).values()
    identity = {
        **snakemake.params.identity,
        "precision": samples.precision,
        "dataset": task.dataset,
        "stand_in_for": task.stand_in_for or "",
    }
    write_csv(
        snakemake.output.distances,
        measure_distances(samples, task.test_x[task.test_y == 1].flatten(1).numpy(), identity),
    )
