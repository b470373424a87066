"""What is recorded for a figure as evidence, where it is committed, and what the page shows."""

import copy
import os
from pathlib import Path
from typing import Any

from oleander.io.claims import TABLES
from oleander.workflow.figures import figure_number
from oleander.workflow.plan import Plan
from oleander.workflow.studies import Result, once


def results_of(name: str, plan: Plan) -> list[Result]:
    """The CSVs behind a figure: those it is drawn from and, for GANs, the accuracy of their feature classifiers."""
    found = [result for result in plan.results(name) if result.name.endswith(".csv")]
    for study in plan.studies_of(name):
        if study.block == "gans":
            found += study.classifier()
    return found


def tables_of(name: str, plan: Plan) -> list[str]:
    """A figure's own tables, CSV and Markdown."""
    return [path for ending, path in plan.tables(name).items() if ending in ("csv", "md")]


def pictures_of(name: str, plan: Plan) -> dict[str, str]:
    """A figure's PNGs that may be published: path below results/reference/{scale} -> file.

    In place of one with images that may not be, such as genuine faces of CelebA, stands the same figure without these,
    or nothing, where it shows nothing else.
    """
    figure, pictures, found = plan.figure(name), plan.pictures(name), {}
    withheld = figure.withheld(plan)
    for part in figure.pictures:
        shown = "published" if withheld and part in figure.showing else part.removeprefix("_")
        if f"{shown}_png".removeprefix("_") in pictures:
            found[f"figures/{name}{part}.png"] = pictures[f"{shown}_png".removeprefix("_")]
    return found


def withheld_from(name: str, plan: Plan) -> dict[str, str]:
    """A figure's PNGs that are not published as they are: path below results/reference/{scale} -> a sentence why."""
    figure = plan.figure(name)
    withheld, titles = figure.withheld(plan), once(figure.withheld(plan).values())
    instead = pictures_of(name, plan)
    said = {}
    for part in figure.showing if withheld else ():
        path = f"figures/{name}{part}.png"
        what = f"without {', '.join(withheld)}" if path in instead else "not at all"
        said[path] = (
            f"{path} is recorded {what}, since it shows genuine images of {' and '.join(titles)}, or copies of them, "
            "which may not be published (publish_images in the configuration)"
        )
    return said


def manifests_of(name: str, plan: Plan) -> list[str]:
    """Manifests of the datasets behind a figure."""
    of_studies = [dataset for study in plan.studies_of(name) for dataset in study.datasets]
    return [f"{plan.out}/data/{dataset}.json" for dataset in once([*of_studies, *plan.figure(name).datasets(plan)])]


def kept(name: str, plan: Plan) -> dict[str, list[str]]:
    """All evidence of a figure: path below results/reference/{scale} -> the files that it is made of."""
    single = [*tables_of(name, plan), *manifests_of(name, plan)]
    return {
        **{path: [file] for path, file in pictures_of(name, plan).items()},
        **{path.removeprefix(f"{plan.out}/"): [path] for path in single},
        **{result.name: result.files for result in results_of(name, plan)},
    }


def kept_files(name: str, plan: Plan) -> list[str]:
    """All files that a figure's evidence is made of."""
    return once(path for files in kept(name, plan).values() for path in files)


def jobs_of(name: str, plan: Plan) -> list[str]:
    """The jobs behind a figure, named like their benchmark files and logs."""
    return once(job for result in [*plan.results(name), *results_of(name, plan)] for job in result.jobs)


def jobs_by_target(names: list[str], plan: Plan) -> dict[str, list[str]]:
    """Each of some figures, and each paper that has one -> its jobs, as `jobs_of`; figures share jobs."""
    found = {name: jobs_of(name, plan) for name in names}
    for paper in plan.config.papers:
        if own := [name for name in plan.figures_of(paper) if name in found]:
            found[paper] = once(job for name in own for job in found[name])
    return found


def settings_of(name: str, plan: Plan) -> dict[str, Any]:
    """Settings of a figure, its studies and its evaluations, by block."""
    found: dict[str, Any] = {"figure": plan.figure(name).plain()}
    for study in plan.studies_of(name):
        found.setdefault(study.block, {})[study.name] = study.own.plain()
    for evaluation in once(result.evaluation for result in plan.results(name) if result.evaluation):
        found.setdefault("evaluations", {})[evaluation] = plan.config.evaluations[evaluation].plain()
    return found


def overrides(said: dict[str, Any]) -> dict[str, Any]:
    """What --config and --configfile set, without this machine's `data_root`."""
    settings = copy.deepcopy(dict(said))
    settings.pop("data_root", None)
    return settings


COMMITTED = "results/reference"
"""Folder of the committed evidence, a folder for each scale."""
VERIFIED = ("paper", "laptop")
"""Scales whose committed evidence the papers' statements are held against."""
_PATTERNS = {
    "trials": "pgan/*/trials/*.csv",
    "confusion": "pgan/*/confusion/*.csv",
    "errors": "baaan/autoencoders/*/errors.csv",
    "scores": "baaan/gans/*/scores/*.csv",
    "sizes": "tables/pgan_table2.csv",
}


def committed_files(scale: str, root: str | os.PathLike[str] = ".") -> dict[str, list[str]]:
    """Table of claims -> its committed CSVs."""
    folder = Path(root, COMMITTED, scale)
    return {table: sorted(map(str, folder.glob(_PATTERNS[table]))) for table in TABLES}


# The page.
def shown_on_page(plan: Plan) -> list[str]:
    """Figures and tables on the page, paper by paper; with `only_existing`, those that exist."""
    names = [name for paper in plan.config.papers for name in plan.figures_of(paper)]
    return [name for name in names if not plan.config.only_existing or all(map(os.path.exists, page_files(name, plan)))]


def page_files(name: str, plan: Plan) -> list[str]:
    """Files of a figure that the page embeds: pictures that may be published, tables, and the CSVs behind them."""
    behind = [path for result in results_of(name, plan) for path in result.files]
    return once([*pictures_of(name, plan).values(), *tables_of(name, plan), *behind])


def page_entry(name: str, plan: Plan) -> dict[str, Any]:
    """Arguments of a figure's `oleander.page.build.Entry`, with `jobs` in place of seconds and commits."""
    paper = plan.config.papers[plan.paper_of(name)]
    tables, pictures = tables_of(name, plan), list(pictures_of(name, plan).values())
    own = [path for path in tables if path.endswith(".csv")]
    return {
        "name": name,
        "paper": paper.name,
        "title": figure_number(name),
        "caption": plan.figure(name).caption,
        "images": pictures,
        "text": next((path for path in tables if path.endswith(".md") and not pictures), None),
        "files": {
            **{path.removeprefix(f"{plan.out}/"): [path] for path in own},
            **{result.name: result.files for result in results_of(name, plan)},
        },
        "settings": settings_of(name, plan),
        "jobs": jobs_of(name, plan),
    }
