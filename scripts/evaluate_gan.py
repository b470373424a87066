"""Measure the images of a trained GAN, and save some for the figures (BAAAN paper, section 4.3)."""

from oleander.backdoors.gan import Backdoor, load_gan
from oleander.data import load_dataset
from oleander.evaluation.feature_classifiers import load_feature_classifier
from oleander.evaluation.gans import evaluate_gan, measurements_of, sample_images, save_gan_samples, scores_table
from oleander.io.errors import plain_errors
from oleander.io.tables import write_csv
from oleander.training.devices import place
from oleander.training.precision import FLOAT32
from oleander.training.progress import begin_job

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    params = snakemake.params
    device = place(params.device).device
    gan = load_gan(snakemake.input.gan, params.checkpoint, device)
    dataset = load_dataset(snakemake.input.dataset)
    backdoor = None
    if params.backdoor is not None:
        target_dataset = load_dataset(snakemake.input.target_dataset)
        backdoor = Backdoor.from_settings(params.backdoor, dataset, target_dataset, gan.sizes, flip=False)
    measurements = measurements_of(
        params.measurements,
        [load_dataset(path) for path in snakemake.input.reference_datasets],
        [load_feature_classifier(path, device) for path in snakemake.input.classifiers],
        list(snakemake.input.references),
        [load_feature_classifier(path, device) for path in snakemake.input.colour_classifiers],
        list(snakemake.input.colour_references),
        list(snakemake.input.inception),
        backdoor,
        device,
    )
    seed = params.identity["seed"]
    count, batch = params.counts["measured"], params.counts["batch"]
    rows = evaluate_gan(gan, measurements, backdoor, dataset.classes, count, batch, seed)
    precision = gan.settings.get("precision", FLOAT32.name)
    identity = {**params.identity, "precision": precision, "checkpoint": params.checkpoint}
    write_csv(snakemake.output.scores, scores_table([{**identity, **row} for row in rows]))
    shape = tuple(dataset.train_x.shape[1:])
    images = sample_images(gan, backdoor, params.counts["shown"], batch, seed, shape)
    save_gan_samples(snakemake.output.samples, images, {**identity, "status": gan.status})
