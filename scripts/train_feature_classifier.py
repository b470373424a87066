"""Train the feature classifier that compares GAN images (not in the BAAAN paper; section 4.3.1 uses Inception)."""

import pandas as pd

from oleander.data import load_dataset
from oleander.evaluation.feature_classifiers import COLUMNS, save_feature_classifier, train_feature_classifier
from oleander.io.artifacts import fingerprint
from oleander.io.errors import plain_errors
from oleander.io.tables import write_csv
from oleander.training.devices import place
from oleander.training.progress import begin_job
from oleander.training.scratch import Scratch

begin_job(snakemake.log[0], snakemake.threads)
with plain_errors():
    params = snakemake.params
    dataset = load_dataset(snakemake.input.dataset)
    placement = place(params.device)
    settings = {**params.classifier, "precision": placement.precision.name}
    key = fingerprint({**settings, "dataset": dataset.sha256, "version": params.version})
    with Scratch(params.state, key, params.state_minutes.value).interruptible() as scratch:
        features, error = train_feature_classifier(
            dataset, params.classifier, placement.device, scratch, placement.precision
        )
    row = {
        "scale": params.scale,
        "precision": placement.precision.name,
        "dataset": dataset.name,
        "stand_in_for": dataset.stand_in_for or "",
        "classes": len(dataset.classes),
        "train_images": min(len(dataset.train_x), params.classifier["train_points"]),
        "test_images": len(dataset.test_x),
        "test_error": error,
        "seed": params.classifier["seed"],
    }
    write_csv(snakemake.output.csv, pd.DataFrame([row], columns=list(COLUMNS)))
    save_feature_classifier(snakemake.output.classifier, features, dataset, settings)
    scratch.clear()
