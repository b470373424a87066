"""Every block of the configuration as a model: its keys, their types and bounds.

Settings of single methods and networks are declared where these are; `Settings` holds blocks against that.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Strict, Tag

from oleander.workflow.blocks import (
    BackdooredModels,
    Block,
    Count,
    Filled,
    Fraction,
    Fractions,
    Grid,
    Name,
    Number,
    PoisonFractions,
    Positive,
    Share,
    Switch,
    Text,
    Whole,
    matching,
    nothing,
    unique,
)
from oleander.workflow.declared import COUNT, SHARED, WHOLE, conform, grids, method_schema, publishes_images
from oleander.workflow.figures import AnyFigure
from oleander.workflow.layers import merge


class Settings(Block, extra="allow"):
    """A block that a JSON schema describes; what it holds are attributes of the same names, nested mappings plain."""

    @classmethod
    def schema_of(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """The JSON schema of a block."""
        raise NotImplementedError

    @classmethod
    def checked(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """`settings` with numbers and switches for texts where these are wanted."""
        return conform(settings, cls.schema_of(settings))


class Method(Settings):
    """What one of the registries' modules does, and its settings."""

    package: ClassVar[str]
    key: ClassVar[str] = "name"
    extra: ClassVar[dict[str, Any]] = {}
    free: ClassVar[dict[str, Any]] = {}

    @classmethod
    def schema_of(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """The module's `SETTINGS_SCHEMA`, and what all blocks of this kind have."""
        return method_schema(cls.package, settings, cls.key, cls.extra, cls.free)


class Dataset(Method):
    """`source` names the module in data/sources. stand_in_for: the dataset that it takes the place of. publish_images:
    whether evidence may show its images; by default whatever the source declares.
    """

    package, key = "data/sources", "source"
    extra: ClassVar[dict[str, Any]] = {"title": {"type": "string"}}
    free: ClassVar[dict[str, Any]] = {"stand_in_for": {"type": "string"}, "publish_images": {"type": "boolean"}}
    source: str
    title: str
    stand_in_for: str | None = None
    publish_images: bool | None = None

    @property
    def may_publish(self) -> bool:
        """Whether a figure with its images, or with copies of them, may be committed."""
        if self.publish_images is not None:
            return self.publish_images
        return publishes_images().get(self.source, True)


class Attack(Method):
    """`name` names the module in attacks."""

    package = "attacks"
    name: str


class Defense(Method):
    """`name` names the module in defenses; title: how figures name the block."""

    package = "defenses"
    extra: ClassVar[dict[str, Any]] = {"title": {"type": "string", "minLength": 1}}
    name: str
    title: str


class Trigger(Method):
    """`name` names the module in backdoors/triggers."""

    package = "backdoors/triggers"
    name: str


class Target(Method):
    """`name` names the module in backdoors/targets."""

    package = "backdoors/targets"
    name: str


class Optimizer(Settings):
    """`momentum` is given for sgd alone."""

    name: str
    learning_rate: Any
    momentum: Any = None

    @classmethod
    def schema_of(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """That of every network's optimizer."""
        return SHARED["optimizer"]


class Network(Settings):
    """A network that is trained by itself; other settings are those of its architecture."""

    extra: ClassVar[dict[str, Any]]
    architecture: str
    batch_size: int
    epochs: int

    @classmethod
    def schema_of(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """That of every network, with what this one has besides."""
        return {
            "$ref": "#/$defs/network",
            "unevaluatedProperties": False,
            "required": list(cls.extra),
            "properties": cls.extra,
        }


class Victim(Network):
    """A classifier that is trained on poisoned data."""

    extra: ClassVar[dict[str, Any]] = {"batch_size": COUNT, "epochs": COUNT}


class FeatureClassifier(Network):
    """A classifier whose features tell images apart."""

    extra: ClassVar[dict[str, Any]] = {
        "architecture": {"const": "cnn"},
        "last": {"const": "fully_connected"},
        **{key: COUNT for key in ("side", "train_points", "batch_size", "epochs")},
        "seed": WHOLE,
    }


class Device(Block):
    """Where and in what precision networks train."""

    name: Annotated[str, Strict(), matching("auto|cpu|cuda(:[0-9]+)?", "one of auto, cpu, cuda, or cuda:N")]
    precision: Literal["auto", "float32", "tf32", "bfloat16"]
    cpu_replicas: Count
    gpu_memory_share: Annotated[Number, Field(gt=0, le=1)]
    threads: Count


class Cohort(Block):
    """How many replicas share one training job."""

    alphas_per_job: Count
    lambdas_per_job: Count
    generators_per_job: Count


class Task(Block):
    """Two classes of a dataset, and who is trained on them."""

    dataset: Text
    source_class: Text
    target_class: Text
    all_classes: Switch
    victim: Text


class Experiment(Block, extra="allow"):
    """A task under an attack. Only where it is trained: `epochs`, the lists that the attack's `GRID` names, and
    optionally `checkpoint_iterations`.

    `settings`: of the attack, in place of those in its block.
    """

    __pydantic_extra__: dict[str, Grid]
    task: Text
    attack: Text
    settings: dict[str, Any] | None = None
    generators: Count
    epochs: Count | None = None
    alphas: Fractions | None = None
    lambda_primes: Grid | None = None
    poison_fractions: PoisonFractions | None = None
    checkpoint_iterations: Annotated[Count | None, BeforeValidator(nothing)] = None

    @classmethod
    def known(cls) -> list[str]:
        """Its own keys, and the lists of any attack."""
        return list(dict.fromkeys([*cls.model_fields, *(name for grid in grids().values() for name in grid)]))

    def attack_block(self, attacks: dict[str, Attack]) -> Attack:
        """The block of its attack, with its own settings laid over it.

        Raises:
            ValidationError: a setting that the attack does not have, or a value that is not allowed.
        """
        block = attacks[self.attack]
        return Attack.model_validate(merge(block.plain(), self.settings)) if self.settings else block


class Trials(Block):
    """An evaluation whose trials are victims on poisoned and defended data."""

    defense: Text
    poison_fractions: PoisonFractions
    train_points: Annotated[list[Count], Field(min_length=1), AfterValidator(unique)]
    trusted_per_class: Whole
    runs: Count
    train_victims: Switch
    dropout_when_drawing: Switch
    task: Text | None = None
    alphas: Fractions | None = None


class Boundary(Block):
    """An evaluation that shows decision boundaries in the plane; of what trials have it has nothing."""

    defense: ClassVar[None] = None
    task: ClassVar[None] = None
    alphas: ClassVar[None] = None
    poison_fractions: ClassVar[None] = None
    train_victims: ClassVar[None] = None

    genuine_per_class: Count
    poison_points: Count


def _kind_of_evaluation(block: Any) -> str:
    return (
        "(boundary)" if isinstance(block, dict) and not Boundary.model_fields.keys().isdisjoint(block) else "(trials)"
    )


Evaluation = Annotated[
    Annotated[Trials, Tag("(trials)")] | Annotated[Boundary, Tag("(boundary)")], Discriminator(_kind_of_evaluation)
]


class AutoencoderNetwork(Block):
    """Theis et al.'s compressive autoencoder."""

    architecture: Literal["compressive"]
    width: Count
    residual_blocks: Whole
    bottleneck: Count
    negative_slope: Fraction


class Autoencoder(Block):
    """A clean autoencoder, and backdoored ones: name of each -> its target."""

    dataset: Text
    network: AutoencoderNetwork
    loss: Literal["bce", "mse"]
    trigger: Text
    targets: BackdooredModels
    optimizer: Optimizer
    schedule: Literal["constant", "cosine"]
    batch_size: Count
    epochs: Count
    seeds: Count


class Features(Block):
    """What GANs' images are compared by."""

    inception_weights: Annotated[Filled | None, BeforeValidator(nothing)]
    # Fewer have no precision and recall; the memory of more grows with their square.
    compared: Annotated[Count, Field(ge=5, le=10_000)]
    classifier: FeatureClassifier


class GanNetwork(Block):
    """Widths of both networks, block by block."""

    latent: Count
    width: Count
    generator: Annotated[list[Count], Field(min_length=2)]
    discriminator: Annotated[list[Count], Field(min_length=1)]
    halvings: Whole


class GanOptimizer(Block):
    """Adam's settings."""

    learning_rate: Positive
    betas: Annotated[list[Share], Field(min_length=2, max_length=2)]


class MovingAverage(Block):
    """Of the generator's parameters, from step `start` on."""

    decay: Share
    start: Whole


class Augmentation(Block):
    """Zhao et al.'s, as shares of the image's side."""

    translation: Fraction
    cutout: Fraction


class Gan(Block):
    """A clean GAN, and backdoored ones: name of each -> its target.

    `trigger_values`: other values of the trigger, for figures that compare them.
    """

    dataset: Text
    network: GanNetwork
    loss: Literal["hinge", "log"]
    trigger: Text
    targets: BackdooredModels
    backdoor_discriminator: Literal["unconditional", "conditional"]
    triggered_labels: Literal["all", "restricted"]
    trigger_values: Annotated[list[Number], Field(min_length=1), AfterValidator(unique)] | None = None
    optimizer: GanOptimizer
    batch_size: Annotated[Count, Field(ge=2)]
    discriminator_steps: Count
    steps: Count
    ema: MovingAverage
    augmentation: Augmentation
    single_augmentation: Augmentation
    flip: Switch
    evaluate_every: Count
    samples: Annotated[Count, Field(ge=5)]
    grid: Count
    checkpoint: Literal["best", "last"]
    seeds: Count
    compile: Switch


class Paper(Block):
    """name: short, as in titles; title: the paper's own."""

    name: Filled
    title: Filled


def _blocks(kind: Any) -> Any:
    return Annotated[dict[Name, kind], Field(min_length=1)]


class Configuration(Block):
    """All settings at one scale."""

    scale: Name
    data_root: Annotated[Text | None, BeforeValidator(nothing)]
    allow_download: Switch
    device: Device
    state_minutes: Positive
    cohort: Cohort
    confidence: Annotated[Number, Field(gt=0, lt=1)]
    strict: Switch
    only_existing: Switch
    datasets: _blocks(Dataset)
    if_absent: dict[Name, dict[str, Any]]
    tasks: _blocks(Task)
    attacks: _blocks(Attack)
    defenses: _blocks(Defense)
    victims: _blocks(Victim)
    experiments: _blocks(Experiment)
    evaluations: _blocks(Evaluation)
    triggers: _blocks(Trigger)
    targets: _blocks(Target)
    autoencoders: _blocks(Autoencoder)
    features: Features
    gans: _blocks(Gan)
    papers: _blocks(Paper)
    figures: _blocks(AnyFigure)
