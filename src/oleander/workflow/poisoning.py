"""Poisoning studies (`experiments`): an attack on a task, with its generators, trials, samples and boundaries.

One training job trains one cohort of replicas. A cohort's name says which replicas it holds, so extending a grid does
not change the other cohorts.
"""

from functools import cached_property
from typing import Any

from oleander.io.errors import OleanderError
from oleander.workflow.declared import grid_of, is_trained
from oleander.workflow.studies import Result, Study, once

GRID_NAMES = {"alphas": ("alpha", "alpha"), "lambda_primes": ("lambda_prime", "lambda")}
"""List in an experiment's grid -> attribute of a replica, and its name in cohorts' names."""


class Poisoning(Study):
    """An entry of `experiments`."""

    block = "experiments"

    @property
    def dataset(self) -> str:
        """See `Study.dataset`."""
        return self.config.tasks[self.own.task].dataset

    @property
    def attack(self) -> str:
        """Name of the attack in the registry."""
        return self.config.attacks[self.own.attack].name

    @property
    def is_trained(self) -> bool:
        """Whether the attack trains generators."""
        return is_trained(self.attack)

    @property
    def alphas(self) -> list[float]:
        """The alphas of its generators; empty if the attack has none."""
        return list(self.own.alphas or [])

    @cached_property
    def cohorts(self) -> dict[str, list[dict[str, Any]]]:
        """Cohort's name -> its replicas; those of an untrained attack are repetitions."""
        size = self.config.cohort
        seeds = _chunks(list(range(self.own.generators)), size.generators_per_job)
        if not self.is_trained:
            return {f"repeats_{part[0]}-{part[-1]}": [{"seed": seed} for seed in part] for part in seeds}
        sizes = {"alphas": size.alphas_per_job, "lambda_primes": size.lambdas_per_job}
        cohorts: dict[str, list[dict[str, Any]]] = {"": [{}]}
        for values in grid_of(self.attack):
            if values not in GRID_NAMES:
                raise OleanderError(
                    f"attack '{self.attack}': its GRID names {values}, but replicas have {' and '.join(GRID_NAMES)} "
                    "alone; name these, or add the list to GRID_NAMES of oleander.workflow.poisoning and to Replica"
                )
            key, spelled = GRID_NAMES[values]
            cohorts = {
                f"{name}{spelled}_{'+'.join(f'{value:g}' for value in part)}_": [
                    {**replica, key: value} for replica in replicas for value in part
                ]
                for name, replicas in cohorts.items()
                for part in _chunks(getattr(self.own, values), sizes[values])
            }
        return {
            f"{name}generators_{part[0]}-{part[-1]}": [{**one, "seed": seed} for one in replicas for seed in part]
            for name, replicas in cohorts.items()
            for part in seeds
        }

    def cohort_with(self, alpha: float) -> str:
        """Name of the cohort with the first generator at an alpha.

        Raises:
            OleanderError: no generator is trained at that alpha.
        """
        for name, replicas in self.cohorts.items():
            if any(replica["alpha"] == alpha and replica["seed"] == 0 for replica in replicas):
                return name
        raise OleanderError(
            f"experiment {self.name} has no generator 0 at alpha {alpha:g} at scale {self.config.scale}; "
            f"add the alpha to experiments.{self.name}.alphas in config.yaml"
        )

    def tested_cohorts(self, evaluation: str) -> list[str]:
        """Names of the cohorts that an evaluation tests: all, or those with one of its alphas."""
        alphas = self.config.evaluations[evaluation].alphas
        if alphas is None or not self.is_trained:
            return list(self.cohorts)
        return [name for name, made in self.cohorts.items() if any(one.get("alpha") in alphas for one in made)]

    # Files and the jobs behind them.
    def trials(self, evaluation: str) -> Result:
        """All trials of an evaluation, with columns `oleander.io.columns.TRIALS`."""
        return self._tested("trials", evaluation)

    def confusion(self, evaluation: str) -> Result:
        """All confusion matrices of an evaluation."""
        return self._tested("confusion", evaluation)

    def curves(self) -> Result:
        """Training curves of all generators."""
        files = [f"{self._folder}/curves/{cohort}.csv" for cohort in self.cohorts]
        return Result(f"pgan/{self.name}/curves.csv", files, self, self._jobs(self.cohorts))

    def samples(self, alphas: list[float]) -> Result:
        """Saved samples of genuine points and of the first generator's poison at each alpha."""
        return self._samples(once(self.cohort_with(alpha) for alpha in alphas))

    def all_samples(self) -> Result:
        """Saved samples of genuine points and of every generator's poison."""
        return self._samples(list(self.cohorts))

    def distances(self) -> Result:
        """Energy distances of every generator's poison from genuine points, columns `oleander.io.columns.DISTANCES`."""
        name = f"pgan/{self.name}/distances.csv"
        return Result(name, [f"{self.out}/{name}"], self, self._jobs(self.cohorts))

    def checkpoints(self, cohort: str) -> str:
        """Path of the folder of generators kept during training.

        Raises:
            OleanderError: the experiment keeps none.
        """
        if self.own.checkpoint_iterations is None:
            raise OleanderError(
                f"experiment {self.name} keeps no generators during training; set "
                f"experiments.{self.name}.checkpoint_iterations in config.yaml"
            )
        return f"{self.out}/checkpoints/{self.name}/{cohort}"

    def checkpoint_measures(self, evaluation: str) -> Result:
        """Measures of the poison over training, with columns `oleander.io.columns.CHECKPOINTS`."""
        return self._over_training("measures", "measure_checkpoints", evaluation)

    def checkpoint_trials(self, evaluation: str) -> Result:
        """An evaluation's trials over training, with columns `oleander.io.columns.CHECKPOINT_TRIALS`."""
        return self._over_training("trials", "try_checkpoints", evaluation)

    def boundaries(self, evaluation: str, ending: str) -> list[Result]:
        """Decision boundaries (ending "csv") of an evaluation, or the points that they were fitted to ("points.csv");
        one result a cohort."""
        found = []
        for cohort in self.cohorts:
            name = f"pgan/{self.name}/boundaries/{evaluation}/{cohort}.{ending}"
            found.append(Result(name, [f"{self.out}/{name}"], self, self._jobs([cohort]), evaluation))
        return found

    def generators_file(self, cohort: str) -> str | list[str]:
        """Path of a cohort's trained generators; an empty list if the attack is not trained."""
        return f"{self._folder}/generators/{cohort}.safetensors" if self.is_trained else []

    @property
    def _folder(self) -> str:
        return f"{self.out}/pgan/{self.name}"

    def _samples(self, cohorts: list[str]) -> Result:
        files = [f"{self._folder}/samples/{cohort}.safetensors" for cohort in cohorts]
        return Result(f"pgan/{self.name}/samples", files, self, self._jobs(cohorts))

    def _over_training(self, kind: str, rule: str, evaluation: str) -> Result:
        files = [f"{self._folder}/checkpoint_{kind}/{evaluation}/{cohort}.csv" for cohort in self.cohorts]
        measured = [f"{rule}/{self.name}/{evaluation}/{cohort}" for cohort in self.cohorts]
        name = f"pgan/{self.name}/checkpoint_{kind}/{evaluation}.csv"
        return Result(name, files, self, [*self._jobs(self.cohorts), *measured], evaluation)

    def _tested(self, kind: str, evaluation: str) -> Result:
        cohorts = self.tested_cohorts(evaluation)
        files = [f"{self._folder}/{kind}/{evaluation}/{cohort}.csv" for cohort in cohorts]
        tested = [f"run_trials/{self.name}/{evaluation}/{cohort}" for cohort in cohorts]
        name = f"pgan/{self.name}/{kind}/{evaluation}.csv"
        return Result(name, files, self, [*self._jobs(cohorts), *tested], evaluation)

    def _jobs(self, cohorts: Any) -> list[str]:
        trained = [f"train_attack/{self.name}/{cohort}" for cohort in cohorts] if self.is_trained else []
        return [*self.data_jobs(), *trained]

    # Settings as jobs get them: plain values only, since Snakemake tracks no others.
    def task(self, evaluation: str | None = None) -> str:
        """Name of the attacked task, or of the task that an evaluation tests."""
        return self.own.task if evaluation is None else self.config.evaluations[evaluation].task or self.own.task

    def dataset_of(self, evaluation: str) -> str:
        """Name of the dataset that an evaluation tests."""
        return self.config.tasks[self.task(evaluation)].dataset

    def task_settings(self, evaluation: str | None = None) -> dict[str, Any]:
        """Source and target class, and whether the other classes are included."""
        return task_settings(self.config, self.task(evaluation))

    def attack_settings(self) -> dict[str, Any]:
        """The attack's settings, with the number of epochs if it is trained."""
        settings = self.own.attack_block(self.config.attacks).plain()
        return {**settings, "epochs": self.own.epochs} if self.is_trained else settings

    def evaluation_settings(self, evaluation: str) -> dict[str, Any]:
        """The evaluation's settings, with those of its victim and its defense in place of their names.

        Raises:
            OleanderError: the experiment's own poison fractions exclude all of the evaluation's.
        """
        settings = self.config.evaluations[evaluation].plain()
        settings.pop("task", None)
        own = self.own.poison_fractions
        if own is not None and "poison_fractions" in settings:
            settings["poison_fractions"] = [fraction for fraction in settings["poison_fractions"] if fraction in own]
            if not settings["poison_fractions"]:
                raise OleanderError(
                    f"no poison fraction of evaluations.{evaluation} is among those of experiments.{self.name}; "
                    "give them one in common in config.yaml"
                )
        victim = self.config.victims[self.config.tasks[self.task(evaluation)].victim]
        settings["victim"] = victim.plain() if settings.pop("train_victims", True) else None
        if "defense" in settings:
            settings["defense"] = self.config.defenses[settings["defense"]].plain()
            settings["defense"].pop("title")
        return settings

    def identity(self, evaluation: str | None = None) -> dict[str, Any]:
        """Columns that identify its rows in every CSV."""
        names = {"scale": self.config.scale, "experiment": self.name, "attack": self.attack}
        if evaluation is None:
            return names
        defense = self.config.evaluations[evaluation].defense
        return {**names, "evaluation": evaluation, **({"defense": defense} if defense else {})}

    def uses(self, evaluation: str = "") -> list[tuple[str, str]]:
        """See `Study.uses`; with an evaluation, includes what the evaluation depends on."""
        tasks = once([self.own.task, self.task(evaluation or None)])
        found = [("experiments", self.name), ("attacks", self.own.attack)]
        found += [("tasks", task) for task in tasks]
        found += once(("datasets", self.config.tasks[task].dataset) for task in tasks)
        if evaluation:
            found += [("evaluations", evaluation), ("victims", self.config.tasks[tasks[-1]].victim)]
            defense = self.config.evaluations[evaluation].defense
            found += [("defenses", defense)] if defense else []
        return found


def task_settings(config: Any, task: str) -> dict[str, Any]:
    """Source and target class of a task, and whether the other classes are included."""
    block = config.tasks[task]
    return {key: getattr(block, key) for key in ("source_class", "target_class", "all_classes")}


def _chunks(values: list[Any], size: int) -> list[list[Any]]:
    """Consecutive pieces of length `size`; the last may be shorter."""
    return [values[start : start + size] for start in range(0, len(values), size)]
