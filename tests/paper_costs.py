"""What each figure costs a cluster at paper scale, from the workflow's own graph: jobs, operations, hours of a GPU.

    .venv/bin/python tests/paper_costs.py

prints the table of docs/cluster.md, which a test compares. Operations are counted as `make bench` counts them; hours
follow from an assumed speed and were not measured.
"""

import contextlib
import functools
import io
import math
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from snakemake.api import SnakemakeApi
from snakemake.settings.enums import Quietness
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, PrintDag, ResourceSettings
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from oleander.attacks import pgan
from oleander.bench import pgan_flops, training_flops
from oleander.models import build_model
from oleander.models.autoencoder import build_autoencoder
from oleander.models.biggan import Discriminator, Generator, Sizes


@dataclass(frozen=True)
class Data:
    """A dataset as the papers have it.

    Attributes:
        shape: of one point.
        train: training points.
        test: test points.
        targets: training points of the class that poison is labelled as; 0 where nothing is.
        attacked: training points of that class and the source class.
        classes: number of classes.
    """

    shape: tuple[int, ...]
    train: int
    test: int
    targets: int
    attacked: int
    classes: int


DATA = {
    "mnist": Data((1, 28, 28), 60_000, 10_000, 5421, 11_552, 10),
    "fmnist": Data((1, 28, 28), 60_000, 10_000, 6000, 12_000, 10),
    "cifar10": Data((3, 32, 32), 50_000, 10_000, 5000, 10_000, 10),
    "celeba": Data((3, 128, 128), 100_000, 10_000, 0, 0, 40),
    "gaussians": Data((2,), 1000, 2000, 500, 1000, 2),
}
# A quarter of an H200's peak in TF32 without sparsity.
FLOPS_PER_SECOND = 0.25 * 494.7e12

FIGURE = re.compile(r"(pgan|baaan)_(fig\d+|matrix|curves|progress|sensitivity|choices|trigger)")


@dataclass(frozen=True)
class Cost:
    """What a figure takes, with everything that it needs.

    Attributes:
        submitted: jobs sent to the cluster.
        gpu: those of them that ask for a GPU.
        flops: operations of the latter, as far as `FLOPS` counts them.
        uncounted: the rules on a GPU that it does not count.
    """

    submitted: int
    gpu: int
    flops: float
    uncounted: frozenset[str]

    @property
    def hours(self) -> float:
        """Hours of one GPU at `FLOPS_PER_SECOND`."""
        return self.flops / FLOPS_PER_SECOND / 3600


def generators_flops(data: Data, job: Any) -> float:
    """Operations of a `train_attack` job."""
    attack = job.params.attack
    points = data.targets if attack["epoch_of"] == "target_class" else data.attacked
    iterations = attack["epochs"] * math.ceil(points / attack["batch_size"])
    return len(job.params.replicas) * iterations * pgan_flops(pgan.Networks.build(attack, data.shape), attack)


def victims_flops(data: Data, job: Any) -> float:
    """Operations of a `run_trials` job, as if no defense rejected a point; Sever fits a victim a filtering more."""
    evaluation = job.params.evaluation
    victim, alphas = evaluation["victim"], evaluation.get("alphas")
    if victim is None:
        return 0
    repetitions = [one for one in job.params.replicas if alphas is None or one.get("alpha", alphas[0]) in alphas]
    fits = 1 + evaluation["defense"].get("filterings", 0)
    model = build_model(victim, data.shape, data.classes if job.params.task["all_classes"] else 1)
    step = training_flops(model, victim["batch_size"])
    steps = sum(victim["epochs"] * points / victim["batch_size"] for points in evaluation["train_points"])
    return len(repetitions) * len(evaluation["poison_fractions"]) * evaluation["runs"] * fits * steps * step


def checkpoints_flops(data: Data, job: Any) -> float:
    """Operations of a `try_checkpoints` job: trials with poison on every checkpoint, those without once."""
    evaluation, trained = job.params.evaluation, job.rule.workflow.globals["experiment"](job.wildcards).own
    iterations = job.params.attack["epochs"] * math.ceil(data.targets / job.params.attack["batch_size"])
    poisoned = sum(fraction > 0 for fraction in evaluation["poison_fractions"])
    asked = poisoned * (iterations // trained.checkpoint_iterations) + len(evaluation["poison_fractions"]) - poisoned
    return victims_flops(data, job) / len(evaluation["poison_fractions"]) * asked


def image_flops(data: Data, network: dict[str, Any], train: bool) -> int:
    """Operations of an autoencoder on one image: forward, and backward too where it is to `train`."""
    with torch.device("meta"):
        module = build_autoencoder(network, data.shape)
        images = torch.empty(1, *data.shape)
    with FlopCounterMode(display=False) as counter:
        output = module(images)
        if train:
            output.sum().backward()
    return counter.get_total_flops()


def autoencoder_flops(data: Data, job: Any) -> float:
    """Operations of a `train_autoencoder` job: a backdoored model sees each image once more, with the trigger."""
    settings = job.params.autoencoder
    kinds = 1 if job.params.target is None else 2
    return kinds * settings["epochs"] * data.train * image_flops(data, settings["network"], train=True)


def reconstructions_flops(data: Data, job: Any) -> float:
    """Operations of an `evaluate_autoencoders` job: every model on clean and on triggered test images."""
    trained = next(other for other in job.dag.dependencies[job] if other.rule.name == "train_autoencoder")
    network = trained.params.autoencoder["network"]
    return 2 * len(job.input.autoencoders) * data.test * image_flops(data, network, train=False)


def gan_flops(data: Data, job: Any) -> float:
    """Operations of a `train_gan` job without its measurements; a backdoored one has two discriminators to please."""
    settings = job.params.gan
    batch, sides = settings["batch_size"], 1 if job.params.backdoor is None else 2
    sizes = Sizes.from_settings(settings["network"], data.shape[0], data.classes)
    # Shapes alone: spectral norm switches autocast off, which the device "meta" does not know.
    with FakeTensorMode():
        generator, discriminator = Generator(sizes), Discriminator(sizes)
        latent, labels = torch.empty(batch, sizes.latent), torch.zeros(batch, dtype=torch.int64)
        images, both = torch.empty(2 * batch, *sizes.shape), torch.zeros(2 * batch, dtype=torch.int64)
        with FlopCounterMode(display=False) as discriminator_step:
            with torch.no_grad():
                generator(latent, labels)
            discriminator(images, both).sum().backward()
        discriminator.requires_grad_(False)
        with FlopCounterMode(display=False) as generator_step:
            discriminator(generator(latent, labels), labels).sum().backward()
    steps = settings["discriminator_steps"] * discriminator_step.get_total_flops() + generator_step.get_total_flops()
    return sides * settings["steps"] * steps


# Those that are left out measure, or train a small classifier: minutes each.
FLOPS = {
    "train_attack": generators_flops,
    "train_attack_with_checkpoints": generators_flops,
    "run_trials": victims_flops,
    "try_checkpoints": checkpoints_flops,
    "train_autoencoder": autoencoder_flops,
    "evaluate_autoencoders": reconstructions_flops,
    "train_gan": gan_flops,
}


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


@functools.cache
def flops_of(job: Any) -> float:
    """Operations of a job of one of the rules in `FLOPS`."""
    return FLOPS[job.rule.name](DATA[Path(job.input.dataset).stem], job)


def cost_of(jobs: list[Any]) -> Cost:
    """What some jobs take together."""
    submitted = [job for job in jobs if is_submitted(job)]
    training = [job for job in submitted if job.resources.get("gpu")]
    counted = [job for job in training if job.rule.name in FLOPS]
    flops = sum(flops_of(job) for job in counted)
    uncounted = frozenset(job.rule.name for job in training) - set(FLOPS)
    return Cost(len(submitted), len(training), float(flops), uncounted)


def costs(jobs: dict[Any, list[Any]]) -> dict[str, Cost]:
    """Target -> what it takes alone, from nothing: every figure, then `all`."""
    by_name = {job.rule.name: needed for job, needed in jobs.items()}
    figures = {job.rule.name for job in by_name["all"] if FIGURE.fullmatch(job.rule.name)}
    return {name: cost_of(by_name[name]) for name in [*sorted(figures, key=in_order), "all"]}


def in_order(figure: str) -> list[str | int]:
    """Sorts Figure 10 behind Figure 9."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", figure)]


def rounded(number: float, uncounted: bool) -> str:
    """Two digits, since no more are known; where some of it is `uncounted`, what it is at least."""
    said = "< 0.01" if number < 0.01 else f"{float(f'{number:.2g}'):g}"
    if uncounted:
        return "–" if number == 0 else f"> {said}"
    return said


def table(found: dict[str, Cost]) -> str:
    """The table of docs/cluster.md, in Markdown."""
    lines = ["| target | jobs | of them on a GPU | PFLOP | GPU hours |", "|---|---:|---:|---:|---:|"]
    for name, cost in found.items():
        numbers = [rounded(number, bool(cost.uncounted)) for number in (cost.flops / 1e15, cost.hours)]
        lines.append(f"| `{name}` | {cost.submitted} | {cost.gpu} | {numbers[0]} | {numbers[1]} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as empty:
        print(table(costs(planned_jobs(root, Path(empty)))), end="")
