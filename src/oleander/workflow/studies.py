"""A study is what is trained and measured under one name of the configuration: one class a kind, one protocol.

A study names its files and the jobs that make them; rules, figures, evidence and claims ask it, and never take a path
apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from oleander.workflow.settings import Configuration

CLEAN = "clean"
"""Name of the model without a backdoor."""


@dataclass(frozen=True)
class Result:
    """Files of one kind that a study leaves.

    Attributes:
        name: where they lie as evidence, below results/reference/{scale}: one CSV, whose rows are those of all files.
            What does not end in .csv is shown and not kept.
        files: as rules make them, one a job.
        study: whose they are.
        jobs: everything that has to run for them, as Snakemake's benchmarks are called.
        evaluation: name of the evaluation that they are of; empty if none.
    """

    name: str
    files: list[str]
    study: "Study"
    jobs: list[str]
    evaluation: str = ""

    @property
    def uses(self) -> list[tuple[str, str]]:
        """The entries of the configuration that they depend on, as (block, name)."""
        return self.study.uses(self.evaluation)


@dataclass(frozen=True)
class Study:
    """One entry of `experiments`, `autoencoders` or `gans`.

    Attributes:
        name: of the entry.
        config: the whole configuration.
        out: folder of the scale's results.
    """

    block: ClassVar[str]
    """The part of the configuration that studies of this kind stand in."""

    name: str
    config: "Configuration" = field(repr=False)
    out: str

    @property
    def own(self) -> Any:
        """Its entry of the configuration."""
        return getattr(self.config, self.block)[self.name]

    @property
    def dataset(self) -> str:
        """Name of the data that it trains on."""
        raise NotImplementedError

    @property
    def datasets(self) -> list[str]:
        """Names of all data that it reads."""
        return [self.dataset]

    @property
    def title(self) -> str:
        """How figures name its data."""
        return self.config.datasets[self.dataset].title

    @property
    def stand_in_for(self) -> str:
        """The paper's data in whose place its own stand; empty if they are the paper's."""
        return self.config.datasets[self.dataset].stand_in_for or ""

    def uses(self, evaluation: str = "") -> list[tuple[str, str]]:
        """The entries of the configuration that its results depend on, as (block, name)."""
        raise NotImplementedError

    def data_file(self, dataset: str | None = None) -> str:
        """A prepared dataset; without a name, its own."""
        return data_file(self.out, dataset or self.dataset)

    def data_jobs(self) -> list[str]:
        """What prepares its data."""
        return [f"prepare_dataset/{name}" for name in self.datasets]


def data_file(out: str, dataset: str) -> str:
    """Where a prepared dataset lies."""
    return f"{out}/data/{dataset}.safetensors"


def once(values: Iterable[Any]) -> list[Any]:
    """Each value once, in the order of first appearance."""
    return list(dict.fromkeys(values))
