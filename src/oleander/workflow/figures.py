"""What each figure and table shows. One class per kind of plot; an entry of `figures` names its kind and its studies.

The class gives the inputs (`results`), params and outputs (`pictures`, `tables`) of the plot's script. The rules that
run the scripts are in workflow/papers.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from oleander.io.claims import Claim, claims_by_choice
from oleander.io.errors import OleanderError
from oleander.workflow.blocks import Block, Count, Filled, Fraction, Names, Number, Text, nothing
from oleander.workflow.mistakes import nearest
from oleander.workflow.poisoning import task_settings
from oleander.workflow.studies import CLEAN, Result, Study, once
from oleander.workflow.verification import all_claims, asked_values, results_behind

if TYPE_CHECKING:
    from oleander.workflow.plan import Plan


class Figure(Block):
    """A figure or table of any kind.

    Attributes:
        kind: selects the class.
        caption: shown in Snakemake's report and on the page.
    """

    kind: Text
    caption: Filled

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


class _Grid(Figure):
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
class Points(Figure):
    """Genuine and poison points in the plane, a panel an alpha, drawn by the generator with the median distance from
    genuine points; the distances of all as a table."""

    kind: Literal["points"]
    experiment: Text
    points: Count

    tables = ("csv", "md", "tex")

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        study = plan.experiments[self.experiment]
        return {"samples": [study.all_samples()], "distances": [study.distances()]}

    def params(self, plan: "Plan") -> dict[str, Any]:
        return {"title": plan.experiments[self.experiment].title, "points": self.points}

    def samples_shown(self) -> int:
        return self.points


class _Errors(Figure):
    """A figure of test errors against the poison fraction, with the numbers as a table.

    Attributes:
        controls: experiment -> the experiment of harmless points that is its control; None draws none.
    """

    experiments: Names
    evaluation: Text
    controls: Annotated[dict[Text, Text] | None, BeforeValidator(nothing)] = None

    tables = ("csv", "md", "tex")
    quotes = True

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        shown = once([*self.experiments, *(self.controls or {}).values()])
        return {"trials": plan.trials(shown, self.evaluation)}

    def params(self, plan: "Plan") -> dict[str, Any]:
        controls = self.controls or {}
        return {
            "titles": plan.titles(self.experiments),
            "controls": controls,
            "looks": plan.looks(alphas=self.experiments, controls=list(controls.values())),
        }


class ErrorCurves(_Errors):
    """Test error, and the other rates, against the poison fraction."""

    kind: Literal["error_curves"]

    pictures = ("", "_rates")


class GenuineAndPoison(_Grid):
    """Genuine images of both classes and poison of one alpha, a panel an experiment."""

    kind: Literal["genuine_and_poison"]
    experiments: Names
    alpha: Fraction

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        return {"samples": [plan.experiments[name].samples([self.alpha]) for name in self.experiments]}

    def params(self, plan: "Plan") -> dict[str, Any]:
        return {"titles": plan.titles(self.experiments), "alpha": self.alpha, "layout": self.layout}

    def withheld(self, plan: "Plan") -> dict[str, str]:
        return _withheld(plan.experiments[name] for name in self.experiments)


class ErrorsAndSamples(_Errors, GenuineAndPoison):
    """Test error against the poison fraction, and images as in `GenuineAndPoison`."""

    kind: Literal["errors_and_samples"]

    pictures = ("", "_samples")
    showing = ("_samples",)

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        return {**_Errors.results(self, plan), **GenuineAndPoison.results(self, plan)}

    def params(self, plan: "Plan") -> dict[str, Any]:
        return {**GenuineAndPoison.params(self, plan), **_Errors.params(self, plan)}


class Panel(Block):
    """One experiment under one or several evaluations, optionally at one poison fraction."""

    experiment: Text
    evaluation: Text | None = None
    evaluations: Names | None = None
    poison_fraction: Fraction | None = None

    @property
    def shown(self) -> list[str]:
        """Names of its evaluations."""
        return self.evaluations or [self.evaluation]

    def trials(self, plan: "Plan") -> list[Result]:
        """Of each evaluation."""
        return [plan.experiments[self.experiment].trials(name) for name in self.shown]

    def defenses(self, plan: "Plan") -> list[str]:
        """Names of its evaluations' defenses."""
        return [plan.config.evaluations[name].defense for name in self.shown]


class Sensitivity(Figure):
    """The attack against lambda', what detectors reject against alpha, the error against the training set's size."""

    kind: Literal["sensitivity"]
    lambdas: Panel
    rejection: Panel
    sizes: Panel

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        return {
            "lambdas": self.lambdas.trials(plan),
            "rejection": self.rejection.trials(plan),
            "sizes": self.sizes.trials(plan),
        }

    def params(self, plan: "Plan") -> dict[str, Any]:
        defenses = self.rejection.defenses(plan)
        return {
            "titles": plan.titles([panel.experiment for panel in (self.lambdas, self.rejection, self.sizes)]),
            "defenses": {name: f"percentile {plan.config.defenses[name].plain()['quantile']:.2f}" for name in defenses},
            "poison_fraction": self.rejection.poison_fraction,
            "looks": plan.looks(alphas=[self.lambdas.experiment, self.sizes.experiment], defenses=defenses),
        }


class AttackComparison(Figure):
    """Test error against the poison fraction, a line an attack."""

    kind: Literal["attack_comparison"]
    experiments: Names
    evaluation: Text
    alpha: Fraction
    up_to: Fraction

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        return {"trials": plan.trials(self.experiments, self.evaluation)}

    def params(self, plan: "Plan") -> dict[str, Any]:
        return {
            "titles": plan.titles(self.experiments),
            "alpha": self.alpha,
            "up_to": self.up_to,
            "looks": plan.looks(attacks=self.experiments),
        }


class Multiclass(Figure):
    """Errors of a victim of many classes, and how its confusion matrix changes."""

    kind: Literal["multiclass"]
    experiment: Text
    evaluation: Text

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        study = plan.experiments[self.experiment]
        return {"trials": [study.trials(self.evaluation)], "confusion": [study.confusion(self.evaluation)]}

    def params(self, plan: "Plan") -> dict[str, Any]:
        study = plan.experiments[self.experiment]
        return {"title": study.title, "task": study.task_settings(self.evaluation)}


class DefenseComparison(Figure):
    """Test error against the poison fraction, a line a defense, as many panels as are given."""

    kind: Literal["defense_comparison"]
    alpha: Fraction
    up_to: Fraction
    panels: Annotated[list[Panel], Field(min_length=1)]

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        return {"trials": _each_once(result for panel in self.panels for result in panel.trials(plan))}

    def params(self, plan: "Plan") -> dict[str, Any]:
        defenses = once(name for panel in self.panels for name in panel.defenses(plan))
        return {
            "panels": [
                {"experiment": panel.experiment, "evaluations": panel.shown, "defenses": panel.defenses(plan)}
                for panel in self.panels
            ],
            "titles": plan.titles([panel.experiment for panel in self.panels]),
            "alpha": self.alpha,
            "up_to": self.up_to,
            "looks": plan.looks(defenses=defenses),
        }


class Boundaries(Figure):
    """Decision boundaries of victims in the plane, with and without poison."""

    kind: Literal["boundaries"]
    experiment: Text
    evaluation: Text

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        study = plan.experiments[self.experiment]
        return {
            "boundaries": study.boundaries(self.evaluation, "csv"),
            "points": study.boundaries(self.evaluation, "points.csv"),
        }

    def params(self, plan: "Plan") -> dict[str, Any]:
        study = plan.experiments[self.experiment]
        return {"task": study.task_settings(), "title": study.title}


class SampleSheets(_Grid):
    """A sheet of poison images for each alpha."""

    kind: Literal["sample_sheets"]
    experiment: Text

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        study = plan.experiments[self.experiment]
        return {"samples": [study.samples(study.alphas)]}

    def params(self, plan: "Plan") -> dict[str, Any]:
        return {"title": plan.experiments[self.experiment].title, "layout": self.layout}


class _AgainstDefenses(Figure):
    """Attacks of one alpha and one poison fraction against every defense.

    Attributes:
        experiments: groups of experiments.
        evaluations: the first ones; every defense method that they leave out follows with an evaluation of its own.
    """

    alpha: Fraction
    poison_fraction: Fraction
    evaluations: Names
    experiments: Annotated[list[Names], Field(min_length=1)]

    def shown_evaluations(self, plan: "Plan") -> list[str]:
        """Names of all evaluations, one a defense."""
        config = plan.config
        methods = {
            name: config.defenses[block.defense].name for name, block in config.evaluations.items() if block.defense
        }
        chosen = list(self.evaluations)
        for name, method in methods.items():
            block = config.evaluations[name]
            fits = block.train_victims and block.task is None and self.poison_fraction in block.poison_fractions
            if fits and method not in {methods[other] for other in chosen}:
                chosen.append(name)
        return chosen

    def studies(self, plan: "Plan") -> list[Any]:
        """The studies of all groups."""
        return [plan.experiments[name] for name in once(name for group in self.experiments for name in group)]

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        evaluations = self.shown_evaluations(plan)
        return {"trials": [study.trials(evaluation) for study in self.studies(plan) for evaluation in evaluations]}

    def params(self, plan: "Plan") -> dict[str, Any]:
        return {
            "experiments": self.experiments,
            "defenses": plan.defense_titles(
                [plan.config.evaluations[name].defense for name in self.shown_evaluations(plan)]
            ),
            "alpha": self.alpha,
            "poison_fraction": self.poison_fraction,
        }


class Matrix(_AgainstDefenses):
    """Every attack against every defense on every dataset; a group of experiments is of one dataset."""

    kind: Literal["matrix"]

    tables = ("csv",)

    def params(self, plan: "Plan") -> dict[str, Any]:
        return {**super().params(plan), "titles": {study.dataset: study.title for study in self.studies(plan)}}


class Ranking(_AgainstDefenses):
    """Defenses by the test error that they leave; a group is an experiment and its control."""

    kind: Literal["ranking"]
    experiments: Annotated[list[Annotated[Names, Field(min_length=2, max_length=2)]], Field(min_length=1)]

    pictures = ()
    tables = ("csv", "md", "tex")

    def params(self, plan: "Plan") -> dict[str, Any]:
        found, config = super().params(plan), plan.config
        undefended = [name for name in found["defenses"] if config.defenses[name].name == "none"]
        if not undefended:
            raise OleanderError(
                "configuration, figures: a ranking needs the defense 'none', against which prices are measured; name "
                "an evaluation with it among its evaluations"
            )
        del found["experiments"]
        settings = {name: config.defenses[name].plain() for name in found["defenses"]}
        return {
            **found,
            "changes": {name: block["changes"] for name, block in settings.items() if "changes" in block},
            "controls": dict(self.experiments),
            "undefended": undefended[0],
            "titles": plan.titles([attacked for attacked, _control in self.experiments]),
        }


class TrainingCurves(Figure):
    """How the players of pGAN fare in training."""

    kind: Literal["training_curves"]
    experiments: Names

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        return {"curves": [plan.experiments[name].curves() for name in self.experiments]}

    def params(self, plan: "Plan") -> dict[str, Any]:
        studies = [plan.experiments[name] for name in self.experiments]
        return {
            "titles": plan.titles(self.experiments),
            "stand_ins": {study.name: study.stand_in_for for study in studies},
            "looks": plan.looks(alphas=self.experiments),
        }


class OpenChoice(Block):
    """One side of what the paper leaves open: an experiment or an evaluation that takes the place of another.

    Attributes:
        title: for readers, such as "classifier term as printed".
        replaced: name of the experiment or evaluation whose place it takes.
    """

    title: Filled
    replaced: Text
    experiment: Text | None = None
    evaluation: Text | None = None


class Choices(Figure):
    """What each choice that the paper leaves open does to its statements.

    Attributes:
        statements: name of a claim -> title of its panel.
    """

    kind: Literal["choices"]
    statements: Annotated[dict[Text, Filled], Field(min_length=1)]
    choices: Annotated[list[OpenChoice], Field(min_length=1)]

    tables = ("csv", "md", "tex")
    quotes = True

    def _claims(self, plan: "Plan") -> dict[str, list[Claim]]:
        """Title of a choice -> the claims that it concerns, about its results.

        Raises:
            OleanderError: a statement that no file of claims has, or a choice that concerns none.
        """
        known = {claim.name: claim for claim in all_claims(plan)}
        for name in self.statements:
            _refuse_unknown(name, known)
        found = claims_by_choice(
            [known[name] for name in self.statements], {one.title: _swap(one) for one in self.choices}
        )
        for one in self.choices:
            if not found[one.title]:
                raise OleanderError(
                    f"configuration, figures: choice '{one.title}' replaces {one.replaced}, which no statement names; "
                    "correct it"
                )
        return found

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        claims = [claim for own in self._claims(plan).values() for claim in own]
        return {"trials": _each_once(result for claim in claims for result in results_behind(claim, plan))}

    def params(self, plan: "Plan") -> dict[str, Any]:
        claims = self._claims(plan)
        return {
            "statements": self.statements,
            "choices": [[one.title, *_swap(one)] for one in self.choices],
            "asked": {title: asked_values(own, plan) for title, own in claims.items()},
            "title": self.results(plan)["trials"][0].study.title,
        }


def _swap(choice: OpenChoice) -> tuple[str, str]:
    return choice.replaced, choice.experiment or choice.evaluation


class Progress(Figure):
    """What the poison is like over training, a row of panels an experiment; the numbers as a table.

    Attributes:
        experiments: with `checkpoint_iterations`.
        evaluation: gives the number of points, the trusted points and the defense; with `train_victims`, its trials are
            run over training, too.
    """

    kind: Literal["progress"]
    experiments: Names
    evaluation: Text

    tables = ("csv", "md")

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        studies = [plan.experiments[name] for name in self.experiments]
        found = {"measures": [study.checkpoint_measures(self.evaluation) for study in studies]}
        if plan.config.evaluations[self.evaluation].train_victims:
            found["trials"] = [study.checkpoint_trials(self.evaluation) for study in studies]
        return found

    def params(self, plan: "Plan") -> dict[str, Any]:
        evaluation = plan.config.evaluations[self.evaluation]
        return {
            "titles": plan.titles(self.experiments),
            "defense": plan.config.defenses[evaluation.defense].title,
            "victims_dropout": evaluation.dropout_when_drawing,
            "looks": plan.looks(alphas=self.experiments),
        }


class NetworkTable(Figure):
    """The layers and settings of networks, read off what is built.

    Attributes:
        networks: attacks or victims.
    """

    kind: Literal["network_table"]
    networks: Names

    pictures = ()
    tables = ("csv", "md", "tex")

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        return {}

    def _blocks(self, plan: "Plan") -> dict[str, dict[str, Any]]:
        """Attack or victim -> its settings and what it is built for: task -> {experiment: epochs}."""
        config, blocks = plan.config, {}
        for name in self.networks:
            if name in config.victims:
                tasks = {task: {} for task, block in config.tasks.items() if block.victim == name}
            else:
                tasks = {}
                for experiment, block in config.experiments.items():
                    if block.attack == name and not block.settings:
                        tasks.setdefault(block.task, {})[experiment] = block.epochs
            settings = (config.victims.get(name) or config.attacks[name]).plain()
            blocks[name] = {"settings": settings, "tasks": tasks}
        return blocks

    def _tasks(self, plan: "Plan") -> list[str]:
        return once(task for block in self._blocks(plan).values() for task in block["tasks"])

    def datasets(self, plan: "Plan") -> list[str]:
        return once(plan.config.tasks[task].dataset for task in self._tasks(plan))

    def params(self, plan: "Plan") -> dict[str, Any]:
        return {"blocks": self._blocks(plan), "tasks": _described(plan, self._tasks(plan))}


class DatasetTable(Figure):
    """The sizes of all tasks' prepared data."""

    kind: Literal["dataset_table"]

    pictures = ()
    tables = ("csv", "md", "tex")
    quotes = True

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        return {}

    def datasets(self, plan: "Plan") -> list[str]:
        return once(block.dataset for block in plan.config.tasks.values())

    def params(self, plan: "Plan") -> dict[str, Any]:
        return {"tasks": _described(plan, list(plan.config.tasks))}


def _described(plan: "Plan", tasks: list[str]) -> dict[str, dict[str, Any]]:
    """Task -> its dataset, its classes and how tables name its data."""
    config = plan.config
    return {
        task: {
            "dataset": config.tasks[task].dataset,
            "title": config.datasets[config.tasks[task].dataset].title,
            "settings": task_settings(config, task),
        }
        for task in tasks
    }


# BAAAN.
class ReconstructionErrors(Figure):
    """Reconstruction errors of clean and backdoored autoencoders, a panel a dataset."""

    kind: Literal["reconstruction_errors"]
    autoencoders: Names

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        return {"errors": [plan.autoencoders[name].errors() for name in self.autoencoders]}

    def params(self, plan: "Plan") -> dict[str, Any]:
        return {"titles": plan.titles(self.autoencoders, "autoencoders"), "looks": plan.looks(models=True)}


class Reconstructions(Figure):
    """Images and what clean and backdoored autoencoders make of them."""

    kind: Literal["reconstructions"]
    autoencoders: Names
    columns: Count

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        return {"samples": [plan.autoencoders[name].samples() for name in self.autoencoders]}

    def params(self, plan: "Plan") -> dict[str, Any]:
        titles = plan.titles(self.autoencoders, "autoencoders")
        return {"titles": titles, "columns": self.columns, "withheld": self.withheld(plan)}

    def withheld(self, plan: "Plan") -> dict[str, str]:
        return _withheld(plan.autoencoders[name] for name in self.autoencoders)

    def left(self, plan: "Plan") -> list[str]:
        return [name for name in self.autoencoders if name not in self.withheld(plan)]


class CodeSizes(Block):
    """Autoencoders on one dataset that differ in their code's size.

    Attributes:
        autoencoders: the one with the default size first.
        statements: measure of `oleander.evaluation.bottlenecks` -> the claim that gives the paper's number.
    """

    autoencoders: Names
    statements: Annotated[
        dict[Literal["clean_model", "backdoored", "cost", "backdoor_error"], Filled], Field(min_length=1)
    ]


class Bottleneck(Figure):
    """Errors of clean and backdoored autoencoders against the size of their code, beside those of principal components
    and the paper's numbers; a column of panels a dataset, the numbers as a table.

    Attributes:
        target: the backdoored model.
    """

    kind: Literal["bottleneck"]
    target: Text
    panels: Annotated[list[CodeSizes], Field(min_length=1)]

    tables = ("csv", "md", "tex")
    quotes = True

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        return {
            "errors": [plan.autoencoders[name].errors() for panel in self.panels for name in panel.autoencoders],
            "linear": [plan.autoencoders[panel.autoencoders[0]].linear_codes() for panel in self.panels],
        }

    def params(self, plan: "Plan") -> dict[str, Any]:
        known = {claim.name for claim in all_claims(plan)}
        panels = []
        for panel in self.panels:
            for name in panel.statements.values():
                _refuse_unknown(name, known)
            studies = [plan.autoencoders[name] for name in panel.autoencoders]
            channels = {study.name: study.channels for study in studies}
            if len({study.dataset for study in studies}) > 1 or len(set(channels.values())) < len(studies):
                raise OleanderError(
                    f"configuration, figures: a panel of code sizes shows {', '.join(channels)}, which are on several "
                    "datasets or of one size; name autoencoders on one dataset with different network.bottleneck"
                )
            panels.append({"title": studies[0].title, "channels": channels, "statements": panel.statements})
        return {"panels": panels, "target": self.target}


class GanScores(Figure):
    """Distances between generated and genuine images, a panel a GAN; all measures as a table."""

    kind: Literal["gan_scores"]
    gans: Names

    tables = ("csv", "md", "tex")

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        return {"scores": [result for name in self.gans for result in plan.gans[name].scores()]}

    def params(self, plan: "Plan") -> dict[str, Any]:
        return {"titles": plan.titles(self.gans, "gans"), "looks": plan.looks(models=True)}


class GanChoices(Figure):
    """Backdoored GANs of one target trained with each combination of what the paper leaves open, beside the clean GAN.

    Attributes:
        gans: a row of panels each; all have the target, which is some of their own classes.
        target: the target, by its name in the GANs.
        seeds: GAN -> seeds of the combinations that are not its default; without an entry, all that the GAN has.
    """

    kind: Literal["gan_choices"]
    gans: Names
    target: Text
    seeds: Annotated[dict[Text, Count] | None, BeforeValidator(nothing)] = None

    tables = ("csv", "md", "tex")

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        found = []
        for name in self.gans:
            gan = plan.gans[name]
            found += gan.scores([CLEAN, self.target])
            others = [model for model in gan.choices(self.target).values() if model != self.target]
            found += gan.scores(others, (self.seeds or {}).get(name))
        return {"scores": found}

    def params(self, plan: "Plan") -> dict[str, Any]:
        return {
            "titles": plan.titles(self.gans, "gans"),
            "models": {
                name: [[*values, model] for values, model in plan.gans[name].choices(self.target).items()]
                for name in self.gans
            },
            "default": self.target,
        }


class GanTriggers(Figure):
    """Backdoored GANs of one target, trained with each of the GAN's `trigger_values`, and how well each value hides.

    Attributes:
        gan: with `trigger_values`.
        target: the target, by its name in the GAN.
        caught: fraction of triggered latent vectors that a defender catches, whose false alarms are shown.
    """

    kind: Literal["gan_triggers"]
    gan: Text
    target: Text
    caught: Annotated[Number, Field(gt=0, lt=1)]

    tables = ("csv", "md", "tex")

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        gan = plan.gans[self.gan]
        return {"scores": gan.scores(once([CLEAN, *gan.triggers(self.target).values()]))}

    def params(self, plan: "Plan") -> dict[str, Any]:
        gan = plan.gans[self.gan]
        return {
            "titles": plan.titles([self.gan], "gans"),
            "models": [[value, model] for value, model in gan.triggers(self.target).items()],
            "latent": gan.own.network.latent,
            "caught": self.caught,
        }


class GanSamples(_Grid):
    """Images of clean and of triggered noise; see `Gan.shown_models` for which models."""

    kind: Literal["gan_samples"]
    gan: Text
    target: Text | None = None

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        gan = plan.gans[self.gan]
        return {"samples": gan.samples(gan.shown_models(self.target))}

    def params(self, plan: "Plan") -> dict[str, Any]:
        return {"title": plan.gans[self.gan].title, "layout": self.layout, "withheld": self.withheld(plan)}

    def withheld(self, plan: "Plan") -> dict[str, str]:
        gan = plan.gans[self.gan]
        copying = {model: gan.copied(model) for model in gan.shown_models(self.target)}
        return {
            model: plan.config.datasets[data].title
            for model, data in copying.items()
            if data is not None and not plan.config.datasets[data].may_publish
        }

    def left(self, plan: "Plan") -> list[str]:
        withheld = self.withheld(plan)
        return [model for model in plan.gans[self.gan].shown_models(self.target) if model not in withheld]


AnyFigure = Annotated[
    Points
    | ErrorCurves
    | GenuineAndPoison
    | ErrorsAndSamples
    | Sensitivity
    | AttackComparison
    | Multiclass
    | DefenseComparison
    | Boundaries
    | SampleSheets
    | Matrix
    | Ranking
    | TrainingCurves
    | Choices
    | Progress
    | NetworkTable
    | DatasetTable
    | ReconstructionErrors
    | Reconstructions
    | Bottleneck
    | GanScores
    | GanChoices
    | GanTriggers
    | GanSamples,
    Field(discriminator="kind"),
]


def _refuse_unknown(statement: str, known: Collection[str]) -> None:
    if statement not in known:
        raise OleanderError(
            f"configuration, figures: statement {statement}{nearest(statement, known)} workflow/published has no such "
            "claim; correct it"
        )


def _withheld(studies: Iterable[Study]) -> dict[str, str]:
    """Study -> title of its dataset, of those whose images may not be published."""
    return {study.name: study.title for study in studies if not study.config.datasets[study.dataset].may_publish}


def _each_once(results: Iterator[Result]) -> list[Result]:
    found: dict[str, Result] = {}
    for result in results:
        found.setdefault(result.name, result)
    return list(found.values())


def figure_number(name: str) -> str:
    """The paper's name for a figure or table, such as "Figure 2" for pgan_fig2; for one of our own, its name."""
    kind, number = re.fullmatch(r"[a-z0-9]+_([a-z_]+?)([0-9]*)", name).groups()
    return f"{ {'fig': 'Figure', 'table': 'Table'}.get(kind, kind.replace('_', ' ').capitalize()) } {number}".strip()
