"""pGAN: a generator trained against a discriminator and a classifier at once.

Muñoz-González et al., "Poisoning Attacks with Generative Adversarial Nets", 2019, sections 3.2 and 3.3, Algorithm 1.

Each iteration, for each replica:
 1. i discriminator steps: ascend V(D, G) (Equation 1) on genuine target-class points and generated points;
 2. j classifier steps: ascend W(C, G) (Equation 2) on a mixture of generated points (weight lambda) and genuine points
    of all classes (weight 1 - lambda);
 3. k generator steps: descend alpha V + (1 - alpha) W (Equation 3). The first term is non-saturating; the second is as
    printed or non-saturating (`_fooling`), weighted by lambda (Equation 3) or unweighted (Algorithm 1).

An epoch is ceil(points / batch size) iterations, where the points are those of the target class or of all classes
(`epoch_of`); batches are drawn with replacement.

Choices that the paper leaves open are settings in config.yaml. Algorithm 1 prints log D(G(z)) in step 1, which is
treated as a misprint of Equation 1's log(1 - D(G(z))). Dropout is on in all three networks during training; when
drawing points it is off by default. Batch norm uses batch statistics in training and running statistics when drawing
points. The paper does not specify batches for batch norm: here genuine and generated points form separate batches in
the discriminator and the classifier. Step 2 thus computes each expectation of Equation 2 as step 3 does, which has
generated points only; lambda weights only the loss.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F

from oleander.attacks.base import Checkpoint, Replica
from oleander.data.tasks import Task
from oleander.io.artifacts import COUNT, MAPPING, SEED, SHAPE, check_header, expecting, load_artifact, save_artifact
from oleander.io.columns import PGAN_CURVES
from oleander.io.errors import OleanderError
from oleander.models import Architecture, build_model, check_parameters
from oleander.training.classifiers import classification_loss, widened
from oleander.training.precision import FLOAT32, Precision
from oleander.training.progress import Progress
from oleander.training.scratch import Scratch
from oleander.training.seeds import derive_seed, generator_for, random_bits
from oleander.training.stack import Stack

SETTINGS_SCHEMA: dict[str, Any] = {
    "properties": {
        "precision": {"const": "float32"},
        "generator": {
            "$ref": "#/$defs/network",
            "unevaluatedProperties": False,
            "required": ["noise"],
            "properties": {"noise": {"$ref": "#/$defs/count"}},
        },
        "discriminator": {"$ref": "#/$defs/network", "unevaluatedProperties": False},
        "classifier": {"$ref": "#/$defs/network", "unevaluatedProperties": False},
        "batch_size": {"$ref": "#/$defs/count"},
        "discriminator_steps": {"$ref": "#/$defs/count"},
        "classifier_steps": {"$ref": "#/$defs/count"},
        "generator_steps": {"$ref": "#/$defs/count"},
        "label_smoothing": {"type": "number", "minimum": 0, "exclusiveMaximum": 0.5},
        "label_smoothing_sides": {"enum": ["one", "two"]},
        "epoch_of": {"enum": ["target_class", "all_classes"]},
        "generator_objective": {"enum": ["equation_3", "algorithm_1"]},
        "classifier_term": {"enum": ["as_printed", "non_saturating"]},
    },
    "required": [
        "generator",
        "discriminator",
        "classifier",
        "batch_size",
        "discriminator_steps",
        "classifier_steps",
        "generator_steps",
        "label_smoothing",
        "label_smoothing_sides",
        "epoch_of",
        "generator_objective",
        "classifier_term",
    ],
}
GRID = ("alphas", "lambda_primes")

BLOCK = 8
"""Number of iterations whose random numbers are drawn at once."""

CHOICES = {
    "label_smoothing_sides": ("one", "two"),
    "epoch_of": ("target_class", "all_classes"),
    "generator_objective": ("equation_3", "algorithm_1"),
    "classifier_term": ("as_printed", "non_saturating"),
}
"""Setting -> its possible values."""

HEADER: dict[str, Any] = {
    "settings": MAPPING,
    "replicas": {
        "type": "array",
        "items": {"properties": {"alpha": {"type": "number"}, "lambda_prime": {"type": "number"}, "seed": SEED}},
        "minItems": 1,
    },
    "converged": {"type": "array", "items": {"type": "boolean"}},
    "noise": COUNT,
    "shape": SHAPE,
}


@dataclass(frozen=True)
class Networks:
    """The three architectures, built for the shape of a task's points."""

    generator: Architecture
    discriminator: Architecture
    classifier: Architecture

    @classmethod
    def build(cls, settings: dict[str, Any], shape: int | tuple[int, ...]) -> "Networks":
        """Build from a pGAN block of the configuration, for points of `shape` (or that number of features)."""
        return cls(
            build_model(settings["generator"], settings["generator"]["noise"], shape),
            build_model(settings["discriminator"], shape, 1),
            build_model(settings["classifier"], shape, 1),
        )


class Poisoners:
    """Trained poison generators, one per replica.

    Attributes:
        model: the generators' architecture.
        parameters: name -> [replicas, ...].
        replicas: the replica of each generator.
        converged: bool [replicas]; False if training diverged.
        noise: length of the latent vector.
        shape: shape of one point.
        precision: name of the training precision.
    """

    def __init__(
        self,
        model: Architecture,
        parameters: dict[str, torch.Tensor],
        replicas: list[Replica],
        converged: list[bool],
        noise: int,
        shape: tuple[int, ...],
        precision: str = FLOAT32.name,
    ) -> None:
        self.precision = precision
        self.model, self.parameters, self.replicas = model, parameters, replicas
        self.converged, self.noise, self.shape = converged, noise, shape

    def draw(self, count: int, seed: int, replica: int = 0, dropout: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw poison points of one replica; batch norm uses running statistics.

        Args:
            count: number of points.
            seed: the same seed draws the same points; a larger draw starts with the points of a smaller one.
            replica: position in `replicas`.
            dropout: whether dropout is on, as in training.

        Returns:
            Points [count, *shape] in the range of the generator's output, and labels int64 [count], all 1 (the target
            class).

        Raises:
            OleanderError: that replica's training diverged.
        """
        if not self.converged[replica]:
            raise OleanderError(f"{self.replicas[replica]} diverged in training; draw from another replica")
        own = {name: tensor[replica : replica + 1] for name, tensor in self.parameters.items()}
        device = next(iter(own.values())).device
        generator = np.random.default_rng(derive_seed(seed, "latent"))
        latent = torch.from_numpy(generator.standard_normal((count, self.noise), dtype=np.float32))
        dtype = next(iter(own.values())).dtype
        bits = None
        if dropout:
            source = generator_for("cpu", seed, "dropout when drawing")
            bits = random_bits((count, self.model.dropout_integers), source).to(device).unsqueeze(0)
        with torch.no_grad():
            points = self.model.forward(own, latent.to(device, dtype).unsqueeze(0), bits)[0]
        return points.view(count, *self.shape), torch.ones(count, dtype=torch.int64, device=device)


def save(path: Path | str, generators: Poisoners, settings: dict[str, Any]) -> None:
    """Write trained generators to a safetensors file with the resolved `settings` in its header.

    Args:
        path: the file to write.
        generators: the result of `fit`.
        settings: the settings they were trained with; `attack` is the pGAN block, `precision` the precision's name.

    Raises:
        OleanderError: the file cannot be written.
    """
    header = {
        "settings": settings,
        "replicas": [replica.described() for replica in generators.replicas],
        "converged": generators.converged,
        "noise": generators.noise,
        "shape": list(generators.shape),
    }
    save_artifact(path, generators.parameters, header)


def load(path: Path | str, device: torch.device | str) -> Poisoners:
    """Read generators written by `save`.

    Raises:
        OleanderError: the file is missing, damaged or of another kind.
    """
    parameters, header = load_artifact(path, device)
    with expecting(path, "pGAN generators"):
        check_header(header, HEADER)
        replicas = [Replica(**replica) for replica in header["replicas"]]
        shape, noise, converged = tuple(header["shape"]), header["noise"], header["converged"]
        model = build_model(header["settings"]["attack"]["generator"], noise, shape)
        check_parameters(model, parameters, len(replicas), noise, math.prod(shape))
        if len(converged) != len(replicas):
            raise ValueError(f"its header has {len(converged)} values of converged for {len(replicas)} generators")
        precision = header["settings"].get("precision", FLOAT32.name)
    return Poisoners(model, parameters, replicas, converged, noise, shape, precision)


def check(task: Task, replicas: list[Replica], settings: dict[str, Any]) -> None:
    """Find errors before training; see `TrainedAttack.check`.

    Raises:
        OleanderError: one of `CHOICES` has an unknown value, the target class has no points, the networks do not fit
            the points, alpha is outside [0, 1], or lambda = lambda' Pr(Yp) is outside (0, 1].
    """
    _check_choices(task, settings)
    Networks.build(settings, task.shape)
    for replica in replicas:
        if not 0 <= replica.alpha <= 1 or not 0 < replica.lambda_prime * task.prior <= 1:
            raise OleanderError(
                f"{replica}: alpha must lie in [0, 1], and lambda = lambda' x {task.prior:.3f} (the target class's "
                "prior) in (0, 1]; change the experiment"
            )


def _check_choices(task: Task, settings: dict[str, Any]) -> None:
    """The part of `check` that does not depend on replicas.

    Raises:
        OleanderError: one of `CHOICES` has an unknown value, or the target class has no points.
    """
    for key, known in CHOICES.items():
        if settings[key] not in known:
            raise OleanderError(
                f"unknown {key} '{settings[key]}' in the configuration; choose one of {', '.join(known)}"
            )
    if not (task.train_y == 1).any():
        raise OleanderError(
            f"dataset {task.dataset}: no training points of the target class '{task.target_class}'; add some or "
            "choose another class"
        )


def iterations_per_epoch(task: Task, settings: dict[str, Any]) -> int:
    """Iterations of Algorithm 1 in an epoch: batches of genuine points of the target class, or of all classes, the last
    one filled up."""
    points = (task.train_y == 1).sum() if settings["epoch_of"] == "target_class" else len(task.train_y)
    return math.ceil(int(points) / settings["batch_size"])


def fit(
    task: Task,
    replicas: list[Replica],
    settings: dict[str, Any],
    scratch: Scratch,
    precision: Precision = FLOAT32,
    checkpoint: Checkpoint | None = None,
) -> tuple[Poisoners, pd.DataFrame]:
    """Train one generator per replica, all in one cohort (Algorithm 1).

    Args:
        task: the points of both classes, on the training device.
        replicas: alpha, lambda' and seed of each generator.
        settings: the pGAN block of the configuration.
        scratch: state to resume from and save to.
        precision: precision of weights and products.
        checkpoint: callback during training.

    Returns:
        The poisoners, and the training curves: one row per replica and epoch, columns alpha, lambda_prime, generator
        (the seed), epoch and `PGAN_CURVES`.

    Raises:
        OleanderError: one of `CHOICES` has an unknown value, the target class has no points, or the networks do not fit
            the task's points.
    """
    _check_choices(task, settings)
    trainer = _Trainer(task, replicas, settings, scratch, precision, checkpoint)
    with precision.products():
        trainer.run()
    return trainer.poisoners(), trainer.curves()


class _Trainer:
    """Training state of one cohort."""

    def __init__(
        self,
        task: Task,
        replicas: list[Replica],
        settings: dict[str, Any],
        scratch: Scratch,
        precision: Precision,
        checkpoint: Checkpoint | None,
    ) -> None:
        self.task, self.replicas, self.settings, self.scratch = task, replicas, settings, scratch
        self.precision, self.dtype, self.device = precision, precision.master, task.train_x.device
        self.checkpoint = checkpoint
        self.x = task.train_x.flatten(1).to(precision.product)
        self.target_rows = (task.train_y == 1).nonzero().flatten()
        self.networks = Networks.build(settings, tuple(task.train_x.shape[1:]))
        # Randomness depends only on the seed: replicas that differ only in alpha or lambda' start with equal weights,
        # so differences between them are not due to initialization.
        self.seeds = [derive_seed("pgan", replica.seed) for replica in replicas]
        self.batch = settings["batch_size"]
        self.steps = (
            settings["discriminator_steps"],
            settings["classifier_steps"],
            settings["generator_steps"],
        )
        self.per_epoch = iterations_per_epoch(task, settings)
        self.total = settings["epochs"] * self.per_epoch

        saved = scratch.load("pgan", self.device)
        if saved is None:
            self.iteration = 0
            self.active = list(range(len(replicas)))
            self.record = torch.zeros(
                settings["epochs"], len(PGAN_CURVES), len(replicas), device=self.device, dtype=self.dtype
            )
            self.generator, self.discriminator, self.classifier = (
                self._fresh(name) for name in ("generator", "discriminator", "classifier")
            )
        else:
            tensors, position = saved
            self.iteration, self.active = position["iteration"], position["active"]
            self.record = tensors["record"]
            self.generator, self.discriminator, self.classifier = (
                Stack.from_state(getattr(self.networks, name), tensors, name, self._optimizer(name), precision)
                for name in ("generator", "discriminator", "classifier")
            )
        self._follow_active()

    def _optimizer(self, name: str) -> dict[str, Any]:
        return self.settings[name]["optimizer"]

    def _fresh(self, name: str) -> Stack:
        model, optimizer = getattr(self.networks, name), self._optimizer(name)
        return Stack.initial(model, self.seeds, name, optimizer, self.device, self.precision)

    def _follow_active(self) -> None:
        """Set the loss weights, each [active], for the replicas still in the stacks."""

        def column(values: list[float]) -> torch.Tensor:
            return torch.tensor(values, device=self.device, dtype=self.dtype)

        active = [self.replicas[at] for at in self.active]
        self.alpha = column([replica.alpha for replica in active])
        self.poison_weight = column([replica.lambda_prime * self.task.prior for replica in active])

    def run(self) -> None:
        """Train to the end, saving state when it is due."""
        progress = Progress(f"{len(self.replicas)} pGAN generators", self.total, self.iteration)
        while self.iteration < self.total and self.active:
            block = self.iteration // BLOCK
            end = min((block + 1) * BLOCK, self.total)
            draws = self._draw_block(block)
            while self.iteration < end:
                offset = self.iteration - block * BLOCK
                losses = self._iterate(**{name: draw[:, offset] for name, draw in draws.items()})
                self.record[self.iteration // self.per_epoch][:, self.active] += losses / self.per_epoch
                self.iteration += 1
                progress.advance(1)
                if self.checkpoint is not None and self.iteration % self.checkpoint.iterations == 0:
                    self.checkpoint.save(self.iteration, self.poisoners())
                # Before saving, so that a resumed run does not contain dropped replicas.
                if self.iteration == end:
                    self._drop_diverged()
                self.scratch.save_if_due("pgan", self._state)

    def _drop_diverged(self) -> None:
        """Remove replicas with non-finite losses or parameters from the stacks; their later curves are NaN."""
        epoch = (self.iteration - 1) // self.per_epoch
        finite = self.record[epoch][:, self.active].isfinite().all(0)
        for stack in (self.generator, self.discriminator, self.classifier):
            for tensor in stack.parameters.values():
                finite &= tensor.detach().isfinite().flatten(1).all(1)
        if not finite.all():
            keep = finite.nonzero().flatten().tolist()
            gone = [at for at, fine in zip(self.active, finite.tolist(), strict=True) if not fine]
            self.record[epoch + 1 :, :, gone] = torch.nan
            self.active = [self.active[at] for at in keep]
            if keep:
                self.generator = self.generator.select(keep)
                self.discriminator = self.discriminator.select(keep)
                self.classifier = self.classifier.select(keep)
                self._follow_active()

    def _draw_block(self, block: int) -> dict[str, torch.Tensor]:
        """Draw all random numbers of a block of iterations, using each replica's own generators.

        Shapes start with [active, BLOCK]. Returns the rows of the discriminator's and the classifier's genuine points,
        the latent vectors of all steps, and the random bits of the three networks' dropout.
        """
        i, j, k = self.steps
        m = self.batch
        noise = self.settings["generator"]["noise"]
        points = {
            "generator": ((i + j + k) * m, self.networks.generator),
            "discriminator": ((2 * i + k) * m, self.networks.discriminator),
            "classifier": ((2 * j + k) * m, self.networks.classifier),
        }
        drawn: dict[str, list[torch.Tensor]] = {
            name: [] for name in (*(f"{network}_bits" for network in points), "target_rows", "all_rows", "latent")
        }
        for at in self.active:
            seed = self.seeds[at]
            rows = np.random.default_rng(derive_seed(seed, "rows", block))
            drawn["target_rows"].append(torch.from_numpy(rows.integers(len(self.target_rows), size=(BLOCK, i * m))))
            drawn["all_rows"].append(torch.from_numpy(rows.integers(len(self.x), size=(BLOCK, j * m))))
            latent = torch.empty(BLOCK, (i + j + k) * m, noise, device=self.device)
            drawn["latent"].append(
                latent.normal_(generator=generator_for(self.device, seed, "noise", block)).to(self.precision.product)
            )
            for name, (count, model) in points.items():
                # The stream's name is part of the seed: changing it would change results.
                source = generator_for(self.device, seed, f"{name}_words", block)
                drawn[f"{name}_bits"].append(random_bits((BLOCK, count, model.dropout_integers), source))
        return {name: torch.stack(draws).to(self.device) for name, draws in drawn.items()}

    def _iterate(
        self,
        target_rows: torch.Tensor,
        all_rows: torch.Tensor,
        latent: torch.Tensor,
        generator_bits: torch.Tensor,
        discriminator_bits: torch.Tensor,
        classifier_bits: torch.Tensor,
    ) -> torch.Tensor:
        """Run one iteration of Algorithm 1; returns `PGAN_CURVES` [curves, active], losses averaged over steps."""
        i, j, k = self.steps
        m = self.batch
        smoothing = self.settings["label_smoothing"]
        d_losses, c_losses, g_losses = [], [], []

        def generate(step: int) -> torch.Tensor:
            here = slice(step * m, (step + 1) * m)
            return self.generator(latent[:, here], generator_bits[:, here])

        genuine = self.x[self.target_rows[target_rows]]
        lowest = smoothing if self.settings["label_smoothing_sides"] == "two" else 0.0
        truth = torch.full((len(self.active), 2 * m), lowest, device=self.device, dtype=self.dtype)
        truth[:, :m] = 1 - smoothing
        for step in range(i):
            here = slice(step * m, (step + 1) * m)
            with torch.no_grad():
                poison = generate(step)
            both = torch.cat([genuine[:, here], poison], dim=1)
            bits = discriminator_bits[:, 2 * step * m : 2 * (step + 1) * m]
            logits = self._in_batches(self.discriminator, both, bits)
            d_losses.append(2 * classification_loss(logits, truth).mean(1))
            self.discriminator.step(d_losses[-1])

        hard = torch.ones(len(self.active), m, device=self.device, dtype=self.dtype)
        labels = self.task.train_y[all_rows].to(self.dtype) * (1 - smoothing - lowest) + lowest
        weight = self.poison_weight.unsqueeze(1)
        genuine = self.x[all_rows]
        for step in range(j):
            here = slice(step * m, (step + 1) * m)
            with torch.no_grad():
                poison = generate(i + step)
            both = torch.cat([poison, genuine[:, here]], dim=1)
            bits = classifier_bits[:, 2 * step * m : 2 * (step + 1) * m]
            logits = self._in_batches(self.classifier, both, bits)
            losses = classification_loss(logits, torch.cat([hard, labels[:, here]], dim=1))
            c_losses.append((weight * losses[:, :m] + (1 - weight) * losses[:, m:]).mean(1))
            self.classifier.step(c_losses[-1])

        effect = (
            self.poison_weight
            if self.settings["generator_objective"] == "equation_3"
            else torch.ones_like(weight[:, 0])
        )
        for step in range(k):
            poison = generate(i + j + step)
            d_logits = self.discriminator(poison, discriminator_bits[:, (2 * i + step) * m : (2 * i + step + 1) * m])
            c_logits = self.classifier(poison, classifier_bits[:, (2 * j + step) * m : (2 * j + step + 1) * m])
            evasion = F.softplus(-widened(d_logits)).mean((1, 2))
            g_losses.append(self.alpha * evasion + (1 - self.alpha) * effect * self._fooling(c_logits, hard))
            self.generator.step(g_losses[-1])

        means = [torch.stack(losses).detach().mean(0) for losses in (d_losses, c_losses, g_losses)]
        return torch.stack(
            [*means, *(widened(logits.detach()).sigmoid().mean((1, 2)) for logits in (d_logits, c_logits))]
        )

    def _fooling(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The classifier term of the generator's loss, [active]; `target` contains ones, the target class's label.

        As printed: minus the classifier's loss on poison. Its gradient with respect to the logit is 1 - C, which
        vanishes if the classifier assigns poison to the target class. Non-saturating: the loss with the source class's
        label, whose gradient is C.
        """
        if self.settings["classifier_term"] == "as_printed":
            return -classification_loss(logits, target).mean(1)
        return classification_loss(logits, torch.zeros_like(target)).mean(1)

    def _in_batches(self, stack: Stack, x: torch.Tensor, bits: torch.Tensor) -> torch.Tensor:
        """Outputs for `x`, which contains several batches; with batch norm, one forward pass per batch."""
        if not stack.model.batch_norm:
            return stack(x, bits)
        parts = zip(x.split(self.batch, dim=1), bits.split(self.batch, dim=1), strict=True)
        return torch.cat([stack(own, own_bits) for own, own_bits in parts], dim=1)

    def _state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        tensors = {
            "record": self.record,
            **self.generator.state("generator"),
            **self.discriminator.state("discriminator"),
            **self.classifier.state("classifier"),
        }
        return tensors, {"iteration": self.iteration, "active": self.active}

    def poisoners(self) -> Poisoners:
        """The current generators; diverged replicas keep their position."""
        parameters = {}
        for name, tensor in self.generator.parameters.items():
            parameters[name] = torch.full((len(self.replicas), *tensor.shape[1:]), torch.nan).to(tensor)
            if self.active:
                parameters[name][self.active] = tensor.detach()
        # Between two calls of `_drop_diverged`, a checkpoint may find replicas that diverged since.
        finite = torch.stack([tensor.isfinite().flatten(1).all(1) for tensor in parameters.values()]).all(0).tolist()
        converged = [at in self.active and finite[at] for at in range(len(self.replicas))]
        return Poisoners(
            self.networks.generator,
            parameters,
            self.replicas,
            converged,
            self.settings["generator"]["noise"],
            tuple(self.task.train_x.shape[1:]),
            self.precision.name,
        )

    def curves(self) -> pd.DataFrame:
        """The training curves, one row per replica and epoch."""
        record = self.record.cpu().tolist()
        rows = [
            {
                "alpha": replica.alpha,
                "lambda_prime": replica.lambda_prime,
                "generator": replica.seed,
                "epoch": epoch + 1,
                **{name: record[epoch][at_curve][at] for at_curve, name in enumerate(PGAN_CURVES)},
            }
            for at, replica in enumerate(self.replicas)
            for epoch in range(len(record))
        ]
        return pd.DataFrame(rows)
