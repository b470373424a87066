"""What each figure costs a cluster at paper scale, from the workflow's own graph: jobs, operations, hours of a GPU.

    .venv/bin/python tests/paper_costs.py

prints the table of docs/cluster.md, which a test compares. Operations are counted as `make bench` counts them; hours
follow from an assumed speed and were not measured.
"""

import contextlib
import io
import math
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakemake.api import SnakemakeApi
from snakemake.settings.enums import Quietness
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, PrintDag, ResourceSettings

from oleander.attacks import pgan
from oleander.bench import pgan_flops, training_flops
from oleander.models import build_model

# Shape of a point, training points of the class that poison is labelled as, and number of classes, of the papers' data.
DATA = {
    "mnist": ((1, 28, 28), 5421, 10),
    "fmnist": ((1, 28, 28), 6000, 10),
    "cifar10": ((3, 32, 32), 5000, 10),
    "gaussians": ((2,), 500, 2),
}
# A quarter of an H200's peak in TF32 without sparsity.
FLOPS_PER_SECOND = 0.25 * 494.7e12

FIGURE = re.compile(r"(pgan|baaan)_(fig\d+|matrix|curves)")


@dataclass(frozen=True)
class Cost:
    """What a figure takes, with everything that it needs.

    Attributes:
        submitted: jobs sent to the cluster.
        gpu: those of them that ask for a GPU.
        flops: operations of the latter; None where those of a rule are not counted here.
    """

    submitted: int
    gpu: int
    flops: float | None

    @property
    def hours(self) -> float | None:
        """Hours of one GPU at `FLOPS_PER_SECOND`."""
        return None if self.flops is None else self.flops / FLOPS_PER_SECOND / 3600


def generators_flops(dataset: str, params: Any) -> float:
    """Operations of a `train_pgan` job."""
    shape, targets, _classes = DATA[dataset]
    iterations = params.attack["epochs"] * math.ceil(targets / params.attack["batch_size"])
    one = pgan_flops(pgan.Networks.build(params.attack, shape), params.attack)
    return len(params.replicas) * iterations * one


def victims_flops(dataset: str, params: Any) -> float:
    """Operations of a `run_trials` job, as if no defense rejected a point; Sever fits a victim a filtering more."""
    shape, _targets, classes = DATA[dataset]
    victim, evaluation = params.evaluation["victim"], params.evaluation
    if victim is None:
        return 0
    alphas = evaluation.get("alphas")
    repetitions = [one for one in params.repetitions if alphas is None or one.get("alpha", alphas[0]) in alphas]
    fits = 1 + evaluation["defense"].get("filterings", 0)
    step = training_flops(
        build_model(victim, shape, classes if params.task["all_classes"] else 1), victim["batch_size"]
    )
    steps = sum(victim["epochs"] * points / victim["batch_size"] for points in evaluation["train_points"])
    return len(repetitions) * len(evaluation["poison_fractions"]) * evaluation["runs"] * fits * steps * step


FLOPS = {"train_pgan": generators_flops, "run_trials": victims_flops}


def planned_jobs(repository: Path, folder: Path) -> dict[Any, list[Any]]:
    """Every job of `all` at paper scale -> the jobs that it needs, itself first; `folder` has no results."""
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api, contextlib.redirect_stdout(io.StringIO()):
        workflow = api.workflow(
            ResourceSettings(cores=1),
            config_settings=ConfigSettings(config={"scale": "paper"}),
            snakefile=repository / "Snakefile",
            workdir=folder,
        )
        dag = workflow.dag(DAGSettings(targets={"all"}, print_dag_as=str(PrintDag.DOT)))
        dag.printdag()
        graph = workflow._workflow.dag
        jobs: dict[Any, list[Any]] = {}
        for job in graph.jobs:
            jobs[job] = [job]
            for needed in jobs[job]:
                jobs[job] += [other for other in graph.dependencies[needed] if other not in jobs[job]]
        return jobs


def is_submitted(job: Any) -> bool:
    """Does the job run on the cluster, rather than where Snakemake does?"""
    workflow = job.rule.workflow
    return not (job.rule.norun or job.rule.name in workflow._localrules)


def cost_of(jobs: list[Any]) -> Cost:
    """What some jobs take together."""
    submitted = [job for job in jobs if is_submitted(job)]
    training = [job for job in submitted if job.resources.get("gpu")]
    flops = 0.0
    for job in training:
        if job.rule.name not in FLOPS:
            return Cost(len(submitted), len(training), None)
        flops += FLOPS[job.rule.name](Path(job.input.dataset).stem, job.params)
    return Cost(len(submitted), len(training), flops)


def costs(jobs: dict[Any, list[Any]]) -> dict[str, Cost]:
    """Target -> what it takes alone, from nothing: every figure, then `all`."""
    by_name = {job.rule.name: needed for job, needed in jobs.items()}
    figures = {job.rule.name for job in by_name["all"] if FIGURE.fullmatch(job.rule.name)}
    return {name: cost_of(by_name[name]) for name in [*sorted(figures, key=in_order), "all"]}


def in_order(figure: str) -> list[str | int]:
    """Sorts Figure 10 behind Figure 9."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", figure)]


def rounded(number: float) -> str:
    """Two digits, since no more are known."""
    return "< 0.01" if number < 0.01 else f"{float(f'{number:.2g}'):g}"


def table(found: dict[str, Cost]) -> str:
    """The table of docs/cluster.md, in Markdown."""
    lines = ["| target | jobs | of them on a GPU | PFLOP | GPU hours |", "|---|---:|---:|---:|---:|"]
    for name, cost in found.items():
        numbers = "– | –" if cost.flops is None else f"{rounded(cost.flops / 1e15)} | {rounded(cost.hours)}"
        lines.append(f"| `{name}` | {cost.submitted} | {cost.gpu} | {numbers} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as empty:
        print(table(costs(planned_jobs(root, Path(empty)))), end="")
