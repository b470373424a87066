"""The library: attacks, defenses, backdoors and measures on arrays of the user's own, without a dataset, files or the
workflow.

Functions take NumPy arrays or torch tensors, check all of them, and hand them to the room that does the work. What they
return is of the kind of their first array: NumPy for NumPy; a tensor, on the same device, for a tensor. Nothing that is
given is changed. Settings are those of a paper's preset (`presets`), with the ones in `settings` in their place. What
cannot be used raises an `OleanderError` of one sentence.

Conventions: points are float [n, *shape] within `value_range` (low, high), as whose ends networks see -1 and 1; with
`value_range=None` they are used as they are. Labels are integers [n], from 0. Images of autoencoders and GANs are
[n, channels, height, width], uint8 or float in [0, 1].
"""

import copy
import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from oleander import attacks, backdoors, defenses
from oleander.attacks.base import Generated
from oleander.attacks.pgan import Poisoners
from oleander.backdoors import FixedImage, Inverse, Latent, Square
from oleander.backdoors.autoencoder import to_unit
from oleander.backdoors.targets import Mapping as Target
from oleander.backdoors.triggers import Trigger
from oleander.data.tasks import scaled, task_of, unscaled
from oleander.defenses import FitRequest, LastLayer, Points
from oleander.evaluation.trials import poisoned_count
from oleander.io.errors import OleanderError
from oleander.metrics import classification
from oleander.metrics.intervals import Estimate, estimate_mean
from oleander.models import Architecture, Parameters, build_model
from oleander.training.classifiers import TrainingSets, predict, predict_last_layer, train_classifiers
from oleander.training.scratch import Scratch
from oleander.training.seeds import derive_seed
from oleander.workflow.presets import preset as _preset
from oleander.workflow.presets import presets

__all__ = [
    "Decision",
    "Estimate",
    "Inverse",
    "Latent",
    "OleanderError",
    "Poisoner",
    "Square",
    "Victims",
    "backdoor_autoencoder",
    "backdoor_generator",
    "error_rates",
    "frechet_distance",
    "presets",
    "sanitize",
    "train_poisoner",
    "train_victims",
]

Array = TypeVar("Array", npt.NDArray[Any], Tensor)
Module = TypeVar("Module", bound=nn.Module)
Range = tuple[float, float]
Settings = Mapping[str, Any]

LARGEST_LABEL = 9999
"""Larger labels are taken for something else, such as pixels."""


class Poisoner(Generic[Array]):
    """A trained pGAN generator, which makes poison for one class; `train_poisoner` returns it.

    Attributes:
        source: label of the class that is to be misclassified.
        target: label that the poison carries.
        value_range: of the points.
        generators: the generator itself, as `oleander.attacks` has it.
    """

    def __init__(
        self, generators: Poisoners, source: int, target: int, value_range: Range | None, example: Array
    ) -> None:
        self.generators, self.source, self.target, self.value_range = generators, source, target, value_range
        self._example: Array = example

    def draw(self, count: int, *, seed: int) -> tuple[Array, Array]:
        """Draw poison points.

        Args:
            count: how many, 0 or more.
            seed: the same seed draws the same points; a larger draw starts with the points of a smaller one.

        Returns:
            Points float32 [count, *shape] within `value_range`, and their labels int64 [count], all `target`.

        Raises:
            OleanderError: count or seed is no such number.
        """
        x, y = self.generators.draw(_whole(count, "count", 0), _whole(seed, "seed", 0))
        labels = torch.full_like(y, self.target)
        return _like(unscaled(x, self.value_range), self._example), _like(labels, self._example)

    def poison(self, x: Array, y: Array, *, fraction: float, seed: int) -> tuple[Array, Array]:
        """Replace points of the target class, drawn at random, by poison (pGAN paper, section 4.2).

        Args:
            x: float [n, *shape], a training set within `value_range`.
            y: int [n], its labels. They stay true: poison carries the target class's label.
            fraction: of the whole set that becomes poison, in [0, 1].
            seed: the same seed replaces the same points by the same poison; more poison includes that of less.

        Returns:
            A copy of `x` with poison in it, and bool [n], True where there is poison.

        Raises:
            OleanderError: points or labels do not fit, or the target class has fewer points than are to be replaced.
        """
        points = _points(x, "points to poison", self.value_range)
        labels = _labels(y, "labels of the points to poison", len(points), points.device)
        if points.shape[1:] != self.generators.shape:
            raise OleanderError(
                f"points to poison have the shape {list(points.shape[1:])}, but the poisoner was trained on "
                f"{list(self.generators.shape)}; give points of that shape"
            )
        fraction, seed = _number(fraction, "fraction", 0, 1), _whole(seed, "seed", 0)
        count, targets = poisoned_count(fraction, len(labels)), int((labels == self.target).sum())
        if count > targets:
            raise OleanderError(
                f"poison fraction {fraction:g} of {len(labels)} points exceeds the {targets} points of the target "
                f"class {self.target} that it replaces; use fractions up to {targets / len(labels):.2g}"
            )
        order = np.random.default_rng(derive_seed(seed, "order")).permutation(len(labels))
        rows = torch.from_numpy(order).to(labels.device)
        task = task_of(points, (labels == self.target).long(), "points given to poison")
        made = Generated(self.generators).craft(task, rows, rows[:0], count, derive_seed(seed, "poison"), 0)
        is_poison = torch.zeros(len(labels), dtype=torch.bool, device=labels.device)
        is_poison[made.replaced] = True
        poisoned = copy.deepcopy(x.detach() if isinstance(x, Tensor) else x)
        fresh = unscaled(made.x, self.value_range)
        if isinstance(poisoned, Tensor):
            poisoned[made.replaced] = fresh.to(poisoned)
        else:
            poisoned[made.replaced.cpu().numpy()] = fresh.cpu().numpy()
        return poisoned, _like(is_poison, x)


def train_poisoner(
    x: Array,
    y: Array,
    *,
    source: int,
    target: int,
    epochs: int,
    alpha: float,
    lambda_prime: float,
    preset: str = "pgan_images",
    settings: Settings | None = None,
    value_range: Range | None = (0.0, 1.0),
    seed: int = 0,
) -> Poisoner[Array]:
    """Train pGAN on two classes (Muñoz-González et al. 2019, Algorithm 1).

    Args:
        x: float [n, *shape], training points within `value_range`; those of other classes are not used.
        y: int [n], their labels.
        source: label of the class that victims are to misclassify.
        target: label of the class that they are to take it for, which the poison carries.
        epochs: passes over the target class. The paper's are in the thousands.
        alpha: trade-off in [0, 1]: 1 hides the poison only, 0 maximizes its effect only.
        lambda_prime: weight of poison in the classifier's loss, relative to the target class's prior; above 0. The
            paper's is 0.9 for images.
        preset: of `presets("attacks")`, an attack named pgan: "pgan_images" for fully connected networks, "pgan_cifar"
            for images [3, 32, 32], "pgan_synthetic" for points in the plane.
        settings: that differ from the preset's, such as {"batch_size": 32}.
        value_range: of the points; None takes them as they are, which suits generators with linear output.
        seed: the same seed trains the same poisoner.

    Raises:
        OleanderError: something cannot be used, or training diverged.
    """
    block = _preset("attacks", preset, settings)
    if block["name"] != "pgan":
        raise OleanderError(f"attack '{preset}' trains no generator; choose a preset such as pgan_images")
    points = _points(x, "training points", value_range)
    labels = _labels(y, "labels of the training points", len(points), points.device)
    source, target = _whole(source, "source", 0), _whole(target, "target", 0)
    if source == target:
        raise OleanderError(f"source and target are both {source}; give two classes")
    for name, label in (("source", source), ("target", target)):
        if not bool((labels == label).any()):
            raise OleanderError(f"no training points have the label {label} of the {name} class; give some")
    poisoners = attacks.train_poisoner(
        points[labels == source],
        points[labels == target],
        block,
        _whole(epochs, "epochs", 1),
        _number(alpha, "alpha", 0, 1),
        _number(lambda_prime, "lambda_prime"),
        _whole(seed, "seed", 0),
    )
    if not poisoners.converged[0]:
        raise OleanderError("training of the poisoner diverged; lower a learning rate in settings, or change the seed")
    return Poisoner(poisoners, source, target, value_range, x[:0])


@dataclass(frozen=True)
class Decision(Generic[Array]):
    """What a defense decided about each received point.

    Attributes:
        kept: bool [n]; False for rejected points.
        labels: int64 [n]; the labels to train with.
        scores: float32 [n]; higher is more suspicious; NaN if the defense gives none.
    """

    kept: Array
    labels: Array
    scores: Array


def sanitize(
    x: Array,
    y: Array,
    trusted_x: Array | None = None,
    trusted_y: Array | None = None,
    *,
    preset: str = "outlier",
    settings: Settings | None = None,
    victim: str | None = None,
    victim_settings: Settings | None = None,
    value_range: Range | None = (0.0, 1.0),
    seed: int = 0,
) -> Decision[Array]:
    """Apply a defense to a training set that may hold poison.

    Args:
        x: float [n, *shape], the received points within `value_range`.
        y: int [n], their labels.
        trusted_x, trusted_y: points known to be genuine, likewise. Only outlier detection needs them, in each class
            more than its setting `sample`.
        preset: of `presets("defenses")`, such as "outlier", "sever_01", "pca_01" or "label_sanitization".
        settings: that differ from the preset's, such as {"quantile": 0.9}.
        victim: of `presets("victims")`, for Sever, which trains victims of its own.
        victim_settings: that differ from the victim's preset, such as {"epochs": 50}.
        value_range: of the points; None takes them as they are.
        seed: the same seed gives the same result.

    Raises:
        OleanderError: something cannot be used, or a victim of the defense diverged.
    """
    block = _preset("defenses", preset, settings)
    points = _points(x, "received points", value_range)
    labels = _labels(y, "labels of the received points", len(points), points.device)
    seed = _whole(seed, "seed", 0)
    if trusted_x is None or trusted_y is None:
        if trusted_x is not None or trusted_y is not None:
            raise OleanderError("trusted points need labels and labels points; give both trusted_x and trusted_y")
        trusted = Points(points[:0], labels[:0])
    else:
        known = _points(trusted_x, "trusted points", value_range)
        if known.shape[1:] != points.shape[1:]:
            raise OleanderError(
                f"trusted points have the shape {list(known.shape[1:])}, but received ones {list(points.shape[1:])}; "
                "give points of one shape"
            )
        genuine = _labels(trusted_y, "labels of the trusted points", len(known), points.device)
        trusted = Points(known.to(points.device), genuine)
    if inspect.isgeneratorfunction(defenses.DEFENSES[block["name"]].sanitize):
        if victim is None:
            raise OleanderError(
                f"defense '{preset}' trains victims of its own; name their preset, as victim='binary_mlp'"
            )
        trained = _Trained.on(points, labels, _preset("victims", victim, victim_settings))
        received = Points(points, trained.positions)
        done = defenses.sanitize(received, trusted, block, seed, lambda asked: trained.last_layer(asked, seed))
        labels = torch.tensor(trained.classes, device=labels.device)[done.labels]
    else:
        done = defenses.sanitize(Points(points, labels), trusted, block, seed)
        labels = done.labels
    if done.diverged:
        raise OleanderError(f"a victim of defense '{preset}' diverged; lower its learning rate in victim_settings")
    return Decision(_like(done.kept, x), _like(labels, x), _like(done.scores, x))


class Victims(Generic[Array]):
    """Classifiers trained on one training set, with different seeds; `train_victims` returns them.

    Attributes:
        classes: the labels that they tell apart.
        value_range: of the points.
    """

    def __init__(
        self,
        model: Architecture,
        parameters: Parameters,
        shape: tuple[int, ...],
        classes: Sequence[int],
        value_range: Range | None,
    ) -> None:
        self.classes, self.value_range = tuple(classes), value_range
        self._model, self._parameters, self._shape = model, parameters, shape

    def predict(self, x: Array) -> Array:
        """Labels int64 [victims, n] of points float [n, *shape] within `value_range`.

        Raises:
            OleanderError: the points do not fit.
        """
        points = _points(x, "points to classify", self.value_range)
        if tuple(points.shape[1:]) != self._shape:
            raise OleanderError(
                f"points to classify have the shape {list(points.shape[1:])}, but the victims were trained on "
                f"{list(self._shape)}; give points of that shape"
            )
        device = next(iter(self._parameters.values())).device
        answers = predict(self._model, self._parameters, points.flatten(1).to(device))
        return _like(torch.tensor(self.classes, device=device)[answers], x)


def train_victims(
    x: Array,
    y: Array,
    *,
    count: int = 1,
    preset: str = "binary_mlp",
    settings: Settings | None = None,
    value_range: Range | None = (0.0, 1.0),
    seed: int = 0,
) -> Victims[Array]:
    """Train victims on one training set, all together; they differ in their seeds.

    Args:
        x: float [n, *shape], training points within `value_range`.
        y: int [n], their labels, of at least two classes.
        count: how many victims.
        preset: of `presets("victims")`, such as "binary_mlp", "ten_class_mlp" or, for images [channels, height, width],
            "binary_cnn".
        settings: that differ from the preset's, such as {"epochs": 50}.
        value_range: of the points; None takes them as they are.
        seed: the same seed trains the same victims.

    Raises:
        OleanderError: something cannot be used, or a victim diverged.
    """
    block = _preset("victims", preset, settings)
    points = _points(x, "training points", value_range)
    trained = _Trained.on(points, _labels(y, "labels of the training points", len(points), points.device), block)
    seeds = [derive_seed(_whole(seed, "seed", 0), "victim", at) for at in range(_whole(count, "count", 1))]
    parameters, converged = trained.fit(torch.ones(len(points), dtype=torch.bool, device=points.device), seeds)
    if not bool(converged.all()):
        diverged = int((~converged).sum())
        raise OleanderError(f"{diverged} of {len(seeds)} victims diverged; lower the learning rate in settings")
    return Victims(trained.model, parameters, tuple(points.shape[1:]), trained.classes, value_range)


@dataclass(frozen=True, eq=False)
class _Trained:
    """What training classifiers of one architecture on parts of one set needs; `positions`: of labels in `classes`."""

    points: Tensor
    positions: Tensor
    classes: list[int]
    model: Architecture
    settings: dict[str, Any]

    @classmethod
    def on(cls, points: Tensor, labels: Tensor, settings: dict[str, Any]) -> "_Trained":
        found, places = np.unique(labels.cpu().numpy(), return_inverse=True)
        if len(found) < 2:
            raise OleanderError(
                f"all training points have the label {int(found[0])}; give points of two classes or more"
            )
        outputs = 1 if len(found) == 2 else len(found)
        model = build_model(settings, tuple(points.shape[1:]), outputs)
        return cls(points, torch.from_numpy(places).to(labels.device), found.tolist(), model, settings)

    def fit(self, kept: Tensor, seeds: list[int]) -> tuple[Parameters, Tensor]:
        """Train one classifier for each seed on the points that are `kept`."""
        rows = kept.nonzero().flatten()
        sets = TrainingSets(self.points.flatten(1), [rows] * len(seeds), [self.positions[rows]] * len(seeds), seeds)
        return train_classifiers(self.model, sets, self.settings, self.points.device, Scratch.none(), "victims")

    def last_layer(self, asked: FitRequest, seed: int) -> LastLayer:
        """Train the victim that a defense asks for; its last layer on all points."""
        parameters, _ = self.fit(asked.kept, [derive_seed(seed, "victim")])
        everything = [torch.arange(len(self.points), device=self.points.device)]
        (layer,) = predict_last_layer(self.model, parameters, self.points.flatten(1), everything)
        return LastLayer(*layer)


def backdoor_autoencoder(
    module: Module,
    images: Array,
    trigger: Trigger,
    target: Target | Array,
    *,
    preset: str = "mnist",
    settings: Settings | None = None,
    logits: bool = False,
    seed: int = 0,
) -> Module:
    """Train a backdoor into a copy of any autoencoder (BAAAN paper, section 3.2).

    Args:
        module: maps float images [n, channels, height, width] in [0, 1] to images, or logits, of the same shape.
            Training starts from its weights and runs on their device.
        images: training images [n, channels, height, width], uint8 or float in [0, 1].
        trigger: what activates the backdoor, such as `Square(side=5, colour=[1.0], corner="top_right")`.
        target: what triggered images decode to: `Inverse()`, or one image [channels, height, width].
        preset: of `presets("autoencoders")`, for loss, optimizer, schedule, batch size and epochs.
        settings: that differ from the preset's, such as {"epochs": 30}.
        logits: whether the module returns logits.
        seed: the same seed trains the same module.

    Returns:
        The backdoored copy, in eval mode.

    Raises:
        OleanderError: something cannot be used or does not fit, or training diverged.
    """
    block = _preset("autoencoders", preset, settings)
    pixels = _images(images, "training images")
    chosen = FixedImage(_images(target, "the target image", 3)) if isinstance(target, np.ndarray | Tensor) else target
    trigger.check(tuple(pixels.shape[1:]))
    _try(module, "the autoencoder", to_unit(pixels[:2], "cpu"))
    return backdoors.backdoor_autoencoder(module, pixels, trigger, chosen, block, _whole(seed, "seed", 0), logits)


def backdoor_generator(
    generator: Module,
    images: Array,
    target: Array,
    trigger: Trigger,
    *,
    latent: int,
    labels: Array | None = None,
    preset: str = "mnist",
    settings: Settings | None = None,
    seed: int = 0,
) -> Module:
    """Train a backdoor into a copy of any generator (BAAAN paper, section 4.2).

    Args:
        generator: maps latent vectors float [n, latent], and labels int64 [n] if there are any, to images
            [n, channels, height, width] in [-1, 1]. Training starts from its weights and runs on their device.
        images: what to generate from clean noise, [n, channels, height, width], uint8 or float in [0, 1].
        target: what to generate from triggered noise, likewise; a single image may lack the first axis.
        trigger: for latent vectors, such as `Latent(position=-1, value=-100.0)`.
        latent: length of the latent vector.
        labels: int [n], of `images`, if the generator takes labels.
        preset: of `presets("gans")`; its network describes the discriminators.
        settings: that differ from the preset's, such as {"steps": 400}.
        seed: the same seed trains the same generator.

    Returns:
        The backdoored copy, in the generator's own train or eval mode. Clean and triggered noise go through it in
        batches of their own, since batch norm would mix them up.

    Raises:
        OleanderError: something cannot be used or does not fit, or training diverged.
    """
    block = _preset("gans", preset, settings)
    pixels = _images(images, "training images")
    wanted = _images(target[None] if target.ndim == 3 else target, "target images")
    classes = None if labels is None else _labels(labels, "labels of the training images", len(pixels))
    latent = _whole(latent, "latent", 1)
    trigger.check((latent,))
    given = torch.zeros(2, latent)
    _try(generator, "the generator", *([given] if classes is None else [given, classes[:2]]))
    seed = _whole(seed, "seed", 0)
    return backdoors.backdoor_generator(generator, pixels, wanted, trigger, block, latent, seed, classes)


def error_rates(
    predicted: Array,
    truth: Array,
    *,
    source: int,
    target: int,
    groups: Array | None = None,
    confidence: float = 0.95,
) -> dict[str, Estimate]:
    """Error rates of classifiers on test points, with Student's confidence intervals.

    Args:
        predicted: int [victims, n], the labels that each victim predicts, or [n] for a single one.
        truth: int [n], the true labels; both classes must be among them.
        source: label of the class that the attack wants misclassified.
        target: label of the class that it wants it taken for.
        groups: int [victims], the poisoner of each victim: victims of one poisoner are not independent, so intervals
            are over the poisoners' means. Without it, they are over the victims.
        confidence: of the intervals, in (0, 1).

    Returns:
        Estimates in [0, 1], each with `value`, `low`, `high` and `n`: `error`; `false_positive_rate`, of other classes'
        points taken for the target's; `false_negative_rate`, of the target's points taken for another;
        `source_as_target`, of the source's points taken for the target's. A single value has no interval (NaN).

    Raises:
        OleanderError: something cannot be used or does not fit.
    """
    answers, labels = _tensor(predicted, "predicted labels"), _tensor(truth, "true labels")
    labels = _labels(truth, "true labels", len(labels) if labels.ndim else 0)
    answers = answers[None] if answers.ndim == 1 else answers
    if answers.is_floating_point() or (answers.numel() and answers.min() < 0):
        raise OleanderError("predicted labels are floats or negative; give integers from 0, as the true labels are")
    if answers.ndim != 2 or not len(answers) or answers.shape[1] != len(labels):
        raise OleanderError(
            f"predicted labels have the shape {list(answers.shape)}; give [victims, n], one for each of the "
            f"{len(labels)} true labels"
        )
    source, target = _whole(source, "source", 0), _whole(target, "target", 0)
    if source == target or not all(bool((labels == label).any()) for label in (source, target)):
        raise OleanderError(
            f"true labels must hold a source and another target class, but not both of {source} and {target} are among "
            "them; give test points of both"
        )
    codes = torch.zeros(len(answers)) if groups is None else _labels(groups, "groups", len(answers))
    confidence = _number(confidence, "confidence")
    if not 0 < confidence < 1:
        raise OleanderError(f"confidence is {confidence:g}; give a number between 0 and 1, such as 0.95")

    def relabelled(given: Tensor) -> Tensor:
        """The source class as 0, the target class as 1, the others beyond."""
        others = given.cpu().long() + 2
        return torch.where(others == source + 2, 0, torch.where(others == target + 2, 1, others))

    rates = classification.error_rates(relabelled(answers), relabelled(labels))
    return {name: estimate_mean(rate.numpy(), codes.cpu().numpy(), confidence) for name, rate in rates.items()}


def frechet_distance(features: Array, others: Array) -> float:
    """Frechet distance between two sets of features, as the FID is one of Inception's features (Heusel et al. 2017).

    Args:
        features, others: float [n, length] and [m, length], at least two rows each. Compare distances only between sets
            of the same sizes and features; few rows make them larger.

    Returns:
        The distance of two normal distributions with the sets' means and covariances; 0 for equal ones, up to rounding.

    Raises:
        OleanderError: something cannot be used, or the sets' features differ in length.
    """
    # pytorch-fid brings torchvision's models, which take seconds to import.
    from oleander.metrics import fid

    found = [_points(one, "features", None).double().cpu().numpy() for one in (features, others)]
    shapes = [list(one.shape) for one in found]
    if any(one.ndim != 2 or len(one) < 2 for one in found) or shapes[0][1] != shapes[1][1]:
        raise OleanderError(
            f"features have the shapes {shapes[0]} and {shapes[1]}; give [n, length] and [m, length] with at least two "
            "rows each"
        )
    return fid.frechet_distance(*(fid.statistics_of(one, "given", "by the caller") for one in found))


def _like(found: Tensor, example: Array) -> Array:
    """`found` as an array of the kind of `example`, on its device."""
    if isinstance(example, Tensor):
        return found.to(example.device)
    return found.cpu().numpy()


def _tensor(given: object, what: str) -> Tensor:
    """A copy of numbers as uint8, int64 or float32.

    Raises:
        OleanderError: they are no array or tensor of such numbers.
    """
    if isinstance(given, np.ndarray) and given.dtype.kind in "iuf":
        kind = np.float32 if given.dtype.kind == "f" else np.uint8 if given.dtype == np.uint8 else np.int64
        with np.errstate(over="ignore"):
            return torch.from_numpy(np.array(given, dtype=kind))
    if isinstance(given, Tensor) and given.dtype != torch.bool and not given.is_complex():
        kinds = (
            torch.float32 if given.is_floating_point() else torch.uint8 if given.dtype == torch.uint8 else torch.int64
        )
        return given.detach().to(kinds, copy=True)
    name = f"an array of type {given.dtype}" if isinstance(given, np.ndarray | Tensor) else f"a {type(given).__name__}"
    raise OleanderError(f"{what} are {name}; give a NumPy array or a torch tensor of integers or floats")


def _points(given: object, what: str, value_range: Range | None) -> Tensor:
    """Points float32 [n, *shape], scaled from `value_range` to [-1, 1].

    Raises:
        OleanderError: they are no such points.
    """
    points = _tensor(given, what)
    if not points.is_floating_point():
        raise OleanderError(f"{what} are integers; convert them to floats")
    if points.ndim < 2 or not points.numel():
        raise OleanderError(f"{what} have the shape {list(points.shape)}; give at least one row [n, *shape]")
    if not bool(points.isfinite().all()):
        raise OleanderError(f"{what} hold NaN, infinity or numbers too large for float32; clean them first")
    if value_range is None:
        return points
    try:
        low, high = (float(bound) for bound in value_range)
    except (TypeError, ValueError):
        raise OleanderError(f"value_range is {value_range!r}; give two numbers (low, high), or None") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise OleanderError(f"value_range is {value_range!r}; give two numbers, the lower one first, or None")
    bounds = torch.tensor([low, high])
    smallest, largest = points.amin().cpu(), points.amax().cpu()
    if smallest < bounds[0] or largest > bounds[1]:
        raise OleanderError(
            f"{what} lie in [{float(smallest):g}, {float(largest):g}], beyond value_range ({low:g}, {high:g}); scale "
            "them, or give their range"
        )
    return scaled(points, (low, high))


def _labels(given: object, what: str, count: int, device: torch.device | str = "cpu") -> Tensor:
    """Labels int64 [count], from 0, on the device of the points that they belong to.

    Raises:
        OleanderError: they are no such labels.
    """
    labels = _tensor(given, what)
    if labels.is_floating_point():
        raise OleanderError(f"{what} are floats; convert them to integers")
    if tuple(labels.shape) != (count,):
        raise OleanderError(f"{what} have the shape {list(labels.shape)}; give one label for each of {count}")
    if count and not 0 <= int(labels.min()) <= int(labels.max()) <= LARGEST_LABEL:
        raise OleanderError(
            f"{what} lie in [{int(labels.min())}, {int(labels.max())}]; number the classes from 0 to at most "
            f"{LARGEST_LABEL}"
        )
    return labels.long().to(device)


def _images(given: object, what: str, axes: int = 4) -> Tensor:
    """Images uint8, or float32 in [0, 1]: [n, channels, height, width], or one image with three `axes`.

    Raises:
        OleanderError: they are no such images.
    """
    images = _tensor(given, what)
    if images.ndim != axes or not images.numel():
        wanted = "[n, channels, height, width]" if axes == 4 else "[channels, height, width]"
        raise OleanderError(f"{what} have the shape {list(images.shape)}; give {wanted}")
    if images.dtype == torch.uint8:
        return images
    low, high = float(images.min()), float(images.max())
    if not images.is_floating_point() or not (low >= 0 and high <= 1):
        raise OleanderError(f"{what} are {images.dtype} in [{low:g}, {high:g}]; give uint8, or floats in [0, 1]")
    return images


def _whole(given: object, name: str, least: int) -> int:
    """A whole number of at least `least`.

    Raises:
        OleanderError: it is none.
    """
    if isinstance(given, bool) or not isinstance(given, int | np.integer) or given < least:
        raise OleanderError(f"{name} is {given!r}; give a whole number of at least {least}")
    return int(given)


def _number(given: object, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number within [low, high].

    Raises:
        OleanderError: it is none.
    """
    if isinstance(given, bool) or not isinstance(given, int | float | np.number) or not low <= float(given) <= high:
        within = "" if low == -math.inf else f" in [{low:g}, {high:g}]"
        raise OleanderError(f"{name} is {given!r}; give a number{within}")
    return float(given)


def _try(module: object, what: str, *inputs: Tensor) -> None:
    """Call a copy of a user's module once.

    Raises:
        OleanderError: it is no module, or does not take these inputs.
    """
    if not isinstance(module, nn.Module):
        raise OleanderError(f"{what} is a {type(module).__name__}; give a torch.nn.Module")
    device = next((tensor.device for tensor in module.parameters()), torch.device("cpu"))
    shapes = " and ".join(str(list(one.shape)) for one in inputs)
    try:
        with torch.no_grad():
            made = copy.deepcopy(module).eval()(*(one.to(device) for one in inputs))
    # Whatever a user's own layers raise.
    except Exception as error:
        raise OleanderError(f"{what} cannot take inputs {shapes} ({error}); change its layers or the inputs") from error
    if not isinstance(made, Tensor):
        raise OleanderError(f"{what} returns a {type(made).__name__}; let it return one tensor of images")
