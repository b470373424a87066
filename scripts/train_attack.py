"""Train one cohort of an attack's generators (for pGAN: pGAN paper, section 3.2, Algorithm 1)."""

import shutil
from pathlib import Path

from oleander.attacks import Checkpoint, Replica, precision_of, trained_attack
from oleander.data import load_dataset, make_task
from oleander.evaluation.checkpoints import checkpoint_file
from oleander.evaluation.checks import check_tasks
from oleander.io.artifacts import fingerprint
from oleander.io.errors import plain_errors
from oleander.io.tables import identified, write_csv
from oleander.training.devices import place
from oleander.training.progress import begin_job
from oleander.training.scratch import Scratch

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    params = snakemake.params
    attack = trained_attack(params.attack["name"])
    dataset = load_dataset(snakemake.input.dataset)
    # As check_data does, which may still wait for its turn: no hours of training for victims that cannot be built.
    check_tasks(dataset, params.tested_by.value)
    placement = place(params.device)
    task = make_task(dataset, **params.task).to(placement.device)
    precision = precision_of(params.attack, placement)
    resolved = {
        "task": params.task,
        "attack": params.attack,
        "replicas": params.replicas,
        "identity": params.identity,
        "precision": precision.name,
        "dataset": dataset.sha256,
        "version": params.version,
    }
    replicas = [Replica(**replica) for replica in params.replicas]
    attack.check(task, replicas, params.attack)
    every, key, checkpoint = params.checkpoint_iterations, fingerprint(resolved), None
    keeps = snakemake.output.get("checkpoints") is not None
    if keeps:
        # With the state, since Snakemake removes outputs of a killed job; under a key, as what lies there may be older.
        key = fingerprint({**resolved, "checkpoint_iterations": every})
        kept = Path(params.state) / f"checkpoints-{key}"
        kept.mkdir(parents=True, exist_ok=True)
        checkpoint = Checkpoint(every, lambda at, made: attack.save(checkpoint_file(kept, at), made, resolved))
    with Scratch(params.state, key, params.state_minutes.value).interruptible() as scratch:
        generators, curves = attack.fit(task, replicas, params.attack, scratch, precision, checkpoint)
    write_csv(snakemake.output.curves, identified(curves, {**params.identity, "precision": precision.name}))
    if keeps:
        unfinished = shutil.ignore_patterns(".partial-*")
        shutil.copytree(kept, params.checkpoints, ignore=unfinished, dirs_exist_ok=True)
    attack.save(snakemake.output.generators, generators, resolved)
    scratch.clear()
