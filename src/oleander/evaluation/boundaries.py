"""Decision boundaries before and after poisoning (pGAN paper, Appendix B, Figure 9).

One logistic regression is fitted to a few genuine points per class, another to the same points plus poison. There is
no defense.
"""

import logging
import math
from typing import Any

import pandas as pd
import torch

from oleander.attacks import Generators
from oleander.data.tasks import Task, split_task
from oleander.io.errors import OleanderError
from oleander.metrics.classification import error_rates
from oleander.models import build_model
from oleander.training.classifiers import TrainingSets, predict, train_classifiers
from oleander.training.scratch import Scratch
from oleander.training.seeds import derive_seed

logger = logging.getLogger(__name__)


def check_boundaries(task: Task, settings: dict[str, Any]) -> None:
    """Check, before training, that `fit_boundaries` can run on a task.

    Args:
        task: as for `fit_boundaries`.
        settings: `genuine_per_class`, and optionally `victim`.

    Raises:
        OleanderError: too few training points, more than two classes, points that are not in the plane, or a victim
            whose boundary is not a line.
    """
    split_task(task, 0, 2 * settings["genuine_per_class"], seed=0)
    if task.shape != (2,) or task.outputs != 1:
        raise OleanderError(
            f"boundaries need two classes of points in the plane, but {task.dataset} has {len(task.classes)} "
            f"classes of points of shape {' x '.join(map(str, task.shape))}; choose another task or evaluation"
        )
    victim = settings.get("victim")
    if victim is not None and (victim["architecture"] != "mlp" or victim["hidden"]):
        raise OleanderError(
            "boundaries are lines, but the victim's network has hidden layers; give the task a victim of architecture "
            "mlp without hidden layers"
        )


def fit_boundaries(
    task: Task, generators: Generators, settings: dict[str, Any], identity: dict[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train a clean and a poisoned classifier for each generator of a task in the plane that did not diverge.

    Args:
        task: points [n, 2], on the training device.
        generators: trained on the same task.
        settings: `genuine_per_class`, `poison_points`, and `victim`, a network without hidden layers.
        identity: values of the constant columns `scale`, `experiment`, `attack`.

    Returns:
        Two tables. Boundaries weight0 x0 + weight1 x1 + bias = 0, one row per generator and condition ("clean",
        "poisoned"), with the test error as a fraction (NaN if training diverged). Training points, one row each, of
        kind "source", "target" or "poison".

    Raises:
        OleanderError: as in `check_boundaries`, or all generators diverged.
    """
    check_boundaries(task, settings)
    victim = settings["victim"]
    model = build_model(victim, 2, 1)
    rows, labels, seeds, descriptions, point_rows = [], [], [], [], []
    pool = [task.train_x]
    size = len(task.train_x)
    if not any(generators.converged):
        raise OleanderError(
            f"all {len(generators.replicas)} generators on {task.dataset} diverged in training, so there is no "
            "boundary to fit; use a smaller learning rate"
        )
    for at, replica in enumerate(generators.replicas):
        if not generators.converged[at]:
            logger.warning("%s diverged in training; its boundaries are left out", replica)
            continue
        seed = derive_seed("boundary", replica.seed)
        genuine = split_task(task, 0, 2 * settings["genuine_per_class"], derive_seed(seed, "split")).train_rows
        poison, poison_labels = generators.draw(settings["poison_points"], derive_seed(seed, "poison"), at)
        added = torch.arange(size, size + len(poison), device=genuine.device)
        pool.append(poison)
        size += len(poison)
        clean_labels = task.train_y[genuine]
        column = {**identity, "alpha": replica.alpha, "generator": replica.seed}
        for condition, which, truth in (
            ("clean", genuine, clean_labels),
            ("poisoned", torch.cat([genuine, added]), torch.cat([clean_labels, poison_labels])),
        ):
            rows.append(which)
            labels.append(truth)
            seeds.append(derive_seed(seed, "victim"))
            descriptions.append({**column, "condition": condition})
        kinds = ["target" if label else "source" for label in clean_labels.tolist()] + ["poison"] * len(poison)
        for kind, (x0, x1) in zip(kinds, torch.cat([task.train_x[genuine], poison]).tolist(), strict=True):
            point_rows.append({**column, "kind": kind, "x0": x0, "x1": x1})

    sets = TrainingSets(torch.cat(pool), rows, labels, seeds)
    parameters, converged = train_classifiers(model, sets, victim, task.train_x.device, Scratch.none(), "boundaries")
    error = error_rates(predict(model, parameters, task.test_x), task.test_y)["error"].tolist()
    boundaries = [
        {
            **description,
            "weight0": parameters["weight0"][at, 0, 0].item(),
            "weight1": parameters["weight0"][at, 1, 0].item(),
            "bias": parameters["bias0"][at, 0, 0].item(),
            "error": error[at] if converged[at] else math.nan,
        }
        for at, description in enumerate(descriptions)
    ]
    return pd.DataFrame(boundaries), pd.DataFrame(point_rows)
