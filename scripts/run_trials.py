"""Poison, filter, train victims and test them, for one cohort of generators (pGAN paper, section 4.2)."""

from oleander.attacks import pgan
from oleander.data import load_dataset, make_task
from oleander.evaluation.trials import run_trials
from oleander.io.artifacts import fingerprint
from oleander.io.errors import plain_errors
from oleander.io.files import sha256_of
from oleander.io.tables import write_csv
from oleander.training.devices import place
from oleander.training.progress import begin_job
from oleander.training.scratch import Scratch

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    dataset = load_dataset(snakemake.input.dataset)
    placement = place(snakemake.params.device)
    task = make_task(dataset, **snakemake.params.task).to(placement.device)
    poisoners = pgan.load_poisoners(snakemake.input.generators, placement.device)
    key = fingerprint(
        {
            "task": snakemake.params.task,
            "evaluation": snakemake.params.evaluation,
            "identity": snakemake.params.identity,
            "device": snakemake.params.device,
            "dataset": dataset.sha256,
            "generators": sha256_of(snakemake.input.generators),
            "version": snakemake.params.version,
        }
    )
    with Scratch(snakemake.params.state, key, snakemake.params.state_minutes).interruptible() as scratch:
        trials = run_trials(task, poisoners, snakemake.params.evaluation, snakemake.params.identity, placement, scratch)
    write_csv(snakemake.output.trials, trials)
    scratch.clear()
