"""The plan of one scale: configuration, studies, figures and paths. Rules get everything from here."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from oleander.io.errors import OleanderError
from oleander.plots.looks import alpha_looks, attack_looks, control_looks, defense_looks, model_looks
from oleander.workflow.absent import absent_data
from oleander.workflow.autoencoders import Autoencoder
from oleander.workflow.configuration import Configuration, read_configuration
from oleander.workflow.figures import Choices, Figure, GanSamples, Reconstructions, figure_number
from oleander.workflow.gans import Gan
from oleander.workflow.poisoning import Poisoning, task_settings
from oleander.workflow.sources import DESCRIBING
from oleander.workflow.studies import Result, Study, data_file, once


@dataclass(frozen=True)
class Plan:
    """What a scale trains, measures and draws.

    Attributes:
        config: the configuration at this scale.
        root: path of the checkout.
    """

    config: Configuration
    root: str

    @classmethod
    def read(
        cls, root: str, configfiles: list[dict[str, Any]], command_line: dict[str, Any], complete: bool = False
    ) -> "Plan":
        """Read the configuration; see `read_configuration` for the arguments.

        Raises:
            OleanderError: a mistake in the configuration, or a file that it names does not exist.
        """
        plan = cls(read_configuration(Path(root), configfiles, command_line, complete), root)
        for name in plan.config.figures:
            plan.paper_of(name)
        # Snakemake would miss it only where something is to be made from it, and else show older results.
        for path in plan.inception():
            if not Path(path).exists() and not plan.config.allow_download:
                raise OleanderError(
                    f"configuration, features.inception_weights: {path} does not exist; convert pytorch-fid's weights "
                    "as docs/data.md says, have them fetched by allow_download=True, or set null"
                )
        return plan

    @property
    def scale(self) -> str:
        """Name of the scale."""
        return self.config.scale

    @property
    def out(self) -> str:
        """Folder of the scale's results."""
        return f"results/{self.scale}"

    # Studies.
    @cached_property
    def experiments(self) -> dict[str, Poisoning]:
        """Poisoning studies by name."""
        return {name: Poisoning(name, self.config, self.out) for name in self.config.experiments}

    @cached_property
    def autoencoders(self) -> dict[str, Autoencoder]:
        """Autoencoder studies by name."""
        return {name: Autoencoder(name, self.config, self.out) for name in self.config.autoencoders}

    @cached_property
    def gans(self) -> dict[str, Gan]:
        """GAN studies by name."""
        return {name: Gan(name, self.config, self.out) for name in self.config.gans}

    def data_file(self, dataset: str) -> str:
        """Path of a prepared dataset."""
        return data_file(self.out, dataset)

    def dataset_settings(self, dataset: str) -> dict[str, Any]:
        """Settings of a dataset's source, without those that only figures and evidence use."""
        settings = self.config.datasets[dataset].plain()
        return {key: value for key, value in settings.items() if key not in DESCRIBING}

    def absent(self) -> list[str]:
        """A sentence on each dataset that is absent, with what this scale takes in its place."""
        said = []
        for name, where in absent_data(self.config.plain(), Path(self.root)).items():
            others = [self.config.datasets[other] for other in once(_named(self.config.if_absent[name], "dataset"))]
            instead = [f"{one.title} in place of {one.stand_in_for}" for one in others if one.stand_in_for]
            said.append(
                f"{self.config.datasets[name].title}: absent, looked for {where}. Scale {self.scale} takes "
                f"{', '.join(instead) or 'other settings'}; its figures, CSVs and verdicts say so, and claims about "
                "these data are not comparable."
            )
        return said

    def check_file(self, dataset: str) -> str:
        """Path of a dataset's check."""
        return f"{self.out}/checks/{dataset}.json"

    def checks(self, results: Iterable[Result]) -> list[str]:
        """Paths of the checks of the datasets behind some results."""
        return once(self.check_file(result.study.dataset) for result in results)

    # Figures and tables.
    @property
    def figures(self) -> dict[str, Figure]:
        """Figures and tables by name."""
        return self.config.figures

    def figure(self, name: str) -> Figure:
        """A figure or table.

        Raises:
            OleanderError: the configuration has no figure of that name.
        """
        if name not in self.figures:
            raise OleanderError(f"configuration, figures.{name}: missing, though a rule draws it; restore it")
        return self.figures[name]

    def paper_of(self, name: str) -> str:
        """Name of a figure's paper. A figure's name begins with it.

        Raises:
            OleanderError: the figure's name begins with no paper's name.
        """
        for paper in self.config.papers:
            if name.startswith(f"{paper}_"):
                return paper
        raise OleanderError(
            f"configuration, figures.{name}: its name must begin with that of a paper, one of "
            f"{', '.join(f'{paper}_' for paper in self.config.papers)}; rename it, or add its paper to papers"
        )

    def figure_title(self, name: str) -> str:
        """Such as "pGAN, Figure 2"."""
        return f"{self.config.papers[self.paper_of(name)].name}, {figure_number(name)}"

    def headlines(self) -> list[str]:
        """Names of the figures that show the papers' main points."""
        return [name for name, figure in self.figures.items() if figure.headline]

    def figures_of(self, paper: str) -> list[str]:
        """Names of a paper's figures and tables."""
        return [name for name in self.figures if self.paper_of(name) == paper]

    def inputs(self, name: str) -> dict[str, list[str]]:
        """Inputs of a figure's rule: what its script reads, and the checks of its datasets."""
        figure = self.figure(name)
        found = {key: _files(results) for key, results in figure.results(self).items()}
        if datasets := figure.datasets(self):
            found["datasets"] = [self.data_file(dataset) for dataset in datasets]
        if figure.quotes:
            found["claims"] = self.claims_files()
        if checks := self.checks(self.results(name)):
            found["checks"] = checks
        return found

    def claims_files(self) -> list[str]:
        """The files of published claims, one or more a paper."""
        return sorted(str(path) for path in Path(self.root, "workflow/published").glob("*.csv"))

    def readings(self) -> dict[str, str]:
        """Claim -> the figure that shows its verdict under other readings of the paper."""
        return {
            claim: name
            for name, figure in self.figures.items()
            if isinstance(figure, Choices)
            for claim in figure.statements
        }

    def params(self, name: str) -> dict[str, Any]:
        """Params of a figure's rule."""
        found = {**self.figure(name).params(self), "confidence": self.config.confidence, "scale": self.scale}
        if not self.figure(name).pictures:
            found["table"] = int(re.search(r"\d*$", name)[0] or 0)
            found["figure_title"] = self.figure_title(name)
        if self.figure(name).quotes:
            number = figure_number(name).replace("Figure ", "Fig").replace(" ", "")
            found["quoted"] = {"paper": self.config.papers[self.paper_of(name)].name, "figure": number}
        return found

    def pictures(self, name: str) -> dict[str, str]:
        """Pictures of a figure: name of the output, such as rates_png -> path.

        Where it shows images that may not be published, and something besides, `published_png` is without them.
        """
        found, figure = {}, self.figure(name)
        without = ["_published"] if figure.withheld(self) and figure.left(self) else []
        for part in (*figure.pictures, *without):
            for ending in ("png", "pdf"):
                found[f"{part}_{ending}".removeprefix("_")] = f"{self.out}/figures/{name}{part}.{ending}"
        return found

    def tables(self, name: str) -> dict[str, str]:
        """Tables of a figure: file ending -> path."""
        return {ending: f"{self.out}/tables/{name}.{ending}" for ending in self.figure(name).tables}

    def made(self, name: str) -> list[str]:
        """The files that stand for a figure in `all`: its PNGs or, for a table, its CSV."""
        pictures = [path for path in self.pictures(name).values() if path.endswith(".png")]
        return pictures or [self.tables(name)["csv"]]

    def results(self, name: str) -> list[Result]:
        """All results that a figure reads."""
        return [result for results in self.figure(name).results(self).values() for result in results]

    def studies_of(self, name: str) -> list[Study]:
        """The studies that a figure shows."""
        found = {(result.study.block, result.study.name): result.study for result in self.results(name)}
        return list(found.values())

    @cached_property
    def samples_per_generator(self) -> int:
        """Points saved of every generator of poison: enough for every figure."""
        shown = [figure.samples_shown() for figure in self.figures.values() if not isinstance(figure, GanSamples)]
        return max(shown, default=1)

    @cached_property
    def samples_per_gan(self) -> int:
        """Images saved of every GAN: enough for every figure."""
        shown = [figure.samples_shown() for figure in self.figures.values() if isinstance(figure, GanSamples)]
        return max(shown, default=1)

    @cached_property
    def reconstructions_shown(self) -> int:
        """Images whose reconstructions are saved for every autoencoder: enough for every figure."""
        return max(
            (figure.columns for figure in self.figures.values() if isinstance(figure, Reconstructions)), default=1
        )

    # Titles and looks.
    def titles(self, names: list[str], block: str = "experiments") -> dict[str, str]:
        """Study -> title of its dataset; `block` is that of the studies, such as "gans"."""
        studies = getattr(self, block)
        return {name: studies[name].title for name in names}

    def trials(self, experiments: list[str], evaluation: str) -> list[Result]:
        """The trials of several experiments under one evaluation."""
        return [self.experiments[name].trials(evaluation) for name in experiments]

    def defense_titles(self, defenses: list[str]) -> dict[str, str]:
        """Name of a defense in the configuration -> its title."""
        return {name: self.config.defenses[name].title for name in defenses}

    @property
    def _attacks(self) -> list[str]:
        """All attacks, whose order decides on the looks of those that the project does not ship."""
        return once(block.name for block in self.config.attacks.values())

    def looks(
        self,
        alphas: list[str] | None = None,
        defenses: list[str] | None = None,
        attacks: list[str] | None = None,
        controls: list[str] | None = None,
        models: bool = False,
    ) -> dict[str, dict[str, Any]]:
        """Colours and markers, the same in every figure.

        Args:
            alphas: experiments; gives the looks of their alphas.
            defenses: names of defenses in the configuration.
            attacks: experiments; gives the looks of their attacks.
            controls: experiments; gives each the look of its attack as a control.
            models: whether to give the looks of clean and triggered images.
        """
        found: dict[str, dict[str, Any]] = {}
        if alphas is not None:
            found["alphas"] = alpha_looks(once(alpha for name in alphas for alpha in self.experiments[name].alphas))
        if defenses is not None:
            every = defense_looks(self.defense_titles(list(self.config.defenses)))
            found["defenses"] = {name: every[name] for name in once(defenses)}
        if attacks is not None:
            every = attack_looks(self._attacks)
            found["attacks"] = {name: every[name] for name in once(self.experiments[one].attack for one in attacks)}
        if controls is not None:
            every = control_looks(self._attacks)
            found["controls"] = {name: every[self.experiments[name].attack] for name in once(controls)}
        if models:
            found["models"] = model_looks()
        return found

    # Checks before training.
    def studies_on(self, dataset: str) -> dict[str, dict[str, Any]]:
        """All studies on a dataset, with the settings that scripts/check_data.py checks."""
        shown = [result for name in self.figures for result in self.results(name)]
        return {
            "tasks": self._tasks_on(dataset, shown),
            "autoencoders": {
                study.name: {"settings": study.settings(), "trigger": study.trigger(), "targets": study.targets()}
                for study in self.autoencoders.values()
                if study.dataset == dataset
            },
            "gans": {
                study.name: {
                    "network": study.settings()["network"],
                    "backdoors": {model: study.backdoor(model) for model in study.models},
                    "data": {model: study.data_of(model) for model in study.models},
                }
                for study in self.gans.values()
                if study.dataset == dataset
            },
        }

    def tasks_of(self, experiment: str) -> dict[str, dict[str, Any]]:
        """The tasks on which figures show an experiment, with the settings that are checked before it is trained."""
        study = self.experiments[experiment]
        shown = [result for name in self.figures for result in self.results(name) if result.study.name == experiment]
        return self._tasks_on(study.dataset, shown)

    def _tasks_on(self, dataset: str, shown: list[Result]) -> dict[str, dict[str, Any]]:
        tasks: dict[str, dict[str, Any]] = {}
        for result in shown:
            study = result.study
            if not isinstance(study, Poisoning) or study.dataset != dataset:
                continue
            block = self._task_block(tasks, study.task(result.evaluation or None))
            if result.evaluation:
                sizes = self.config.evaluations[result.evaluation].plain()
                asked = ("poison_fractions", "train_points", "trusted_per_class", "genuine_per_class")
                block["evaluations"][result.evaluation] = {key: sizes[key] for key in asked if key in sizes}
                settings = study.evaluation_settings(result.evaluation)
                if settings["victim"] is not None:
                    block["victims"][result.evaluation] = settings["victim"]
                if not study.is_trained and "poison_fractions" in settings:
                    block["untrained"].setdefault(result.evaluation, {})[study.name] = {
                        "attack": study.attack_settings(),
                        "poison_fractions": settings["poison_fractions"],
                    }
            if study.is_trained:
                name = f"{study.own.attack} of experiment {study.name}" if study.own.settings else study.own.attack
                self._task_block(tasks, study.own.task)["attacks"][name] = study.attack_settings()
        return tasks

    def _task_block(self, tasks: dict[str, dict[str, Any]], task: str) -> dict[str, Any]:
        """What is to be checked of a task, added to `tasks` if it is missing."""
        if task not in tasks:
            empty = {"evaluations": {}, "victims": {}, "attacks": {}, "untrained": {}}
            tasks[task] = {"settings": task_settings(self.config, task), **empty}
        return tasks[task]

    def data_checked_with(self, dataset: str) -> list[str]:
        """Prepared datasets that a dataset's check reads: its own and those of its GANs' targets."""
        others = [name for study in self.gans.values() if study.dataset == dataset for name in study.datasets]
        return [self.data_file(name) for name in once([dataset, *others])]

    def target_files_on(self, dataset: str) -> list[str]:
        """Paths of users' images that are targets of studies on a dataset."""
        files = [path for one in self.autoencoders.values() if one.dataset == dataset for path in one.target_files()]
        for study in self.gans.values():
            if study.dataset == dataset:
                files += [path for model in study.models for path in study.target_files(model)]
        return once(files)

    def classes_of_subset(self, subset: str) -> list[str] | None:
        """Classes of a reference; None means all classes."""
        return None if subset == "all" else self.config.targets[subset].plain()["classes"]

    def inception(self) -> list[str]:
        """Path of Inception's weights, or an empty list."""
        path = self.config.features.inception_weights
        return [] if path is None else [path]

    def inception_to_fetch(self) -> list[str]:
        """Path of Inception's weights if they do not exist and may be downloaded, or an empty list."""
        return [path for path in self.inception() if self.config.allow_download and not Path(path).exists()]


def _named(block: Any, key: str) -> list[Any]:
    """What a key says, wherever it stands in a mapping of mappings."""
    if not isinstance(block, dict):
        return []
    own = [block[key]] if key in block else []
    return own + [one for inner in block.values() for one in _named(inner, key)]


def _files(results: list[Result]) -> list[str]:
    return once(path for result in results for path in result.files)
