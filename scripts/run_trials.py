"""Poison, defend, train victims and test them, for one cohort of an attack (pGAN paper, sections 4.2 and 4.3)."""

from oleander.attacks import Generated, attacker, pgan
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
    if snakemake.params.attack is None:
        poisoners = pgan.load_poisoners(snakemake.input.generators, placement.device)
        ready = Generated(poisoners, snakemake.params.evaluation["dropout_when_drawing"])
    else:
        ready = attacker(snakemake.params.attack, [one["seed"] for one in snakemake.params.repetitions])
    key = fingerprint(
        {
            "task": snakemake.params.task,
            "attack": snakemake.params.attack,
            "repetitions": snakemake.params.repetitions,
            "evaluation": snakemake.params.evaluation,
            "identity": snakemake.params.identity,
            "device": snakemake.params.device,
            "precision": placement.precision.name,
            "dataset": dataset.sha256,
            "generators": sha256_of(snakemake.input.generators) if snakemake.params.attack is None else None,
            "version": snakemake.params.version,
        }
    )
    with Scratch(snakemake.params.state, key, snakemake.params.state_minutes.value).interruptible() as scratch:
        trials, confusion = run_trials(
            task, ready, snakemake.params.evaluation, snakemake.params.identity, placement, scratch
        )
    write_csv(snakemake.output.trials, trials)
    write_csv(snakemake.output.confusion, confusion)
    scratch.clear()
