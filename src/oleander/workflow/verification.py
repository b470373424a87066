"""The results that each published claim is checked on, and the settings behind them."""

import os
from typing import TYPE_CHECKING, Any

from oleander.io.claims import TABLES, Claim, read_claims
from oleander.io.errors import OleanderError
from oleander.workflow.layers import differences
from oleander.workflow.studies import Result, once

if TYPE_CHECKING:
    from oleander.workflow.plan import Plan

SIZES = "pgan_table2"
"""The table with the sizes of the prepared data."""


def all_claims(plan: "Plan") -> list[Claim]:
    """The claims of all papers.

    Raises:
        OleanderError: as `read_claims`; or two files have a claim of one name.
    """
    found: dict[str, Claim] = {}
    for path in plan.claims_files():
        for claim in read_claims(path):
            if claim.name in found:
                raise OleanderError(f"{path}: another file has a claim {claim.name}, too; give this one another id")
            found[claim.name] = claim
    return list(found.values())


def results_behind(claim: Claim, plan: "Plan") -> list[Result]:
    """The results that a claim is checked on, as far as this configuration has settings for them."""
    found: list[Result] = []
    for source in claim.sources():
        if claim.table in ("trials", "confusion"):
            experiment, evaluation = source
            if experiment in plan.experiments and evaluation in plan.config.evaluations:
                found.append(getattr(plan.experiments[experiment], claim.table)(evaluation))
        elif claim.table == "errors":
            found += [plan.autoencoders[name].errors() for name in source if name in plan.autoencoders]
        elif claim.table == "scores":
            gan, model = source
            if gan in plan.gans and plan.gans[gan].has(model):
                found += plan.gans[gan].scores([model])
    return found


def claims_input(claims: list[Claim], plan: "Plan") -> dict[str, list[str]]:
    """Table -> files that the claims are checked on."""
    files: dict[str, list[str]] = {table: [] for table in TABLES}
    for claim in claims:
        if claim.table == "sizes":
            files["sizes"] += [plan.tables(SIZES)["csv"]]
        files[claim.table] += [path for result in results_behind(claim, plan) for path in result.files]
    return {table: asked_for(once(paths), plan) for table, paths in files.items()}


def checks(claims: list[Claim], plan: "Plan") -> list[str]:
    """The checks of the datasets behind all claims; none with `only_existing`."""
    if plan.config.only_existing:
        return []
    return plan.checks(result for claim in claims for result in results_behind(claim, plan))


def asked_for(paths: list[str], plan: "Plan") -> list[str]:
    """The paths; with `only_existing`, those of them that exist."""
    if not plan.config.only_existing:
        return paths
    # No rule makes a file of an absolute path, so nothing is run for it.
    return [os.path.abspath(path) for path in paths if os.path.exists(path)]


def departures(claims: list[Claim], plan: "Plan") -> dict[str, list[str]]:
    """Claim -> settings behind its results that differ from those of paper scale, as dotted keys."""
    paper = type(plan).read(plan.root, [], {"scale": "paper"})
    published, here = paper.config.plain(), plan.config.plain()
    found = {}
    for claim in claims:
        behind: dict[str, dict[str, Any]] = {}
        ours: dict[str, dict[str, Any]] = {}
        for block, name in once(use for result in results_behind(claim, paper) for use in result.uses):
            behind.setdefault(block, {})[name] = published[block][name]
            ours.setdefault(block, {})[name] = here[block].get(name)
        found[claim.name] = differences(behind, ours)
    return found


def asked_values(claims: list[Claim], plan: "Plan") -> dict[str, dict[str, list[Any]]]:
    """Ordering -> column that it compares -> all its values, so that a diverged alpha is noticed as missing."""
    config, found = plan.config.plain(), {}
    for claim in claims:
        if claim.compared and claim.table in ("trials", "confusion"):
            (experiment, evaluation), *_ = claim.sources()
            blocks = config["experiments"].get(experiment, {}), config["evaluations"].get(evaluation, {})
            found[claim.name] = {column: _configured(f"{column}s", *blocks) for column in claim.compared}
    return found


def _configured(name: str, *blocks: dict[str, Any]) -> list[Any]:
    """The values that a setting has in each block with it: one may ask for fewer than the other."""
    given = [block[name] for block in blocks if block.get(name)]
    return [value for value in given[0] if all(value in one for one in given)] if given else []
