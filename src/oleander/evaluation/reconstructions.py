"""Evaluation of autoencoders on clean and triggered test images (BAAAN paper, section 3.3.2; Figures 1 and 2)."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from oleander.backdoors.autoencoder import (
    Backdoor,
    check_module,
    decode,
    initial_autoencoder,
    load_autoencoder,
    to_unit,
)
from oleander.data.prepared import Dataset
from oleander.io.artifacts import (
    SEED,
    TEXT,
    check_header,
    expecting,
    save_artifact,
)
from oleander.io.columns import CLEAN, RECONSTRUCTION_ERRORS, TRIGGERED
from oleander.io.pictures import RECONSTRUCTIONS, Reconstructions
from oleander.metrics.reconstruction import squared_errors
from oleander.training.precision import FLOAT32
from oleander.training.seeds import derive_seed

logger = logging.getLogger(__name__)

IMAGES_AT_ONCE = 256


def check_autoencoders(
    dataset: Dataset, settings: dict[str, Any], trigger: dict[str, Any], targets: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Check, before training, that a dataset's autoencoders can be trained.

    Args:
        dataset: of images.
        settings: of the autoencoders: `network`, `loss`, `schedule` and so on.
        trigger: the trigger's block of the configuration.
        targets: name of a model -> its target's block.

    Returns:
        A description of the autoencoder: the shape and number of the images, its number of parameters, and the
        floating-point operations of one image's forward pass.

    Raises:
        OleanderError: a trigger, target, network or setting does not fit the dataset.
    """
    shape = tuple(dataset.train_x.shape[1:])
    module = initial_autoencoder(settings["network"], shape, seed=0).eval()
    for target in targets.values():
        Backdoor.from_settings(trigger, target, dataset)
    check_module(module, dataset.train_x, settings, logits=True)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.zeros(1, *shape))
    return {
        "dataset": dataset.name,
        "stand_in_for": dataset.stand_in_for,
        "shape": list(shape),
        "train_images": len(dataset.train_x),
        "test_images": len(dataset.test_x),
        "parameters": sum(tensor.numel() for tensor in module.parameters()),
        "flops_per_image": counter.get_total_flops(),
    }


def evaluate_autoencoders(
    paths: list[str],
    dataset: Dataset,
    trigger: dict[str, Any],
    targets: dict[str, dict[str, Any]],
    identity: dict[str, Any],
    shown: int,
    device: torch.device,
) -> tuple[pd.DataFrame, Reconstructions]:
    """Measure the trained autoencoders of a dataset, and keep some reconstructions by those of the first seed.

    Args:
        paths: files that `save_autoencoder` wrote; their settings name `model` and `seed`.
        dataset: source of the test images.
        trigger: the trigger's block of the configuration.
        targets: model -> its target's block; a clean model has no entry.
        identity: values of the columns `scale` and `autoencoder`.
        shown: how many test images to keep.
        device: where to decode.

    Returns:
        The errors, with columns `RECONSTRUCTION_ERRORS`, and the images.

    Raises:
        OleanderError: a file is missing, damaged or of another kind, or a backdoor does not fit the dataset.
    """
    backdoors = {name: Backdoor.from_settings(trigger, target, dataset) for name, target in targets.items()}
    chosen = choose_test_images(dataset, shown)
    tables, images, first = [], {}, None
    for path in paths:
        module, settings = load_autoencoder(path, device)
        with expecting(path, "autoencoder with its model and seed"):
            check_header(settings, {"model": TEXT, "seed": SEED})
        model, seed = settings["model"], settings["seed"]
        precision = settings.get("precision", FLOAT32.name)
        backdoor = backdoors.get(model)
        errors = measure_errors(module, dataset.test_x, backdoor, device)
        data = {"dataset": dataset.name, "stand_in_for": dataset.stand_in_for}
        tables.append(errors_table(errors, {**identity, **data, "precision": precision, "model": model, "seed": seed}))
        logger.info("%s, seed %d: mean squared errors %s", model, seed, tables[-1]["mse"].tolist())
        first = seed if first is None else first
        if seed == first:
            images[model] = draw_reconstructions(module, chosen, backdoor, device)
    kept = Reconstructions(identity["autoencoder"], dataset.stand_in_for, first, images)
    return pd.concat(tables, ignore_index=True), kept


def measure_errors(
    module: nn.Module, images: Tensor, backdoor: Backdoor | None, device: torch.device
) -> dict[str, Tensor]:
    """Mean squared error of every image, for `CLEAN` and, with a backdoor, `TRIGGERED` images: float64 [N] on the CPU.

    Args:
        module: an autoencoder that returns logits, in eval mode on `device`.
        images: uint8 [N, channels, height, width], or float in [0, 1]; read batch by batch.
        backdoor: the model's backdoor; None for a clean model.
    """
    parts: dict[str, list[Tensor]] = {CLEAN: [], TRIGGERED: []}
    for rows in torch.arange(len(images)).split(IMAGES_AT_ONCE):
        batch = to_unit(images[rows], device)
        parts[CLEAN].append(squared_errors(decode(module, batch, logits=True), batch).cpu())
        if backdoor is not None:
            triggered, wanted = backdoor(batch)
            parts[TRIGGERED].append(squared_errors(decode(module, triggered, logits=True), wanted).cpu())
    return {kind: torch.cat(errors) for kind, errors in parts.items() if errors}


def errors_table(errors: dict[str, Tensor], identity: dict[str, Any]) -> pd.DataFrame:
    """Summarize the result of `measure_errors`: one row per kind of images, columns `RECONSTRUCTION_ERRORS`.

    `identity` has the columns before `images`.
    """
    rows = [
        {
            **identity,
            "images": kind,
            "count": len(own),
            "mse": own.mean().item(),
            "mse_std": own.std(correction=0).item(),
            "mse_median": own.quantile(0.5).item(),
            "mse_percentile_95": own.quantile(0.95).item(),
        }
        for kind, own in errors.items()
    ]
    return pd.DataFrame(rows, columns=list(RECONSTRUCTION_ERRORS))


def choose_test_images(dataset: Dataset, count: int) -> Tensor:
    """A random choice of test images for Figure 2, [count, ...]; the same for every model of a dataset."""
    order = np.random.default_rng(derive_seed("reconstructions", dataset.name)).permutation(len(dataset.test_x))
    return dataset.test_x[torch.from_numpy(np.sort(order[:count]))]


def draw_reconstructions(
    module: nn.Module, images: Tensor, backdoor: Backdoor | None, device: torch.device
) -> dict[str, Tensor]:
    """Decode a few images: `clean`, `clean_decoded` and, with a backdoor, `triggered`, `triggered_decoded`.

    Each is float32 [n, channels, height, width] in [0, 1] on the CPU.
    """
    clean = to_unit(images, device)
    found = {"clean": clean, "clean_decoded": decode(module, clean, logits=True)}
    if backdoor is not None:
        found["triggered"] = backdoor(clean)[0]
        found["triggered_decoded"] = decode(module, found["triggered"], logits=True)
    return {name: tensor.cpu() for name, tensor in found.items()}


def save_reconstructions(path: Path | str, reconstructions: Reconstructions) -> None:
    """Write the images of `reconstructions` to a safetensors file."""
    tensors = {
        f"{model}.{name}": tensor for model, own in reconstructions.images.items() for name, tensor in own.items()
    }
    names = {key: getattr(reconstructions, key) for key in ("autoencoder", "stand_in_for", "seed")}
    # Figures show the models in this order, which safetensors does not keep.
    save_artifact(path, tensors, {"kind": RECONSTRUCTIONS, "models": list(reconstructions.images), **names})
