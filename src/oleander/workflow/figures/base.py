"""What all figures and tables have in common."""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from oleander.io.errors import OleanderError
from oleander.workflow.blocks import Block, Count, Filled, Text
from oleander.workflow.mistakes import nearest
from oleander.workflow.studies import Result, Study

if TYPE_CHECKING:
    from oleander.workflow.plan import Plan


class Figure(Block):
    """A figure or table of any kind.

    Attributes:
        kind: selects the class.
        caption: shown in Snakemake's report and on the page.
        headline: whether it is one of the few that `make demo` draws.
    """

    kind: Text
    caption: Filled
    headline: bool = False

    pictures: ClassVar[tuple[str, ...]] = ("",)
    """Suffixes of its pictures' names; none for a table."""
    tables: ClassVar[tuple[str, ...]] = ()
    """File endings of the tables that it writes."""
    quotes: ClassVar[bool] = False
    """Whether its script reads the papers' claims."""
    showing: ClassVar[tuple[str, ...]] = ("",)
    """Suffixes of those of its pictures that show what `withheld` names."""

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        """Inputs of the script: name -> results."""
        raise NotImplementedError

    def datasets(self, plan: "Plan") -> list[str]:
        """Names of prepared datasets that the script reads."""
        return []

    def params(self, plan: "Plan") -> dict[str, Any]:
        """Params of the script: plain values only, since Snakemake tracks no others."""
        raise NotImplementedError

    def samples_shown(self) -> int:
        """Number of saved samples per generator that it shows."""
        return 0

    def withheld(self, plan: "Plan") -> dict[str, str]:
        """What it shows of images that may not be published, genuine ones or copies of them: part of the figure, such
        as an autoencoder -> title of the images' dataset."""
        return {}

    def left(self, plan: "Plan") -> list[str]:
        """The parts that its script can draw by themselves, where others are withheld."""
        return []


class Grid(Figure):
    """A figure of images in rows and columns."""

    rows: Count
    columns: Count

    def samples_shown(self) -> int:
        return self.rows * self.columns

    @property
    def layout(self) -> dict[str, int]:
        # One param, since Snakemake compares a rule's params without their names: 3 rows of 4 would be 4 rows of 3.
        return {"rows": self.rows, "columns": self.columns}


# pGAN.


def refuse_unknown(statement: str, known: Collection[str]) -> None:
    """Raise an OleanderError unless a claim of that name is known."""
    if statement not in known:
        raise OleanderError(
            f"configuration, figures: statement {statement}{nearest(statement, known)} workflow/published has no such "
            "claim; correct it"
        )


def withheld_of(studies: Iterable[Study]) -> dict[str, str]:
    """Study -> title of its dataset, of those whose images may not be published."""
    return {study.name: study.title for study in studies if not study.config.datasets[study.dataset].may_publish}


def each_once(results: Iterator[Result]) -> list[Result]:
    """The results without repetitions, by name."""
    found: dict[str, Result] = {}
    for result in results:
        found.setdefault(result.name, result)
    return list(found.values())


def figure_number(name: str) -> str:
    """The paper's name for a figure or table, such as "Figure 2" for pgan_fig2; for one of our own, its name."""
    kind, number = re.fullmatch(r"[a-z0-9]+_([a-z_]+?)([0-9]*)", name).groups()
    return f"{ {'fig': 'Figure', 'table': 'Table'}.get(kind, kind.replace('_', ' ').capitalize()) } {number}".strip()
