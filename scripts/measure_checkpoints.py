"""Measure the poison of one cohort over its training: neighbours and rejected points, with dropout off and on."""

from oleander.attacks import Replica, load_attacker
from oleander.attacks.pgan import iterations_per_epoch
from oleander.data import load_dataset, make_task
from oleander.evaluation.checkpoints import checkpoint_files, curves_at, measure_checkpoints
from oleander.io.errors import plain_errors
from oleander.io.tables import read_csv, write_csv
from oleander.training.devices import place
from oleander.training.progress import begin_job

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    params = snakemake.params
    device = place(params.device).device
    task = make_task(load_dataset(snakemake.input.dataset), **params.task).to(device)
    replicas = [Replica(**replica) for replica in params.replicas]
    columns = ("alpha", "lambda_prime", "generator", "epoch", "discriminator_on_poison", "classifier_on_poison")
    curves = read_csv(snakemake.input.curves, columns)
    measures = measure_checkpoints(
        task,
        checkpoint_files(snakemake.input.checkpoints),
        lambda path, dropout: load_attacker(params.attack, path, replicas, device, dropout),
        params.evaluation,
        params.identity,
        curves_at(curves, iterations_per_epoch(task, params.attack)),
    )
    write_csv(snakemake.output.measures, measures)
