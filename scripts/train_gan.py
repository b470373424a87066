"""Train one GAN, clean or with a backdoor (BAAAN paper, section 4.2)."""

from oleander.backdoors.gan import Backdoor, Images, Networks, curves_table, fit, save_gan
from oleander.data import load_dataset
from oleander.evaluation.feature_classifiers import load_feature_classifier, load_features
from oleander.evaluation.gans import clean_distance, save_grids
from oleander.io.artifacts import fingerprint
from oleander.io.errors import plain_errors
from oleander.io.files import sha256_of
from oleander.io.tables import write_csv
from oleander.metrics.fid import load_statistics
from oleander.models.biggan import Sizes
from oleander.training.devices import place
from oleander.training.progress import begin_job
from oleander.training.scratch import Scratch

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    params = snakemake.params
    placement = place(params.device)
    device = placement.device
    dataset, target_dataset = load_dataset(snakemake.input.dataset), load_dataset(snakemake.input.target_dataset)
    classifier = load_feature_classifier(snakemake.input.classifier, device)
    features = load_features(classifier, list(snakemake.input.inception), device)
    sizes = Sizes.from_settings(params.gan["network"], dataset.train_x.shape[1], len(dataset.classes))
    images = Images(dataset.train_x, dataset.train_y, sizes.shape, params.gan["flip"])
    backdoor = None
    if params.backdoor is not None:
        backdoor = Backdoor.from_settings(params.backdoor, dataset, target_dataset, sizes, params.gan["flip"])
    resolved = {
        **params.gan,
        "backdoor": params.backdoor,
        **params.identity,
        "datasets": [dataset.sha256, target_dataset.sha256],
        "target_files": [sha256_of(path) for path in snakemake.input.target_file],
        "features": features.source,
        "precision": placement.precision.name,
        "version": params.version,
    }
    conditional = backdoor is not None and backdoor.conditional
    networks = Networks.biggan(sizes, params.identity["seed"], backdoor is not None, conditional)
    distance = clean_distance(features, classifier, load_statistics(snakemake.input.reference))
    with Scratch(params.state, fingerprint(resolved), params.state_minutes.value).interruptible() as scratch:
        seed = params.identity["seed"]
        trained = fit(networks, images, backdoor, params.gan, seed, scratch, device, distance, placement.precision)
    identity = {**params.identity, "precision": placement.precision.name}
    write_csv(snakemake.output.curves, curves_table(trained, features.name, identity))
    save_grids(snakemake.output.grids, trained.grids)
    save_gan(snakemake.output.gan, trained, sizes, resolved)
    scratch.clear()
