"""pGAN: a generator that plays against a discriminator and a classifier at once.

Muñoz-González et al., "Poisoning Attacks with Generative Adversarial Nets", 2019, sections 3.2 and 3.3, Algorithm 1.

Every iteration, for each replica:
 1. i discriminator steps: ascend V(D, G) (Equation 1) on genuine points of the target class and generated ones;
 2. j classifier steps: ascend W(C, G) (Equation 2), a mixture of generated points (weight lambda) and genuine points of
    all classes (weight 1 - lambda);
 3. k generator steps: descend alpha V + (1 - alpha) W (Equation 3), the first term in its non-saturating form, the
    second as printed or in such a form too (`_fooling`), weighted by lambda (Equation 3) or not (Algorithm 1).

An epoch is as many iterations as batches of the target class's points fill it, the last of them rounded up; batches are
drawn with replacement (R).

Where the paper leaves a choice, config.yaml names the one made. Algorithm 1 prints log D(G(z)) in step 1; that is taken
as a slip for Equation 1's log(1 - D(G(z))). Dropout is on in all three networks while they train; when points are drawn
it is off unless asked for. Batch norm takes the batch's statistics while they train and the running ones when points
are drawn. Of batches for batch norm the paper says nothing: here genuine and generated points are separate ones, in the
classifier as in the discriminator, so that step 2 measures each expectation of Equation 2 as step 3 does, where
generated points come alone; lambda weights the loss only.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F

from oleander.data.tasks import Task
from oleander.io.artifacts import COUNT, MAPPING, SEED, SHAPE, check_header, expecting, load_artifact, save_artifact
from oleander.io.columns import PGAN_CURVES
from oleander.io.errors import OleanderError
from oleander.models import Architecture, build_model, check_parameters
from oleander.training.classifiers import classification_loss, widened
from oleander.training.devices import Placement
from oleander.training.precision import FLOAT32, Precision
from oleander.training.progress import Progress
from oleander.training.scratch import Scratch
from oleander.training.seeds import derive_seed, generator_for, random_words
from oleander.training.stack import Stack

GRID = ("alphas", "lambda_primes")

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
        "generator_objective",
        "classifier_term",
    ],
}

BLOCK = 8
"""Iterations whose random numbers are drawn at once."""

GENERATOR_OBJECTIVES = ("equation_3", "algorithm_1")
CLASSIFIER_TERMS = ("as_printed", "non_saturating")

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
class Replica:
    """What tells one poisoner of a cohort from the others.

    Attributes:
        alpha: weight of detectability against effect, in [0, 1] (Equation 3).
        lambda_prime: fraction lambda of poison in the classifier's loss, as a share of Pr(Yp) (section 4.2).
        seed: number of the repetition.
    """

    alpha: float
    lambda_prime: float
    seed: int


@dataclass(frozen=True)
class Networks:
    """The three architectures, built for the shape of a task's points."""

    generator: Architecture
    discriminator: Architecture
    classifier: Architecture

    @classmethod
    def build(cls, settings: dict[str, Any], shape: int | tuple[int, ...]) -> "Networks":
        """From a pGAN block of the configuration, for points of `shape` (or so many features)."""
        return cls(
            build_model(settings["generator"], settings["generator"]["noise"], shape),
            build_model(settings["discriminator"], shape, 1),
            build_model(settings["classifier"], shape, 1),
        )


class Poisoners:
    """Trained generators, one a replica, that draw poison points.

    Attributes:
        model: the generators' architecture.
        parameters: name -> [replicas, ...].
        replicas: what each was trained for.
        converged: bool [replicas]; False where training diverged.
        noise: length of the latent vector.
        shape: shape of one point.
        precision: name of the precision that they were trained in.
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
        """Draw poison points of one replica, batch norm in evaluation.

        Args:
            count: how many points.
            seed: the same seed draws the same points; more points begin with the same ones.
            replica: position in `replicas`.
            dropout: whether dropout is on, as it is in training.

        Returns:
            Points [count, *shape] in the range of the generator's output, and labels int64 [count], all 1: the target
            class.

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
        words = None
        if dropout:
            bits = generator_for("cpu", seed, "dropout when drawing")
            words = random_words((count, self.model.dropout_words), bits).to(device).unsqueeze(0)
        with torch.no_grad():
            points = self.model.forward(own, latent.to(device, dtype).unsqueeze(0), words)[0]
        return points.view(count, *self.shape), torch.ones(count, dtype=torch.int64, device=device)


Checkpoint = Callable[[int, Poisoners], None]
"""What is done with the generators at some iterations of their training."""


def save_poisoners(path: Path | str, poisoners: Poisoners, settings: dict[str, Any]) -> None:
    """Write trained generators to a safetensors file with the resolved `settings` in its header."""
    header = {
        "settings": settings,
        "replicas": [asdict(replica) for replica in poisoners.replicas],
        "converged": poisoners.converged,
        "noise": poisoners.noise,
        "shape": list(poisoners.shape),
    }
    save_artifact(path, poisoners.parameters, header)


def load_poisoners(path: Path | str, device: torch.device | str) -> Poisoners:
    """Read what `save_poisoners` wrote.

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
            raise ValueError(f"{len(converged)} of {len(replicas)} generators say whether they converged")
        precision = header["settings"].get("precision", FLOAT32.name)
    return Poisoners(model, parameters, replicas, converged, noise, shape, precision)


def precision_of(settings: dict[str, Any], placement: Placement) -> Precision:
    """The precision of an attack's training: the placement's, unless its block keeps float32."""
    return FLOAT32 if settings.get("precision") == FLOAT32.name else placement.precision


def check_replicas(task: Task, replicas: list[Replica]) -> None:
    """Refuse replicas that have no meaning for `task`, before anything is trained.

    Raises:
        OleanderError: alpha outside [0, 1], or lambda = lambda' Pr(Yp) outside (0, 1].
    """
    for replica in replicas:
        if not 0 <= replica.alpha <= 1 or not 0 < replica.lambda_prime * task.prior <= 1:
            raise OleanderError(
                f"{replica}: alpha must lie in [0, 1], and lambda = lambda' x {task.prior:.3f}, the share of the "
                "target class, in (0, 1]; change the experiment"
            )


def fit(
    task: Task,
    replicas: list[Replica],
    settings: dict[str, Any],
    scratch: Scratch,
    precision: Precision = FLOAT32,
    checkpoint_iterations: int | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[Poisoners, list[dict[str, Any]]]:
    """Train one generator for each replica, all of them as one cohort (Algorithm 1).

    Args:
        task: the points of both classes, on the device to train on.
        replicas: alpha, lambda' and seed of each.
        settings: the pGAN block of the configuration.
        scratch: where to continue from and to save to.
        precision: of weights and products.
        checkpoint_iterations: how often `checkpoint` is called.
        checkpoint: called with the iteration and the generators as they are then.

    Returns:
        The poisoners, and the training curves: one dict of `PGAN_CURVES` a replica and epoch, with alpha, lambda_prime
        and generator (the seed).

    Raises:
        OleanderError: an unknown generator objective or classifier term, or a target class without points.
    """
    trainer = _Trainer(task, replicas, settings, scratch, precision)
    if checkpoint is not None and checkpoint_iterations:
        trainer.checkpoint, trainer.checkpoint_iterations = checkpoint, checkpoint_iterations
    with precision.products():
        trainer.run()
    return trainer.poisoners(), trainer.curves()


def curves_table(curves: list[dict[str, Any]], identity: dict[str, Any]) -> pd.DataFrame:
    """The training curves of `fit` as a table, the columns of `identity` first."""
    return pd.DataFrame([{**identity, **row} for row in curves])


class _Trainer:
    """The state of one cohort's training."""

    def __init__(
        self, task: Task, replicas: list[Replica], settings: dict[str, Any], scratch: Scratch, precision: Precision
    ) -> None:
        for key, known in (("generator_objective", GENERATOR_OBJECTIVES), ("classifier_term", CLASSIFIER_TERMS)):
            if settings[key] not in known:
                raise OleanderError(
                    f"unknown {key} '{settings[key]}' in the configuration; choose one of {', '.join(known)}"
                )
        self.task, self.replicas, self.settings, self.scratch = task, replicas, settings, scratch
        self.precision, self.dtype, self.device = precision, precision.master, task.train_x.device
        self.x = task.train_x.flatten(1).to(precision.product)
        self.target_rows = (task.train_y == 1).nonzero().flatten()
        if len(self.target_rows) == 0:
            raise OleanderError(
                f"dataset {task.dataset}: no training points of the target class '{task.target_class}'; add some or "
                "choose another class"
            )
        self.networks = Networks.build(settings, tuple(task.train_x.shape[1:]))
        # The seed alone decides the randomness: replicas that differ only in alpha or lambda' start alike, which
        # takes the luck of the start out of their comparison.
        self.seeds = [derive_seed("pgan", replica.seed) for replica in replicas]
        self.batch = settings["batch_size"]
        self.steps = (
            settings["discriminator_steps"],
            settings["classifier_steps"],
            settings["generator_steps"],
        )
        self.per_epoch = math.ceil(len(self.target_rows) / self.batch)
        self.total = settings["epochs"] * self.per_epoch
        self.checkpoint: Checkpoint | None = None
        self.checkpoint_iterations = 1

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
        """Weights of the losses for the replicas still in the stacks, each [active, 1] or [active]."""

        def column(values: list[float]) -> torch.Tensor:
            return torch.tensor(values, device=self.device, dtype=self.dtype)

        active = [self.replicas[at] for at in self.active]
        self.alpha = column([replica.alpha for replica in active])
        self.poison_weight = column([replica.lambda_prime * self.task.prior for replica in active])

    def run(self) -> None:
        """Train to the end, saving as the scratch asks."""
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
                if self.checkpoint is not None and self.iteration % self.checkpoint_iterations == 0:
                    self.checkpoint(self.iteration, self.poisoners())
                # Before saving: a run that continues from here must not meet again what this one has dropped.
                if self.iteration == end:
                    self._drop_diverged()
                self.scratch.save_if_due("pgan", self._state)

    def _drop_diverged(self) -> None:
        """Take replicas whose losses or parameters are not finite out of the stacks; their later curves are NaN."""
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
        """Every random number of a block's iterations, each replica's from its own generators.

        Shapes begin with [active, BLOCK]: rows of the discriminator's and classifier's genuine points, the latent
        vectors of all steps, and the random bits of the three networks' dropout.
        """
        i, j, k = self.steps
        m = self.batch
        noise = self.settings["generator"]["noise"]
        words = {
            "generator_words": ((i + j + k) * m, self.networks.generator),
            "discriminator_words": ((2 * i + k) * m, self.networks.discriminator),
            "classifier_words": ((2 * j + k) * m, self.networks.classifier),
        }
        drawn: dict[str, list[torch.Tensor]] = {name: [] for name in (*words, "target_rows", "all_rows", "latent")}
        for at in self.active:
            seed = self.seeds[at]
            rows = np.random.default_rng(derive_seed(seed, "rows", block))
            drawn["target_rows"].append(torch.from_numpy(rows.integers(len(self.target_rows), size=(BLOCK, i * m))))
            drawn["all_rows"].append(torch.from_numpy(rows.integers(len(self.x), size=(BLOCK, j * m))))
            latent = torch.empty(BLOCK, (i + j + k) * m, noise, device=self.device)
            drawn["latent"].append(
                latent.normal_(generator=generator_for(self.device, seed, "noise", block)).to(self.precision.product)
            )
            for name, (rows_, model) in words.items():
                bits = generator_for(self.device, seed, name, block)
                drawn[name].append(random_words((BLOCK, rows_, model.dropout_words), bits))
        return {name: torch.stack(draws).to(self.device) for name, draws in drawn.items()}

    def _iterate(
        self,
        target_rows: torch.Tensor,
        all_rows: torch.Tensor,
        latent: torch.Tensor,
        generator_words: torch.Tensor,
        discriminator_words: torch.Tensor,
        classifier_words: torch.Tensor,
    ) -> torch.Tensor:
        """One iteration of Algorithm 1; returns `PGAN_CURVES` as [curves, active], losses as means over the steps."""
        i, j, k = self.steps
        m = self.batch
        smoothing = self.settings["label_smoothing"]
        d_losses, c_losses, g_losses = [], [], []

        def generate(step: int) -> torch.Tensor:
            here = slice(step * m, (step + 1) * m)
            return self.generator(latent[:, here], generator_words[:, here])

        genuine = self.x[self.target_rows[target_rows]]
        truth = torch.zeros(len(self.active), 2 * m, device=self.device, dtype=self.dtype)
        truth[:, :m] = 1 - smoothing
        for step in range(i):
            here = slice(step * m, (step + 1) * m)
            with torch.no_grad():
                poison = generate(step)
            both = torch.cat([genuine[:, here], poison], dim=1)
            words = discriminator_words[:, 2 * step * m : 2 * (step + 1) * m]
            logits = self._in_batches(self.discriminator, both, words)
            d_losses.append(2 * classification_loss(logits, truth).mean(1))
            self.discriminator.step(d_losses[-1])

        hard = torch.ones(len(self.active), m, device=self.device, dtype=self.dtype)
        labels = self.task.train_y[all_rows].to(self.dtype) * (1 - smoothing)
        weight = self.poison_weight.unsqueeze(1)
        genuine = self.x[all_rows]
        for step in range(j):
            here = slice(step * m, (step + 1) * m)
            with torch.no_grad():
                poison = generate(i + step)
            both = torch.cat([poison, genuine[:, here]], dim=1)
            words = classifier_words[:, 2 * step * m : 2 * (step + 1) * m]
            logits = self._in_batches(self.classifier, both, words)
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
            d_logits = self.discriminator(poison, discriminator_words[:, (2 * i + step) * m : (2 * i + step + 1) * m])
            c_logits = self.classifier(poison, classifier_words[:, (2 * j + step) * m : (2 * j + step + 1) * m])
            evasion = F.softplus(-widened(d_logits)).mean((1, 2))
            g_losses.append(self.alpha * evasion + (1 - self.alpha) * effect * self._fooling(c_logits, hard))
            self.generator.step(g_losses[-1])

        means = [torch.stack(losses).detach().mean(0) for losses in (d_losses, c_losses, g_losses)]
        return torch.stack(
            [*means, *(widened(logits.detach()).sigmoid().mean((1, 2)) for logits in (d_logits, c_logits))]
        )

    def _fooling(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The generator's classifier term, [active], to descend; `target` holds ones, the target class's label.

        As printed, minus the classifier's loss on poison, whose gradient on the logit, 1 - C, vanishes where the
        classifier takes poison for the target class. Non-saturating, the loss with the source class's label, whose
        gradient is C.
        """
        if self.settings["classifier_term"] == "as_printed":
            return -classification_loss(logits, target).mean(1)
        return classification_loss(logits, torch.zeros_like(target)).mean(1)

    def _in_batches(self, stack: Stack, x: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """Outputs for `x` of several batches of points; with batch norm, one forward pass a batch."""
        if not stack.model.batch_norm:
            return stack(x, words)
        parts = zip(x.split(self.batch, dim=1), words.split(self.batch, dim=1), strict=True)
        return torch.cat([stack(own, bits) for own, bits in parts], dim=1)

    def _state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        tensors = {
            "record": self.record,
            **self.generator.state("generator"),
            **self.discriminator.state("discriminator"),
            **self.classifier.state("classifier"),
        }
        return tensors, {"iteration": self.iteration, "active": self.active}

    def poisoners(self) -> Poisoners:
        """What was trained; diverged replicas keep their place with NaN parameters."""
        parameters = {}
        for name, tensor in self.generator.parameters.items():
            parameters[name] = torch.full((len(self.replicas), *tensor.shape[1:]), torch.nan).to(tensor)
            if self.active:
                parameters[name][self.active] = tensor.detach()
        converged = [at in self.active for at in range(len(self.replicas))]
        return Poisoners(
            self.networks.generator,
            parameters,
            self.replicas,
            converged,
            self.settings["generator"]["noise"],
            tuple(self.task.train_x.shape[1:]),
            self.precision.name,
        )

    def curves(self) -> list[dict[str, Any]]:
        """One dict a replica and epoch."""
        record = self.record.cpu().tolist()
        return [
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
