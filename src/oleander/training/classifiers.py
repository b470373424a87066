"""Train a cohort of classifiers, each on its own rows of a shared pool of points (the victims of an experiment).

Replicas may have different numbers of rows. Each replica takes the same steps as if trained alone: an epoch is
ceil(rows / batch size) steps, the last one on the remaining rows. Steps run in lockstep; a replica that has finished
leaves the stack with its parameters.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from oleander.models.base import Architecture, Parameters
from oleander.training.precision import FLOAT32, Precision
from oleander.training.progress import Progress
from oleander.training.scratch import Scratch
from oleander.training.seeds import derive_seed, generator_for, random_bits
from oleander.training.stack import Stack

BLOCK = 64
"""Maximum number of steps whose random numbers are drawn at once; fewer if dropout needs many (`steps_per_block`)."""

INTEGERS_AT_ONCE = 2**15
"""Maximum number of 64-bit integers of random bits per row in a block. Table 5's fully connected network needs 24 per
step, the convolutional one 2,384."""


@dataclass(frozen=True)
class TrainingSets:
    """The training set of each replica of a cohort.

    Attributes:
        pool: [points, features], shared by all replicas, on the device.
        rows: one int64 [n_r] per replica: its points' positions in the pool.
        labels: one int64 [n_r] per replica: its points' labels.
        seeds: one per replica, for initial weights, data order and dropout.
    """

    pool: torch.Tensor
    rows: list[torch.Tensor]
    labels: list[torch.Tensor]
    seeds: list[int]

    def __len__(self) -> int:
        return len(self.seeds)


def classification_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of each row, [replicas, rows], in float32 or wider.

    Args:
        logits: [replicas, rows, outputs]; one output means two classes.
        targets: [replicas, rows], class labels; with one output, also probabilities of class 1 in [0, 1].
    """
    logits = widened(logits)
    if logits.shape[-1] == 1:
        return F.binary_cross_entropy_with_logits(logits[..., 0], targets.to(logits.dtype), reduction="none")
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)


def widened(x: torch.Tensor) -> torch.Tensor:
    """`x` in float32 or wider, for computing losses and probabilities."""
    return x.float() if x.element_size() < 4 else x


def predict(model: Architecture, parameters: Parameters, x: torch.Tensor, rows_at_once: int = 500) -> torch.Tensor:
    """Labels, int64 [replicas, points], that each replica predicts for the points `x` [points, features]; dropout is
    off and batch norm uses running statistics."""
    replicas = next(iter(parameters.values())).shape[0]
    answers = []
    with torch.no_grad():
        for part in x.split(rows_at_once):
            logits = model.forward(parameters, part.expand(replicas, *part.shape))
            answers.append((logits[..., 0] > 0).long() if logits.shape[-1] == 1 else logits.argmax(-1))
    return torch.cat(answers, dim=1)


def predict_last_layer(
    model: Architecture,
    parameters: Parameters,
    pool: torch.Tensor,
    rows: list[torch.Tensor],
    rows_at_once: int = 500,
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Inputs and outputs of each replica's last layer for its own points; dropout is off and batch norm uses running
    statistics.

    Args:
        model: the replicas' architecture.
        parameters: name -> [replicas, ...].
        pool: [points, features], shared by all replicas.
        rows: one int64 [n_r] per replica: its points' positions in the pool.
        rows_at_once: points per replica that are computed together.

    Returns:
        One pair per replica: the last layer's inputs [n_r, units] and the logits [n_r, outputs]; NaN if the replica
        diverged.
    """
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    dtype = next(iter(parameters.values())).dtype
    with torch.no_grad():
        parts = [
            model.last_layer(parameters, pool[part].flatten(2).to(dtype)) for part in padded.split(rows_at_once, dim=1)
        ]
    hidden, logits = (torch.cat(tensors, dim=1) for tensors in zip(*parts, strict=True))
    return [(hidden[at, : len(own)], logits[at, : len(own)]) for at, own in enumerate(rows)]


def batches_of(seed: int, rows: int, batch_size: int, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Batches of steps first..first+count-1 of one replica: row positions, and weights that sum to 1 in each step.

    Every epoch is a new permutation. An epoch's last batch may be smaller: its padding has weight 0.

    Returns:
        int64 [count, batch_size] and float64 [count, batch_size].
    """
    steps_an_epoch = math.ceil(rows / batch_size)
    first_epoch, last_epoch = first // steps_an_epoch, (first + count - 1) // steps_an_epoch
    order = np.zeros((last_epoch - first_epoch + 1, steps_an_epoch * batch_size), dtype=np.int64)
    for epoch in range(first_epoch, last_epoch + 1):
        order[epoch - first_epoch, :rows] = np.random.default_rng(derive_seed(seed, "order", epoch)).permutation(rows)
    weights = np.zeros_like(order, dtype=np.float64)
    weights[:, :rows] = 1
    skip = first - first_epoch * steps_an_epoch
    order = order.reshape(-1, batch_size)[skip : skip + count]
    weights = weights.reshape(-1, batch_size)[skip : skip + count]
    return order, weights / weights.sum(axis=1, keepdims=True)


def bytes_per_replica(model: Architecture, batch_size: int, features: int, itemsize: int = 4) -> int:
    """Upper estimate of the memory of one replica in training, in bytes: five copies of its parameters (values,
    gradients, optimizer, one spare), its activations and its random bits."""
    sizes = [tensor.numel() for tensor in model.initial(generator_for("cpu", 0)).values()]
    activations = 8 * batch_size * (features + model.activations)
    bits = 8 * steps_per_block(model) * batch_size * max(1, model.dropout_integers)
    return itemsize * (5 * sum(sizes) + activations) + bits


def steps_per_block(model: Architecture) -> int:
    """Steps whose random numbers are drawn at once. It affects the random bits, so it must depend on the model only."""
    return max(1, min(BLOCK, INTEGERS_AT_ONCE // max(1, model.dropout_integers)))


def train_classifiers(
    model: Architecture,
    sets: TrainingSets,
    settings: dict[str, Any],
    device: torch.device,
    scratch: Scratch,
    part: str,
    precision: Precision = FLOAT32,
) -> tuple[Parameters, torch.Tensor]:
    """Train one classifier per training set, all in one cohort.

    Args:
        model: their architecture, with logits as output.
        sets: their training sets, at most as many as fit on the device (`bytes_per_replica`).
        settings: `epochs`, `batch_size`, `optimizer`.
        device: the pool's device.
        scratch: state to resume from and save to.
        part: name of this cohort's state in `scratch`; removed on success.
        precision: precision of weights and products.

    Returns:
        Parameters [replicas, ...], including batch norm's running statistics, and bool [replicas], False if training
        diverged (NaN or infinity); a diverged replica's parameters are NaN.
    """
    with precision.products():
        return _train(model, sets, settings, device, scratch, part, precision)


def _train(
    model: Architecture,
    sets: TrainingSets,
    settings: dict[str, Any],
    device: torch.device,
    scratch: Scratch,
    part: str,
    precision: Precision,
) -> tuple[Parameters, torch.Tensor]:
    """`train_classifiers` inside the precision's context."""
    batch_size, epochs = settings["batch_size"], settings["epochs"]
    total_steps = [epochs * math.ceil(len(rows) / batch_size) for rows in sets.rows]
    longest = max(len(rows) for rows in sets.rows)
    padded_rows = torch.zeros(len(sets), longest, dtype=torch.int64, device=device)
    padded_labels = torch.zeros(len(sets), longest, dtype=torch.int64, device=device)
    for replica, (rows, labels) in enumerate(zip(sets.rows, sets.labels, strict=True)):
        padded_rows[replica, : len(rows)] = rows
        padded_labels[replica, : len(labels)] = labels

    pool = sets.pool.to(precision.product)
    saved = scratch.load(part, device)
    if saved is None:
        step, active = 0, [replica for replica, steps in enumerate(total_steps) if steps > 0]
        stack = Stack.initial(model, sets.seeds, "weights", settings["optimizer"], device, precision)
        result = {name: tensor.detach().clone() for name, tensor in stack.parameters.items()}
        converged = torch.ones(len(sets), dtype=torch.bool, device=device)
        stack = stack.select(active)
    else:
        tensors, position = saved
        step, active = position["step"], position["active"]
        result = {name.removeprefix("result."): t for name, t in tensors.items() if name.startswith("result.")}
        converged = tensors["converged"]
        stack = Stack.from_state(model, tensors, "stack", settings["optimizer"], precision)

    def state() -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        tensors = {f"result.{name}": tensor for name, tensor in result.items()}
        return {**tensors, **stack.state("stack"), "converged": converged}, {"step": step, "active": active}

    progress = Progress(f"{len(sets)} classifiers", max(total_steps), step)
    while active:
        block = step // steps_per_block(model)
        end = min((block + 1) * steps_per_block(model), min(total_steps[replica] for replica in active))
        *batches, padded = _draw_block(model, sets, active, batch_size, block, step, end, device)
        chosen = torch.tensor(active, device=device)
        finite = torch.ones(len(active), dtype=torch.bool, device=device)
        for offset in range(end - step):
            places, weights, bits = (part_[:, offset] for part_ in batches)
            x = pool[padded_rows[chosen.unsqueeze(1), places]].flatten(2)
            y = padded_labels[chosen.unsqueeze(1), places]
            logits = stack(x, bits, weights > 0 if padded[offset] else None)
            loss = (classification_loss(logits, y) * weights.to(precision.master)).sum(1)
            stack.step(loss)
            finite &= loss.detach().isfinite()
        progress.advance(end - step)
        step = end

        # Synchronize with the device once per block. Check parameters too: no loss shows divergence in the last step.
        for tensor in stack.parameters.values():
            finite &= tensor.detach().isfinite().flatten(1).all(1)
        keep = []
        for at, (replica, fine) in enumerate(zip(active, finite.tolist(), strict=True)):
            if not fine:
                converged[replica] = False
                for tensor in result.values():
                    tensor[replica] = torch.nan
            elif total_steps[replica] == step:
                for name, tensor in stack.parameters.items():
                    result[name][replica] = tensor.detach()[at]
            else:
                keep.append(at)
        if len(keep) < len(active):
            stack, active = stack.select(keep), [active[at] for at in keep]
        scratch.save_if_due(part, state)
    scratch.forget(part)
    return result, converged


def _draw_block(
    model: Architecture,
    sets: TrainingSets,
    active: list[int],
    batch_size: int,
    block: int,
    start: int,
    end: int,
    device: torch.device,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, list[bool]]:
    """Places [replicas, steps, batch], weights of the same shape, random bits [replicas, steps, batch, integers], and
    whether a step has a padded batch, for steps start..end-1 of `block`. Bits are drawn for the whole block, so that
    they do not depend on where a run was interrupted."""
    steps = [batches_of(sets.seeds[r], len(sets.rows[r]), batch_size, start, end - start) for r in active]
    places = torch.from_numpy(np.stack([order for order, _ in steps])).to(device)
    weights = np.stack([weight for _, weight in steps])
    padded = (weights == 0).any(axis=(0, 2)).tolist()
    shape = (steps_per_block(model), batch_size, model.dropout_integers)
    first = start - block * steps_per_block(model)
    bits = torch.stack(
        [
            random_bits(shape, generator_for(device, sets.seeds[r], "dropout", block))[first : first + end - start]
            for r in active
        ]
    )
    return places, torch.from_numpy(weights).to(device), bits, padded
