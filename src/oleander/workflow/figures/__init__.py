"""What each figure and table shows. One class per kind of plot; an entry of `figures` names its kind and its studies.

The class gives the inputs (`results`), params and outputs (`pictures`, `tables`) of the plot's script. The rules that
run the scripts are in workflow/papers.
"""

from typing import Annotated

from pydantic import Field

from oleander.workflow.figures.autoencoders import Bottleneck, ReconstructionErrors, Reconstructions
from oleander.workflow.figures.base import Figure, figure_number
from oleander.workflow.figures.gans import GanChoices, GanSamples, GanScores, GanTriggers
from oleander.workflow.figures.poisoning import (
    AttackComparison,
    Boundaries,
    Choices,
    DefenseComparison,
    ErrorCurves,
    ErrorsAndSamples,
    GenuineAndPoison,
    Matrix,
    Multiclass,
    Points,
    Progress,
    Ranking,
    SampleSheets,
    Sensitivity,
    TrainingCurves,
)
from oleander.workflow.figures.tables import DatasetTable, NetworkTable

__all__ = ["AnyFigure", "Choices", "Figure", "GanSamples", "Reconstructions", "figure_number"]
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
