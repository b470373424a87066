"""Figures of backdoored autoencoders (BAAAN)."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from oleander.io.errors import OleanderError
from oleander.workflow.blocks import Block, Count, Filled, Names, Text
from oleander.workflow.figures.base import Figure, refuse_unknown, withheld_of
from oleander.workflow.studies import Result
from oleander.workflow.verification import all_claims

if TYPE_CHECKING:
    from oleander.workflow.plan import Plan


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
        return withheld_of(plan.autoencoders[name] for name in self.autoencoders)

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
                refuse_unknown(name, known)
            studies = [plan.autoencoders[name] for name in panel.autoencoders]
            channels = {study.name: study.channels for study in studies}
            if len({study.dataset for study in studies}) > 1 or len(set(channels.values())) < len(studies):
                raise OleanderError(
                    f"configuration, figures: a panel of code sizes shows {', '.join(channels)}, which are on several "
                    "datasets or of one size; name autoencoders on one dataset with different network.bottleneck"
                )
            panels.append({"title": studies[0].title, "channels": channels, "statements": panel.statements})
        return {"panels": panels, "target": self.target}
