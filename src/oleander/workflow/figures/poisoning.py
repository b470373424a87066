"""Figures of attacks that poison training data (pGAN), and of what defenses do against them."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from oleander.io.claims import Claim, claims_by_choice
from oleander.io.errors import OleanderError
from oleander.workflow.blocks import Block, Count, Filled, Fraction, Names, Text, nothing
from oleander.workflow.figures.base import Figure, Grid, each_once, refuse_unknown, withheld_of
from oleander.workflow.studies import Result, once
from oleander.workflow.verification import all_claims, asked_values, results_behind

if TYPE_CHECKING:
    from oleander.workflow.plan import Plan


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


class GenuineAndPoison(Grid):
    """Genuine images of both classes and poison of one alpha, a panel an experiment."""

    kind: Literal["genuine_and_poison"]
    experiments: Names
    alpha: Fraction

    def results(self, plan: "Plan") -> dict[str, list[Result]]:
        return {"samples": [plan.experiments[name].samples([self.alpha]) for name in self.experiments]}

    def params(self, plan: "Plan") -> dict[str, Any]:
        return {"titles": plan.titles(self.experiments), "alpha": self.alpha, "layout": self.layout}

    def withheld(self, plan: "Plan") -> dict[str, str]:
        return withheld_of(plan.experiments[name] for name in self.experiments)


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
        return {"trials": each_once(result for panel in self.panels for result in panel.trials(plan))}

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


class SampleSheets(Grid):
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
            refuse_unknown(name, known)
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
        return {"trials": each_once(result for claim in claims for result in results_behind(claim, plan))}

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
