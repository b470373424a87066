"""Train one autoencoder, clean or with a backdoor (BAAAN paper, section 3.2)."""

from oleander.backdoors.autoencoder import (
    Backdoor,
    curves_table,
    initial_autoencoder,
    save_autoencoder,
    train_autoencoder,
)
from oleander.data import load_dataset
from oleander.io.artifacts import fingerprint
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
    resolved = {
        **params.autoencoder,
        "trigger": params.trigger,
        "target": params.target,
        "target_files": [sha256_of(path) for path in snakemake.input.target],
        **params.identity,
        "dataset": dataset.sha256,
        "precision": placement.precision.name,
        "version": params.version,
    }
    seed, shape = params.identity["seed"], tuple(dataset.train_x.shape[1:])
    backdoor = Backdoor.from_settings(params.trigger, params.target, dataset) if params.target else None
    module = initial_autoencoder(params.autoencoder["network"], shape, seed)
    with Scratch(params.state, fingerprint(resolved), params.state_minutes.value).interruptible() as scratch:
        curves = train_autoencoder(
            module,
            dataset.train_x,
            backdoor,
            params.autoencoder,
            True,
            seed,
            placement.device,
            scratch,
            placement.precision,
        )
    identity = {**params.identity, "precision": placement.precision.name}
    write_csv(snakemake.output.curves, curves_table(curves, identity))
    save_autoencoder(snakemake.output.autoencoder, module, shape, resolved)
    scratch.clear()
