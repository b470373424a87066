"""Compute the features of test images, the reference of a GAN's distances (BAAAN paper, section 4.3.1)."""

from oleander.backdoors.targets.distribution import rows_of
from oleander.data import load_dataset
from oleander.data.framing import fit_to
from oleander.evaluation.feature_classifiers import load_feature_classifier, load_features
from oleander.io.errors import plain_errors
from oleander.metrics.fid import feature_statistics, save_statistics
from oleander.training.devices import place
from oleander.training.progress import begin_job

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    device = place(snakemake.params.device).device
    dataset = load_dataset(snakemake.input.dataset)
    classifier = load_feature_classifier(snakemake.input.classifier, device)
    features = load_features(classifier, list(snakemake.input.inception), device)
    classes = snakemake.params.classes or dataset.classes
    images = dataset.test_x[rows_of(classes, dataset, dataset.test_y)]
    # As the GAN's images are fitted: those of a target may have another size, or fewer colours.
    images = fit_to(images, classifier.shape)
    compared = snakemake.params.compared
    statistics = feature_statistics(features, images, f"test images of {dataset.name}", compared)
    version = snakemake.params.version
    settings = {"dataset": dataset.sha256, "classes": list(classes), "compared": compared, "version": version}
    save_statistics(snakemake.output.statistics, statistics, settings)
