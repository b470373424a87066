"""The papers' own tables of networks and data, read off what is built."""

from typing import TYPE_CHECKING, Any, Literal

from oleander.workflow.blocks import Names
from oleander.workflow.figures.base import Figure
from oleander.workflow.poisoning import task_settings
from oleander.workflow.studies import Result, once

if TYPE_CHECKING:
    from oleander.workflow.plan import Plan


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
