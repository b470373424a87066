"""Train one cohort of an attack's generators (for pGAN: pGAN paper, section 3.2, Algorithm 1)."""

from pathlib import Path

from oleander.attacks import Checkpoint, Replica, precision_of, trained_attack
from oleander.data import load_dataset, make_task
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
    every, folder = params.checkpoint_iterations.value, Path(params.checkpoints)
    checkpoint = every and Checkpoint(
        every, lambda iteration, made: attack.save(folder / f"{iteration:06d}.safetensors", made, resolved)
    )
    with Scratch(params.state, fingerprint(resolved), params.state_minutes.value).interruptible() as scratch:
        generators, curves = attack.fit(task, replicas, params.attack, scratch, precision, checkpoint)
    write_csv(snakemake.output.curves, identified(curves, {**params.identity, "precision": precision.name}))
    attack.save(snakemake.output.generators, generators, resolved)
    scratch.clear()
