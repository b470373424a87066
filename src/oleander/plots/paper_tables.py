"""The pGAN paper's Tables 1 to 6, as Markdown and LaTeX, of what `oleander.evaluation.inventory` read off."""

import pandas as pd

from oleander.evaluation.inventory import LAYER_COLUMNS, SETTING_COLUMNS, SUM
from oleander.plots.style import describe, name_data
from oleander.plots.tables import Grid, latex_float, markdown_table, published_markdown

_NETWORKS_NOTE = (
    "Shapes are those of one point. Parameters are those that are trained: running statistics of batch norm are not "
    "among them. A logit's sigmoid or softmax is part of the loss."
)
_DATASETS_NOTE = (
    "Every trial draws its trusted and its training points from these. For all ten digits the paper's table counts "
    "10,000 training points, which is what it draws for a victim (section 4.2)."
)


def networks_markdown(table: pd.DataFrame, titles: dict[str, str]) -> str:
    """Layers and settings, one section for the tasks that get the same networks.

    Args:
        table: as `oleander.evaluation.inventory.network_table` gives it.
        titles: task -> title of its dataset.
    """
    sections = [_markdown_section(*section) for section in _network_sections(table, titles)]
    return "\n".join([*sections, f"{_NETWORKS_NOTE}\n"])


def networks_latex(table: pd.DataFrame, titles: dict[str, str]) -> str:
    """The same as one table a section; it needs no package."""
    return "\n".join(latex_float(*section, _NETWORKS_NOTE) for section in _network_sections(table, titles))


def datasets_markdown(table: pd.DataFrame, published: pd.DataFrame, titles: dict[str, str]) -> str:
    """The points of each class, then the paper's own sizes.

    Args:
        table: as `oleander.evaluation.inventory.dataset_table` gives it.
        published: the papers' numbers: columns id, figure, dataset, condition, quantity, value.
        titles: task -> title of its dataset.
    """
    section = _markdown_section(*_dataset_section(table, titles))
    says = published_markdown(published, f"Table{table['table'].iloc[0]}", "this table")
    return "\n".join([section, f"{_DATASETS_NOTE}\n", says])


def datasets_latex(table: pd.DataFrame, titles: dict[str, str]) -> str:
    """The points of each class as a table; it needs no package."""
    return latex_float(*_dataset_section(table, titles), _DATASETS_NOTE)


def _markdown_section(title: str, grids: list[Grid]) -> str:
    return "\n".join([f"## {title}\n", *map(markdown_table, grids)])


def _network_sections(table: pd.DataFrame, titles: dict[str, str]) -> list[tuple[str, list[Grid]]]:
    """A title, the layers and the settings of each block, once for all tasks whose layers are the same."""
    sections = []
    for block, rows in table.groupby("block", sort=False):
        alike: dict[tuple, list[pd.DataFrame]] = {}
        for _task, own in rows.groupby("task", sort=False):
            alike.setdefault(tuple(map(tuple, _layers(own))), []).append(own)
        for parts in alike.values():
            together = pd.concat(parts)
            settings = together[together["setting"].notna()]
            # What the tasks share stands there once.
            lines = dict.fromkeys(
                (network, setting, _number(value))
                for network, setting, value in settings[["network", *SETTING_COLUMNS]].itertuples(index=False)
            )
            grids = [
                Grid(["network", "layer", "what it does", "output", "parameters"], _layers(parts[0]), "llplr"),
                Grid(["network", "setting", "value"], [list(line) for line in lines], "lll"),
            ]
            sections.append((_title(together, titles, f"{block}, "), grids))
    return sections


def _layers(rows: pd.DataFrame) -> list[list[str]]:
    layers = rows[rows["layer"].notna()]
    return [
        [network, name, *(("", "") if name == SUM else (kind, shape)), f"{parameters:,}"]
        for network, name, kind, shape, parameters in layers[["network", *LAYER_COLUMNS]].itertuples(index=False)
    ]


def _dataset_section(table: pd.DataFrame, titles: dict[str, str]) -> tuple[str, list[Grid]]:
    lines = []
    for task, rows in table.groupby("task", sort=False):
        data = name_data(rows["stand_in_for"].iloc[0], titles[task])
        features, shape = rows["features"].iloc[0], rows["shape"].iloc[0]
        size = f"{features:,}" if shape == str(features) else f"{features:,} ({shape})"
        counts = [
            (f"{name} ({role})", train, test)
            for name, role, train, test in rows[["class", "role", "train_points", "test_points"]].itertuples(
                index=False
            )
        ]
        counts.append((SUM, rows["train_points"].sum(), rows["test_points"].sum()))
        lines += [[task, data, name, f"{train:,}", f"{test:,}", size] for name, train, test in counts]
    header = ["task", "data", "class", "training points", "test points", "features"]
    return _title(table, titles), [Grid(header, lines, "lllrrr")]


def _title(rows: pd.DataFrame, titles: dict[str, str], prefix: str = "") -> str:
    """Which table, of what data, at which scale."""
    tasks = rows.drop_duplicates("task")
    data = dict.fromkeys(
        name_data(stand_in, titles[task]) for task, stand_in in zip(tasks["task"], tasks["stand_in_for"], strict=True)
    )
    scale, number = rows["scale"].iloc[0], rows["table"].iloc[0]
    return f"pGAN, Table {number}: {prefix}{describe(scale, None, ', '.join(data))}"


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
