"""Fit logistic regressions before and after poisoning (pGAN paper, Appendix B, Figure 9)."""

from oleander.attacks import trained_attack
from oleander.data import load_dataset, make_task
from oleander.evaluation.boundaries import fit_boundaries
from oleander.io.errors import plain_errors
from oleander.io.tables import write_csv
from oleander.training.progress import begin_job

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    task = make_task(load_dataset(snakemake.input.dataset), **snakemake.params.task)
    generators = trained_attack(snakemake.params.attack["name"]).load(snakemake.input.generators, "cpu")
    boundaries, points = fit_boundaries(task, generators, snakemake.params.evaluation, snakemake.params.identity)
    write_csv(snakemake.output.boundaries, boundaries)
    write_csv(snakemake.output.points, points)
