"""Contents of the pGAN paper's Tables 1 to 6: built networks, resolved settings and sizes of prepared datasets."""

import math
from typing import Any

import pandas as pd

from oleander.attacks.pgan import Networks
from oleander.data.tasks import Task
from oleander.models import Architecture, build_model

IDENTITY = ("scale", "table", "task", "dataset", "stand_in_for")
"""Columns that name a row's table in the paper and its data."""
LAYER_COLUMNS = ("layer", "kind", "output_shape", "parameters")
SETTING_COLUMNS = ("setting", "value")
NETWORK_COLUMNS = (*IDENTITY, "block", "network", *LAYER_COLUMNS, *SETTING_COLUMNS)
"""A row is either a layer or a setting; the other's columns are empty. `block` is the name in the configuration.
`network` is generator, discriminator, classifier or victim, or the attack's name for settings of the whole attack."""
DATASET_COLUMNS = (*IDENTITY, "class", "role", "train_points", "test_points", "features", "shape")
"""A row is a class; `role` is source, target or other."""

SUM = "sum"
"""Name of the row after a network's last layer."""

LOSSES = {True: "cross-entropy of the sigmoid", False: "cross-entropy of the softmax"}
"""Name of `oleander.training.classifiers.classification_loss`; the key is whether there is a single logit."""

# The layers already show these settings.
_IN_LAYERS = ("architecture", "hidden", "last", "negative_slope", "dropout", "output")
_PLAYERS = ("generator", "discriminator", "classifier")
_STEPS = {f"{player}_steps": f"{player} steps ({letter})" for player, letter in zip(_PLAYERS, "kij", strict=True)}
"""Names of the step settings, with the letters of Algorithm 1."""


def network_table(scale: str, table: int, blocks: dict[str, dict[str, Any]], tasks: dict[str, Task]) -> pd.DataFrame:
    """Every layer and setting of the networks of attacks or victims (pGAN paper, Tables 1 and 3 to 6).

    Args:
        scale: name of the scale.
        table: number of the paper's table.
        blocks: name in the configuration -> `settings` (a block of pGAN or of a victim) and `tasks`, task ->
            {experiment: epochs}. The inner dictionary is empty for a victim, whose settings include its epochs.
        tasks: name -> the task, whose points determine the networks' shapes.

    Returns:
        Columns `NETWORK_COLUMNS`. For each network: its layers in order, the sum of their trained parameters, then its
        settings.

    Raises:
        OleanderError: a network does not fit the shape of a task's points.
    """
    rows = [
        {**_identity(scale, table, name, tasks[name]), "block": block, **row}
        for block, content in blocks.items()
        for name, epochs in content["tasks"].items()
        for row in _block_rows(content["settings"], epochs, tasks[name])
    ]
    made = pd.DataFrame(rows, columns=list(NETWORK_COLUMNS))
    return made.astype({"parameters": "Int64"})


def dataset_table(scale: str, table: int, tasks: dict[str, Task]) -> pd.DataFrame:
    """The number of points of each class of each task (pGAN paper, Table 2).

    Args:
        scale: name of the scale.
        table: number of the paper's table.
        tasks: name -> the task.

    Returns:
        Columns `DATASET_COLUMNS`, classes in the order of their labels; `features` is the product of `shape`.
    """
    rows = []
    for name, task in tasks.items():
        for label, title in enumerate(task.classes):
            rows.append(
                {
                    **_identity(scale, table, name, task),
                    "class": title,
                    "role": ("source", "target", "other")[min(label, 2)],
                    "train_points": int((task.train_y == label).sum()),
                    "test_points": int((task.test_y == label).sum()),
                    "features": math.prod(task.shape),
                    "shape": _text(task.shape),
                }
            )
    return pd.DataFrame(rows, columns=list(DATASET_COLUMNS))


def _identity(scale: str, table: int, name: str, task: Task) -> dict[str, Any]:
    return {
        "scale": scale,
        "table": table,
        "task": name,
        "dataset": task.dataset,
        "stand_in_for": task.stand_in_for or "",
    }


def _block_rows(settings: dict[str, Any], epochs: dict[str, int], task: Task) -> list[dict[str, Any]]:
    """Rows for the networks of a block, built for a task as in training."""
    if "generator" not in settings:
        return _network_rows("victim", build_model(settings, task.shape, task.outputs), settings)
    networks = Networks.build(settings, task.shape)
    rows = [row for name in _PLAYERS for row in _network_rows(name, getattr(networks, name), settings[name])]
    whole = settings["name"]
    rows += _setting_rows(whole, {key: value for key, value in settings.items() if key not in ("name", *_PLAYERS)})
    return rows + [_setting(whole, f"epochs, experiment {name}", number) for name, number in epochs.items()]


def _network_rows(name: str, model: Architecture, settings: dict[str, Any]) -> list[dict[str, Any]]:
    layers = model.describe()
    rows = [
        {
            "network": name,
            "layer": layer.name,
            "kind": layer.kind,
            "output_shape": _text(layer.output_shape),
            "parameters": layer.parameters,
        }
        for layer in layers
    ]
    rows.append({"network": name, "layer": SUM, "parameters": sum(layer.parameters for layer in layers)})
    rows += _setting_rows(name, {key: value for key, value in settings.items() if key not in _IN_LAYERS})
    if settings["output"] == "logits":
        rows.append(_setting(name, "loss", LOSSES[math.prod(layers[-1].output_shape) == 1]))
    return rows


def _setting_rows(network: str, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """One row per setting; a nested block gives a row for its name and one for each of its settings."""
    rows = []
    for key, value in settings.items():
        inner = value if isinstance(value, dict) else {"name": value}
        for name, own in inner.items():
            named = key if name == "name" else name
            rows.append(_setting(network, _STEPS.get(named, named.replace("_", " ")), own))
    return rows


def _setting(network: str, name: str, value: Any) -> dict[str, Any]:
    return {"network": network, "setting": name, "value": value}


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
