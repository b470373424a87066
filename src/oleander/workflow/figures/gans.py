"""Figures of backdoored GANs (BAAAN)."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from oleander.workflow.blocks import Count, Names, Number, Text, nothing
from oleander.workflow.figures.base import Figure, Grid
from oleander.workflow.studies import CLEAN, Result, once

if TYPE_CHECKING:
    from oleander.workflow.plan import Plan


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


class GanSamples(Grid):
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
