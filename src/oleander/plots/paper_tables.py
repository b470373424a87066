"""Tables of networks and data (pGAN, Tables 1 to 6) as Markdown and LaTeX, from those of `evaluation.inventory`."""

import pandas as pd

from oleander.evaluation.inventory import LAYER_COLUMNS, SETTING_COLUMNS, SUM
from oleander.plots.style import describe, name_data
from oleander.plots.tables import Grid, latex_float, markdown_section, markdown_table, published_markdown

_NETWORKS_NOTE = (
    "Shapes are of one point. Parameters are the trained ones, without the running statistics of batch norm. The "
    "sigmoid or softmax of logits is part of the loss."
)
_DATASETS_NOTE = (
    "Every trial draws its trusted and its training points from these. For all ten digits, the 10,000 training points "
    "in the paper's table are those of its victims (section 4.2)."
)


def networks_markdown(table: pd.DataFrame, titles: dict[str, str], name: str) -> str:
    """Layers and settings of each block as Markdown; tasks with the same networks share a table.

    Args:
        table: from `oleander.evaluation.inventory.network_table`.
        titles: task -> title of its dataset.
        name: of the paper's table, e.g. "pGAN, Table 3".
    """
    return "\n".join(_markdown(*section) for section in _network_sections(table, titles, name))


def networks_latex(table: pd.DataFrame, titles: dict[str, str], name: str) -> str:
    """Layers and settings of each block as LaTeX tables."""
    return "\n".join(latex_float(*section) for section in _network_sections(table, titles, name))


def datasets_markdown(table: pd.DataFrame, published: list[dict[str, str]], titles: dict[str, str], name: str) -> str:
    """The points of each class as Markdown, then the paper's numbers.

    Args:
        table: from `oleander.evaluation.inventory.dataset_table`.
        published: the paper's statements, from `oleander.plots.tables.statements`.
        titles: task -> title of its dataset.
        name: of the paper's table, e.g. "pGAN, Table 2".
    """
    says = published_markdown(published, "this table")
    return f"{_markdown(*_dataset_section(table, titles, name))}\n{says}"


def datasets_latex(table: pd.DataFrame, titles: dict[str, str], name: str) -> str:
    """The points of each class as a LaTeX table."""
    return latex_float(*_dataset_section(table, titles, name))


def _markdown(title: str, grid: Grid, note: str) -> str:
    return markdown_section(title, markdown_table(grid) + (f"\n{note}\n" if note else ""))


def _network_sections(table: pd.DataFrame, titles: dict[str, str], name: str) -> list[tuple[str, Grid, str]]:
    """Title, grid and note of each section: for every block its layers, then its settings."""
    sections = []
    for block, rows in table.groupby("block", sort=False):
        alike: dict[tuple, list[pd.DataFrame]] = {}
        for _task, own in rows.groupby("task", sort=False):
            alike.setdefault(tuple(map(tuple, _layers(own))), []).append(own)
        for layers, parts in alike.items():
            together = pd.concat(parts)
            title = _title(together, titles, name, f"layers of {block}")
            header = ["network", "layer", "what it does", "output", "parameters"]
            sections.append((title, Grid(header, list(map(list, layers)), "llplr"), _NETWORKS_NOTE))
            title = _title(together, titles, name, f"settings of {block}")
            sections.append((title, Grid(["network", "setting", "value"], _settings(together), "lll"), ""))
    return sections


def _layers(rows: pd.DataFrame) -> list[list[str]]:
    layers = rows[rows["layer"].notna()]
    return [
        [network, name, *(("", "") if name == SUM else (kind, shape)), f"{parameters:,}"]
        for network, name, kind, shape, parameters in layers[["network", *LAYER_COLUMNS]].itertuples(index=False)
    ]


def _settings(rows: pd.DataFrame) -> list[list[str]]:
    """The settings without repetitions of those that tasks share."""
    settings = rows.loc[rows["setting"].notna(), ["network", *SETTING_COLUMNS]]
    lines = ((network, name, _spell(value)) for network, name, value in settings.itertuples(index=False))
    return [list(line) for line in dict.fromkeys(lines)]


def _dataset_section(table: pd.DataFrame, titles: dict[str, str], name: str) -> tuple[str, Grid, str]:
    """Title, grid and note of the section with the points of each class of each task."""
    lines = []
    for task, rows in table.groupby("task", sort=False):
        data = name_data(rows["stand_in_for"].iloc[0], titles[task])
        counts = [
            (f"{label} ({role})", train, test)
            for label, role, train, test in rows[["class", "role", "train_points", "test_points"]].itertuples(
                index=False
            )
        ]
        counts.append((SUM, rows["train_points"].sum(), rows["test_points"].sum()))
        features = rows["features"].iloc[0]
        lines += [[data, label, f"{train:,}", f"{test:,}", f"{features:,}"] for label, train, test in counts]
    header = ["data", "class", "train", "test", "features"]
    return _title(table, titles, name, "points of each class"), Grid(header, lines, "plrrr"), _DATASETS_NOTE


def _title(rows: pd.DataFrame, titles: dict[str, str], name: str, content: str) -> str:
    """A title that names the paper's table, the content, the data and the scale."""
    tasks = rows.drop_duplicates("task")
    data = dict.fromkeys(
        name_data(stand_in, titles[task]) for task, stand_in in zip(tasks["task"], tasks["stand_in_for"], strict=True)
    )
    return f"{name}: {content}, {describe(rows['scale'].iloc[0], None, ', '.join(data))}"


def _spell(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
