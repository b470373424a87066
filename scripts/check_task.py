"""Check that a task suits its evaluations, victims and attacks, before anything is trained (pGAN paper, Table 2)."""

from oleander.data import load_dataset, make_task
from oleander.evaluation.checks import check_task
from oleander.io.errors import plain_errors
from oleander.io.files import write_json
from oleander.training.progress import begin_job

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    params = snakemake.params
    task = make_task(load_dataset(snakemake.input.dataset), **params.task)
    write_json(snakemake.output.check, check_task(task, params.evaluations, params.victims, params.attacks))
