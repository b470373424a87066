"""A study is what one entry of the configuration trains and measures. One class per kind, one protocol.

A study names its files and the jobs that make them. Rules, figures, evidence and claims ask the study; none of them
parses a path.
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
    """Files of one kind that a study makes.

    Attributes:
        name: path of the evidence below results/reference/{scale}: one CSV with the rows of all files. Only CSVs are
            kept as evidence.
        files: one per job.
        study: the study that makes them.
        jobs: all jobs behind them, named like their benchmark files.
        evaluation: name of the evaluation, or empty.
    """

    name: str
    files: list[str]
    study: "Study"
    jobs: list[str]
    evaluation: str = ""

    @property
    def uses(self) -> list[tuple[str, str]]:
        """Entries of the configuration that the files depend on, as (block, name)."""
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
    """Block of the configuration that holds studies of this kind."""

    name: str
    config: "Configuration" = field(repr=False)
    out: str

    @property
    def own(self) -> Any:
        """The study's entry in the configuration."""
        return getattr(self.config, self.block)[self.name]

    @property
    def dataset(self) -> str:
        """Name of its dataset."""
        raise NotImplementedError

    @property
    def datasets(self) -> list[str]:
        """Names of all datasets that it reads."""
        return [self.dataset]

    @property
    def title(self) -> str:
        """Title of its dataset in figures."""
        return self.config.datasets[self.dataset].title

    @property
    def stand_in_for(self) -> str:
        """Name of the paper's dataset that its own stands in for; empty if it is the paper's."""
        return self.config.datasets[self.dataset].stand_in_for or ""

    def uses(self, evaluation: str = "") -> list[tuple[str, str]]:
        """Entries of the configuration that its results depend on, as (block, name)."""
        raise NotImplementedError

    def data_file(self, dataset: str | None = None) -> str:
        """Path of a prepared dataset, by default its own."""
        return data_file(self.out, dataset or self.dataset)

    def data_jobs(self) -> list[str]:
        """The jobs that prepare its datasets."""
        return [f"prepare_dataset/{name}" for name in self.datasets]


def data_file(out: str, dataset: str) -> str:
    """Path of a prepared dataset."""
    return f"{out}/data/{dataset}.safetensors"


def once(values: Iterable[Any]) -> list[Any]:
    """The distinct values, in order of first appearance."""
    return list(dict.fromkeys(values))
