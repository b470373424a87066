"""Train one cohort of pGAN generators (pGAN paper, section 3.2, Algorithm 1)."""

from pathlib import Path

from oleander.attacks import Replica, pgan
from oleander.data import load_dataset, make_task
from oleander.io.artifacts import fingerprint
from oleander.io.errors import plain_errors
from oleander.io.tables import write_csv
from oleander.training.devices import place
from oleander.training.progress import begin_job
from oleander.training.scratch import Scratch

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    dataset = load_dataset(snakemake.input.dataset)
    placement = place(snakemake.params.device)
    task = make_task(dataset, **snakemake.params.task).to(placement.device)
    precision = pgan.precision_of(snakemake.params.attack, placement)
    resolved = {
        "task": snakemake.params.task,
        "attack": snakemake.params.attack,
        "replicas": snakemake.params.replicas,
        "identity": snakemake.params.identity,
        "precision": precision.name,
        "dataset": dataset.sha256,
        "version": snakemake.params.version,
    }
    replicas = [Replica(**replica) for replica in snakemake.params.replicas]
    pgan.check_replicas(task, replicas)
    with Scratch(
        snakemake.params.state, fingerprint(resolved), snakemake.params.state_minutes.value
    ).interruptible() as scratch:
        poisoners, curves = pgan.fit(
            task,
            replicas,
            snakemake.params.attack,
            scratch,
            precision,
            snakemake.params.checkpoint_iterations.value,
            lambda iteration, made: pgan.save_poisoners(
                Path(snakemake.params.checkpoints, f"{iteration:06d}.safetensors"), made, resolved
            ),
        )
    identity = {**snakemake.params.identity, "precision": precision.name}
    write_csv(snakemake.output.curves, pgan.curves_table(curves, identity))
    pgan.save_poisoners(snakemake.output.generators, poisoners, resolved)
    scratch.clear()
