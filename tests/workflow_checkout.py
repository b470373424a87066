"""A copy of the workflow for a test to run as a user does, with sizes that take seconds."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml

# Demo scale cut down further: what a run needs to touch every rule, and two cohorts an experiment.
NETWORK = {"hidden": [16]}
IMAGES = {"epochs": 6, "alphas": [0.1, 0.3], "generators": 1}


def halving(channels: int) -> dict:
    """A convolution that halves the sides of its image, or doubles them if it is transposed."""
    return {"channels": channels, "kernel": 4, "stride": 2, "padding": 1, "batch_norm": True}


FIRST = {"channels": 8, "kernel": 4, "stride": 1, "padding": 0, "batch_norm": True}
UP = {"hidden": [FIRST, halving(6), halving(4)]}
DOWN = {"hidden": [halving(4), halving(6), halving(8)], "last": {"kernel": 4, "stride": 1, "padding": 0}}
SMALL = {"runs": 1, "trusted_per_class": 30, "train_points": [80]}
BYPASS = {**SMALL, "poison_fractions": [0.0, 0.3]}
DEFENSES = (
    *("sever_005", "sever_01", "sever_02", "pca_005", "pca_01", "pca_02", "label_sanitization", "undefended"),
    *("spectral", "activation_clustering", "deep_knn", "trimmed_loss", "partition", "detector"),
)
TINY = {
    "scales": {
        "demo": {
            "cohort": {"alphas_per_job": 1},
            "attacks": {
                "pgan_images": {
                    **{player: NETWORK for player in ("generator", "discriminator", "classifier")},
                    "batch_size": 64,
                },
                "pgan_cifar": {"generator": UP, "discriminator": DOWN, "classifier": DOWN},
            },
            "experiments": {
                "mnist": IMAGES,
                "fmnist": IMAGES,
                "cifar": {**IMAGES, "epochs": 1},
                "mnist_lambda": {"epochs": 2, "lambda_primes": [0.1, 0.9], "generators": 1},
                "mnist_label_flipping": {"generators": 1},
                "mnist_random_flipping": {"generators": 1},
                "mnist_duplication": {"generators": 1},
                "fmnist_duplication": {"generators": 1},
                "cifar_duplication": {"generators": 1},
                "mnist_as_printed": IMAGES,
                "mnist_label_flipping_in_place": {"generators": 1},
                "mnist_progress": {**IMAGES, "checkpoint_iterations": 4},
                "synthetic": {"epochs": 20, "alphas": [0.2], "generators": 3},
            },
            "victims": {
                "binary_mlp": {**NETWORK, "batch_size": 200, "epochs": 3},
                "ten_class_mlp": {**NETWORK, "epochs": 2},
                "binary_cnn": {**DOWN, "last": "fully_connected", "epochs": 1},
                "logistic": {"epochs": 20},
            },
            "evaluations": {
                "effectiveness": {**SMALL, "poison_fractions": [0.0, 0.2, 0.3]},
                "rejection_90": SMALL,
                "one_fraction": SMALL,
                "sizes": {**SMALL, "train_points": [60, 80]},
                "ten_classes": {**SMALL, "trusted_per_class": 25, "train_points": [400], "poison_fractions": [0, 0.04]},
                "progress": SMALL,
                **dict.fromkeys(DEFENSES, BYPASS),
            },
            "features": {"classifier": {"epochs": 1}},
            "gans": {
                "mnist": {
                    "steps": 4,
                    "evaluate_every": 2,
                    "samples": 12,
                    "network": {"width": 2},
                    "trigger_values": [-10.0, -100.0],
                },
                "cifar10": {"steps": 4, "evaluate_every": 4, "samples": 12, "network": {"width": 2}},
                "celeba": {"steps": 2, "evaluate_every": 2, "samples": 12},
            },
            # The claims ask for every dataset's.
            "autoencoders": {
                name: {"network": {"width": 2, "residual_blocks": 1}, "epochs": 1}
                for name in ("mnist", "mnist_2_channels", "cifar10", "celeba")
            },
            "figures": {
                "baaan_fig4": {"gans": ["mnist"]},
                "baaan_fig5": {"gan": "mnist"},
                "baaan_fig8": {"gan": "mnist"},
                "baaan_fig1": {"autoencoders": ["mnist"]},
                "baaan_fig2": {"autoencoders": ["mnist"]},
                "baaan_bottleneck": {
                    "panels": [{"autoencoders": ["mnist", "mnist_2_channels"], "statements": {"backdoor_error": "B10"}}]
                },
                "baaan_choices": {"gans": ["mnist"]},
                "pgan_fig8": {"panels": [{"experiment": "mnist", "evaluations": ["effectiveness", "sever_01"]}]},
                "pgan_fig13": {"panels": [{"experiment": "mnist", "evaluations": ["sever_01"]}]},
                "pgan_fig14": {"panels": [{"experiment": "mnist", "evaluations": ["pca_005"]}]},
                "pgan_fig15": {"panels": [{"experiment": "mnist", "evaluations": ["label_sanitization"]}]},
                "pgan_matrix": {"experiments": [["mnist", "mnist_label_flipping", "mnist_random_flipping"]]},
                # A control that the matrix has tested already.
                "pgan_ranking": {"experiments": [["mnist", "mnist_random_flipping"]]},
            },
        }
    }
}


def tiny() -> dict:
    """A copy of TINY that shares nothing with it, nor its parts with each other."""
    return json.loads(json.dumps(TINY))


class Checkout:
    """A copy of the workflow's own files, with its own results.

    Attributes:
        folder: where it is.
        package: the folder of another `oleander` to import; None for the installed one.
        options: where and how Snakemake runs the jobs.
        environment: what the environment of its commands has beside this process's.
    """

    def __init__(self, repository: Path, folder: Path) -> None:
        self.folder = folder
        self.package: Path | None = None
        # Snakemake's own rate: the profile's would let each run wait seconds longer at its end.
        self.options: tuple[str, ...] = ("--cores", "2", "--max-jobs-per-timespan", "100/1s")
        self.environment: dict[str, str] = {}
        for name in ("scripts", "workflow"):
            shutil.copytree(repository / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("Snakefile", "config.yaml"):
            shutil.copy2(repository / name, folder / name)
        for name in ("profiles", "slurm"):
            (folder / name).symlink_to((repository / name).readlink())
        (folder / "envs").symlink_to(repository / "envs")
        self.configure(TINY)

    def configure(self, overrides: dict) -> None:
        (self.folder / "tiny.yaml").write_text(yaml.safe_dump(overrides))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--configfile", "tiny.yaml", *self.options, *arguments]

    def surroundings(self, data: str | None = None) -> dict[str, str]:
        """The environment of its commands; `data` names the folder of real datasets, none without it."""
        environment = {key: value for key, value in os.environ.items() if key != "OLEANDER_DATA"} | self.environment
        if self.package is not None:
            environment["PYTHONPATH"] = str(self.package)
        if data is not None:
            environment["OLEANDER_DATA"] = data
        return environment

    def run(self, *arguments: str, data: str | None = None) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.surroundings(data),
            capture_output=True,
            text=True,
            check=False,
        )

    def succeed(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def planned(self, *arguments: str) -> tuple[dict[str, int], str]:
        """What a dry run would do: rule -> number of jobs, and all that it says."""
        said = self.succeed("--dry-run", *arguments)
        table = said.partition("Job stats:")[2].partition("\ntotal")[0]
        return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}, said

    def planned_with(self, overrides: dict, *arguments: str) -> tuple[dict[str, int], str]:
        """What a dry run with other settings than TINY would do; TINY stands again afterwards."""
        try:
            self.configure(overrides)
            return self.planned(*arguments)
        finally:
            self.configure(TINY)

    def result(self, name: str) -> Path:
        return self.folder / "results/demo" / name

    def trials(self, experiment: str, evaluation: str, kind: str = "trials") -> pd.DataFrame:
        """All cohorts' trials, or confusion matrices, of an evaluation."""
        files = sorted(self.result(f"pgan/{experiment}/{kind}/{evaluation}").glob("*.csv"))
        return pd.concat([pd.read_csv(path) for path in files], ignore_index=True)
