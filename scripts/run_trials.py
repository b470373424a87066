"""Run the trials of one cohort of an attack: poison, defend, train and test victims (pGAN paper, sections 4.2, 4.3)."""

from oleander.attacks import Replica, load_attacker
from oleander.data import load_dataset, make_task
from oleander.evaluation.trials import run_trials, trials_key
from oleander.io.errors import plain_errors
from oleander.io.files import sha256_of
from oleander.io.tables import write_csv
from oleander.training.devices import place
from oleander.training.progress import begin_job
from oleander.training.scratch import Scratch

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    params, generators = snakemake.params, snakemake.input.get("generators")
    dataset = load_dataset(snakemake.input.dataset)
    placement = place(params.device)
    task = make_task(dataset, **params.task).to(placement.device)
    replicas = [Replica(**replica) for replica in params.replicas]
    attacker = load_attacker(
        params.attack, generators, replicas, placement.device, params.evaluation["dropout_when_drawing"]
    )
    key = trials_key(params, placement, dataset.sha256, generators=sha256_of(generators) if generators else None)
    with Scratch(params.state, key, params.state_minutes.value).interruptible() as scratch:
        trials, confusion = run_trials(task, attacker, params.evaluation, params.identity, placement, scratch)
    write_csv(snakemake.output.trials, trials)
    write_csv(snakemake.output.confusion, confusion)
    scratch.clear()
