"""Write the tables of README.md and docs/ from the workflow's plan and the committed evidence: `make docs`.

A table's place lies between `<!-- table: NAME -->` and `<!-- end of NAME -->`; NAME is a function of `TABLES`. A test
compares the pages with what is written here.
"""

import math
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from paper_costs import PAPERS, Cost, costs, planned_jobs, rounded
from paper_costs import table as table_of_costs

from oleander.evaluation.claims import NOT_REPRODUCED, REPRODUCED, UNDECIDED, WITHIN
from oleander.io.claims import DIRECTIONS
from oleander.io.tables import read_csv
from oleander.plots.tables import Grid, markdown_table
from oleander.workflow.plan import Plan

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/cluster.md")
CORES = 2


class Sources:
    """What the tables are made of.

    Args:
        root: the project's folder.
        jobs: from `planned_jobs`.
    """

    def __init__(self, root: Path, jobs: dict[Any, list[Any]]) -> None:
        self.root = root
        self.plan = Plan.read(str(root), [], {"scale": "paper"})
        self.costs: dict[str, Cost] = costs(jobs)
        self.statements = read_csv(root / "results/reference/statements.csv")

    def minutes(self, scale: str) -> dict[str, int]:
        """Figure or paper -> minutes that its jobs take on `CORES` cores: measured seconds of a processor, shared."""
        path = self.root / f"results/reference/{scale}/costs.csv"
        seconds = read_csv(path).set_index("target")["cpu_seconds"] if path.exists() else pd.Series(dtype=float)
        return {target: max(1, math.ceil(value / 60 / CORES)) for target, value in seconds.items()}


def figures(sources: Sources) -> str:
    """Every figure that is drawn, then each paper as a whole: what it shows and what it takes at each scale."""
    plan = sources.plan
    demo, laptop = sources.minutes("demo"), sources.minutes("laptop")

    def row(target: str, shows: str) -> list[str]:
        cost = sources.costs.get(target)
        hours = rounded(cost.hours, bool(cost.uncounted)) if cost else "–"
        return [f"`{target}`", shows, *(str(known.get(target, "–")) for known in (demo, laptop)), hours]

    rows = []
    for paper in sorted(plan.config.papers, key=_place):
        block = plan.config.papers[paper]
        drawn = [name for name in plan.figures_of(paper) if plan.figure(name).pictures]
        rows += [row(name, shown(plan.figure(name).caption)) for name in drawn]
        rows.append(row(paper, f"all of {block.name}"))
    header = ["target", "what it shows", "demo", "laptop", "paper"]
    return markdown_code(Grid(header, rows, "llrrr"))


def _place(paper: str) -> int:
    """Sorts the papers as README.md tells of them; new ones last."""
    return PAPERS.index(paper) if paper in PAPERS else len(PAPERS)


def shown(caption: str) -> str:
    """The start of a caption, as far as it says what is drawn."""
    return re.split(r" \(|\. |: |\.$", caption, maxsplit=1)[0]


def markdown_code(grid: Grid) -> str:
    """The table with code in its cells, which `markdown_table` takes for text."""
    return markdown_table(grid).replace("\\`", "`")


def verdicts(sources: Sources) -> str:
    """How many of each paper's numbers and directions hold at each scale."""
    rows = []
    known = [REPRODUCED, WITHIN, NOT_REPRODUCED, UNDECIDED]
    titles = {block.name: paper for paper, block in sources.plan.config.papers.items()}
    groups = list(sources.statements.groupby(["paper", "scale"], sort=False))
    for (paper, scale), own in sorted(groups, key=lambda group: _place(titles[group[0][0]])):
        for kind, some in own.groupby(own["kind"].isin(DIRECTIONS)):
            counts = [int((some["verdict"] == verdict).sum()) for verdict in known]
            rest = len(some) - sum(counts)
            rows.append([paper, scale, "directions" if kind else "numbers", *map(str, [*counts, rest])])
    header = ["paper", "scale", "statements", *known, "not comparable or not run"]
    return markdown_table(Grid(header, rows, "lllrrrrr"))


def costs_at_paper_scale(sources: Sources) -> str:
    """Jobs, operations and hours of every figure on a cluster."""
    return table_of_costs(sources.costs)


TABLES: dict[str, Callable[[Sources], str]] = {
    "figures": figures,
    "verdicts": verdicts,
    "costs": costs_at_paper_scale,
}


def renew(text: str, sources: Sources) -> str:
    """A page with its tables written anew."""

    def made(match: re.Match[str]) -> str:
        name = match[1]
        return f"<!-- table: {name} -->\n{TABLES[name](sources)}<!-- end of {name} -->"

    return re.sub(r"<!-- table: (\w+) -->\n.*?<!-- end of \1 -->", made, text, flags=re.DOTALL)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as empty:
        found = Sources(ROOT, planned_jobs(ROOT, Path(empty)))
    for page in PAGES:
        path = ROOT / page
        path.write_text(renew(path.read_text(encoding="utf-8"), found), encoding="utf-8")
        print(page)
