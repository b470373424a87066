"""Check, before training, that a dataset suffices for every study on it."""

from oleander.data import load_dataset
from oleander.evaluation.checks import check_tasks
from oleander.evaluation.gans import check_gan
from oleander.evaluation.reconstructions import check_autoencoders
from oleander.io.errors import plain_errors
from oleander.io.files import write_json
from oleander.training.progress import begin_job

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    studies = snakemake.params.studies
    dataset = load_dataset(snakemake.input.dataset)
    datasets = {one.name: one for one in map(load_dataset, snakemake.input.others)}
    found = {"tasks": check_tasks(dataset, studies["tasks"]), "autoencoders": {}, "gans": {}}
    for name, block in studies["autoencoders"].items():
        found["autoencoders"][name] = check_autoencoders(dataset, block["settings"], block["trigger"], block["targets"])
    for name, block in studies["gans"].items():
        found["gans"][name] = {
            model: check_gan(
                dataset, datasets[block["data"][model]], block["network"], backdoor, list(snakemake.input.inception)
            )
            for model, backdoor in block["backdoors"].items()
        }
    write_json(snakemake.output.check, found)
