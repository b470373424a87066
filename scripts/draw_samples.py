"""Save genuine points and poison points of a cohort's generators (pGAN paper, Figures 1, 3, 10 and 11)."""

from oleander.attacks import trained_attack
from oleander.data import load_dataset, make_task
from oleander.evaluation.samples import draw_samples, save_samples
from oleander.io.errors import plain_errors
from oleander.training.progress import begin_job

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    task = make_task(load_dataset(snakemake.input.dataset), **snakemake.params.task)
    generators = trained_attack(snakemake.params.attack["name"]).load(snakemake.input.generators, "cpu")
    samples = draw_samples(task, generators, snakemake.params.points)
    save_samples(snakemake.output.samples, samples, task, generators, snakemake.params.identity)
