"""Where the campaign works: checkouts with a tiny configuration, and what an undisturbed run made in the first."""

import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from faults.report import digests
from faults.runs import POLL, CampaignError, Run
from workflow_checkout import Checkout, tiny

FIGURES = ("pgan_fig8", "pgan_fig13", "pgan_fig9", "pgan_fig12", "pgan_progress", "baaan_fig1", "baaan_fig4")
"""Between them every trainer and evaluator: generators of both kinds of network, trials with an outlier detector and
with Sever, boundaries, generators kept during training, autoencoders, GANs and what measures them."""

SHORT = ("pgan_fig13", "pgan_fig9", "results/demo/baaan/autoencoders/mnist/errors.csv")
"""Some of them, for the short form."""

COHORT = "alpha_0.1+0.3_lambda_0.9_generators_0-0"
TRAINED = f"results/demo/pgan/mnist/generators/{COHORT}.safetensors"
"""What the faults that are made one at a time let the workflow make, from prepared data."""
TRAINING = f"train_attack/mnist/{COHORT}"
"""The job that makes it."""

RULES = (
    "train_attack",
    "run_trials",
    "fit_boundaries",
    "measure_checkpoints",
    "try_checkpoints",
    "train_autoencoder",
    "evaluate_autoencoders",
    "train_feature_classifier",
    "measure_reference",
    "train_gan",
    "evaluate_gan",
)
"""Every trainer and evaluator."""

VARIANTS = {
    "train_attack/mnist/": "MLP",
    "train_attack/mnist_progress/": "MLP with checkpoints",
    "train_attack/cifar/": "CNN",
    "train_attack/synthetic/": "points in the plane",
    "run_trials/mnist/effectiveness/": "outlier detection",
    "run_trials/mnist/sever_01/": "Sever",
}


def kind_of(job: str) -> str:
    """A job's rule, with its variant where it has several."""
    rule = job.partition("/")[0]
    return next((f"{rule}, {name}" for start, name in VARIANTS.items() if job.startswith(start)), rule)


def settings() -> dict:
    """The tests' tiny configuration, with jobs that take seconds, states every 0.1 s, and one cohort an experiment."""
    chosen = tiny()
    chosen["state_minutes"] = 0.0017
    demo = chosen["scales"]["demo"]
    demo["device"] = {"name": "cpu", "threads": 1}
    demo["cohort"] = {"alphas_per_job": 2}
    demo["experiments"]["mnist"] = {"epochs": 300, "alphas": [0.1, 0.3], "generators": 1}
    demo["experiments"]["cifar"] = {"epochs": 2, "alphas": [0.1, 0.3], "generators": 1}
    demo["experiments"]["mnist_progress"] = {**demo["experiments"]["mnist"], "checkpoint_iterations": 200}
    demo["experiments"]["synthetic"] = {"epochs": 60, "alphas": [0.2], "generators": 1}
    demo["victims"]["binary_mlp"] |= {"epochs": 150}
    demo["victims"]["logistic"] = {"epochs": 200}
    demo["features"] = {"classifier": {"epochs": 2}}
    network = {"width": 4, "residual_blocks": 1}
    demo["autoencoders"]["mnist"] = {"network": network, "epochs": 3, "targets": {"inverse": "inverse"}}
    demo["gans"]["mnist"] |= {"steps": 40, "evaluate_every": 10, "samples": 48}
    demo["figures"] |= {"pgan_fig1": {"points": 50}, "baaan_fig6": {"rows": 2, "columns": 2}}
    return chosen


@dataclass
class Pace:
    """How long a kind of job takes: seconds until it has imported what it needs, and from there to its end."""

    imports: float
    work: float


class Workplace:
    """An undisturbed run, and checkouts to disturb.

    Args:
        repository: the project's root.
        folder: where everything is made.
        targets: what Snakemake is asked for.

    Attributes:
        expected: file -> digest of everything that the undisturbed run made below results/demo.
        outputs: job -> its files, by the names that they have in `expected`.
        paces: kind of job -> its pace; the longest of its jobs.
        undisturbed: the checkout in which it ran.
    """

    def __init__(self, repository: Path, folder: Path, targets: tuple[str, ...]) -> None:
        self.repository, self.folder, self.targets = repository, folder, targets
        self.undisturbed = self.checkout("undisturbed")
        self.paces: dict[str, Pace] = {}
        self._watch()
        self.expected = digests(self.undisturbed.result(""))
        self.outputs = self._outputs()

    def checkout(self, name: str, with_data: bool = False) -> Checkout:
        """A fresh checkout, with the prepared data of the undisturbed one if so asked."""
        (self.folder / name).mkdir()
        checkout = Checkout(self.repository, self.folder / name)
        checkout.configure(settings())
        if with_data:
            self.give_data(checkout)
        return checkout

    def give_data(self, checkout: Checkout) -> None:
        """Give a checkout the data that the undisturbed one has prepared."""
        for part in (".snakemake/metadata", "results/demo/data"):
            shutil.copytree(self.undisturbed.folder / part, checkout.folder / part)

    def expected_of(self, job: str) -> dict[str, str]:
        """What a checkout shall hold that was given the prepared data and has run one job."""
        names = [name for name in self.expected if name.startswith("data/")] + self.outputs[job]
        return {name: self.expected[name] for name in names}

    def _watch(self) -> None:
        """Run it, and see how long jobs take.

        Raises:
            CampaignError: it fails.
        """
        seen, begun, ended = {}, {}, {}
        with Run(self.undisturbed, self.targets) as run:
            while run.runs():
                for job in run.jobs():
                    now = time.monotonic()
                    seen.setdefault(job, now)
                    if job.has_begun():
                        begun.setdefault(job, now)
                    # Its work ends with its log; to end itself, with all that it has imported, takes about as long.
                    if job not in begun or job.has_begun():
                        ended[job] = now
                time.sleep(POLL)
            if run.end() != 0:
                raise CampaignError(f"the undisturbed run failed:\n{run.said()}")
        for job, start in seen.items():
            kind, middle = kind_of(job.name), begun.get(job, ended[job])
            pace = self.paces.setdefault(kind, Pace(0, 0))
            pace.imports, pace.work = max(pace.imports, middle - start), max(pace.work, ended[job] - middle)

    def _outputs(self) -> dict[str, list[str]]:
        """Files of every job, as Snakemake tells them; it names the log of each."""
        said = self.undisturbed.succeed("--summary", *self.targets)
        found: dict[str, list[str]] = {}
        for line in said.splitlines():
            matched = re.match(r"results/demo/(\S+)\t.*\tresults/demo/logs/(\S+)\.log\t", line)
            if matched:
                found.setdefault(matched[2], []).append(matched[1])
        return found
