"""Run an evaluation's trials on every checkpoint of one cohort: the victim's error over the generators' training."""

from pathlib import Path

from oleander.attacks import Replica, load_attacker
from oleander.data import load_dataset, make_task
from oleander.evaluation.checkpoints import checkpoint_files, try_checkpoints
from oleander.evaluation.trials import trials_key
from oleander.io.errors import plain_errors
from oleander.io.files import sha256_of
from oleander.io.tables import write_csv
from oleander.training.devices import place
from oleander.training.progress import begin_job
from oleander.training.scratch import Scratch

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    params = snakemake.params
    dataset = load_dataset(snakemake.input.dataset)
    placement = place(params.device)
    task = make_task(dataset, **params.task).to(placement.device)
    replicas = [Replica(**replica) for replica in params.replicas]
    files = checkpoint_files(snakemake.input.checkpoints)

    def state_of(iteration: int) -> Scratch:
        """The saved state of one checkpoint's trials."""
        inputs = {"generators": sha256_of(files[iteration]), "first": iteration == min(files)}
        key = trials_key(params, placement, dataset.sha256, **inputs)
        return Scratch(Path(params.state) / f"{iteration:06d}", key, params.state_minutes.value)

    trials = try_checkpoints(
        task,
        files,
        lambda path, dropout: load_attacker(params.attack, path, replicas, placement.device, dropout),
        params.evaluation,
        params.identity,
        placement,
        state_of,
    )
    write_csv(snakemake.output.trials, trials)
    Scratch(params.state, "", 0).clear()
