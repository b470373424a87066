"""Tables 1 to 6 say what is built, set and prepared: counts by hand and by torch.nn, and nothing lost in print."""

import copy
import re

import pandas as pd
import pytest
import torch
import yaml
from torch import nn

from oleander.attacks.pgan import Networks
from oleander.data import load_dataset, make_task, prepare_dataset
from oleander.data.tasks import Task
from oleander.evaluation.inventory import DATASET_COLUMNS, LOSSES, NETWORK_COLUMNS, SUM, dataset_table, network_table
from oleander.io.claims import Claim, read_claims
from oleander.io.errors import OleanderError
from oleander.io.tables import read_csv, write_csv
from oleander.models import is_running
from oleander.plots.paper_tables import datasets_latex, datasets_markdown, networks_latex, networks_markdown
from oleander.plots.tables import (
    Grid,
    escape_latex,
    escape_markdown,
    latex_float,
    markdown_table,
    statements,
)
from oleander.training.classifiers import classification_loss

MNIST, CIFAR = (1, 28, 28), (3, 32, 32)
NAME = "another paper, Table 3"
TITLES = {"digits": "embedded digits", "clothes": "Fashion-MNIST", "cars": "CIFAR-10"}


@pytest.fixture(scope="module")
def config(repository) -> dict:
    return yaml.safe_load((repository / "config.yaml").read_text())


@pytest.fixture(scope="module")
def claims(repository) -> list[Claim]:
    return read_claims(repository / "workflow/published/claims.csv")


def make(shape, stand_in_for=None, others=(), train=(4, 3), test=(2, 1)) -> Task:
    """A task of blank points: `train` and `test` say how many each class has."""
    labels = [torch.arange(len(counts)).repeat_interleave(torch.tensor(counts)) for counts in (train, test)]
    return Task(
        dataset="blank",
        source_class="3",
        target_class="5",
        train_x=torch.zeros(len(labels[0]), *shape),
        train_y=labels[0],
        test_x=torch.zeros(len(labels[1]), *shape),
        test_y=labels[1],
        shape=shape,
        value_range=None,
        stand_in_for=stand_in_for,
        other_classes=tuple(others),
    )


def built(settings, tasks, epochs=None, block="block", table=3) -> pd.DataFrame:
    """The table of one block, built for every task."""
    uses = {name: epochs or {} for name in tasks}
    return network_table("demo", table, {block: {"settings": settings, "tasks": uses}}, tasks)


def counts(table: pd.DataFrame, network: str) -> list[int]:
    """Parameters of a network's layers, then their sum."""
    return table.loc[(table["network"] == network) & table["layer"].notna(), "parameters"].tolist()


def size(layer: nn.Module) -> int:
    return sum(tensor.numel() for tensor in layer.parameters())


def cells(line: str) -> list[str]:
    """Of a row in Markdown."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def rows_of(text: str) -> list[list[str]]:
    """The cells of all rows of tables in Markdown."""
    return [cells(line) for line in text.splitlines() if line.startswith("|")]


# Networks


def test_table_1_has_the_counts_of_the_paper_s_widths(config):
    table = built(config["attacks"]["pgan_synthetic"], {"points": make((2,))})
    assert counts(table, "generator") == [2 * 20 + 20, 20 * 2 + 2, 102]
    assert counts(table, "discriminator") == [2 * 250 + 250, 250 + 1, 1001]
    assert counts(table, "classifier") == [2 + 1, 3]


def test_table_3_has_the_counts_of_the_paper_s_widths(config):
    table = built(config["attacks"]["pgan_images"], {"digits": make(MNIST)})
    assert counts(table, "generator") == [101 * 784, 785 * 1024, 1025 * 784, 1_686_624]
    for network in ("discriminator", "classifier"):
        assert counts(table, network) == [785 * 1024, 1025 * 512, 513, 1_329_153]
    shapes = table.loc[(table["network"] == "generator") & table["output_shape"].notna(), "output_shape"]
    assert shapes.tolist() == ["784", "1024", "784"]


def test_table_4_has_the_counts_of_torch_s_own_layers(config):
    def block(kind, channels_in, channels, kernel, stride, padding):
        convolution = kind(channels_in, channels, kernel, stride, padding, bias=False)
        return size(nn.Sequential(convolution, nn.BatchNorm2d(channels)))

    table = built(config["attacks"]["pgan_cifar"], {"cars": make(CIFAR)}, table=4)
    up, down = nn.ConvTranspose2d, nn.Conv2d
    generator = [
        block(up, 100, 1024, 2, 1, 0),
        block(up, 1024, 256, 4, 2, 1),
        block(up, 256, 128, 4, 2, 1),
        block(up, 128, 64, 4, 2, 1),
        size(up(64, 3, 4, 2, 1)),
    ]
    assert counts(table, "generator") == [*generator, sum(generator)]
    for network, first in (("discriminator", 64), ("classifier", 32)):
        layers = [
            size(down(3, first, 4, 2, 1)),
            block(down, first, 128, 4, 2, 1),
            block(down, 128, 256, 4, 2, 1),
            block(down, 256, 512, 4, 2, 1),
            size(down(512, 1, 2, 1, 0)),
        ]
        assert counts(table, network) == [*layers, sum(layers)]
    shapes = table.loc[(table["network"] == "generator") & table["output_shape"].notna(), "output_shape"]
    assert shapes.tolist() == ["1024x2x2", "256x4x4", "128x8x8", "64x16x16", "3x32x32"]


def test_tables_5_and_6_have_the_counts_of_torch_s_own_layers(config):
    dense = [size(nn.Linear(784, 1024)), size(nn.Linear(1024, 512))]
    victims = config["victims"]
    binary = built(victims["binary_mlp"], {"digits": make(MNIST)}, table=5)
    assert counts(binary, "victim") == [*dense, size(nn.Linear(512, 1)), 1_329_153]
    digits = make(MNIST, others="01246789", train=(1,) * 10, test=(1,) * 10)
    ten = built(victims["ten_class_mlp"], {"digits": digits}, table=6)
    assert counts(ten, "victim") == [*dense, size(nn.Linear(512, 10)), 1_333_770]
    convolutions = [
        size(nn.Sequential(nn.Conv2d(before, after, 3, bias=False), nn.BatchNorm2d(after)))
        for before, after in ((3, 32), (32, 64), (64, 128))
    ]
    cars = built(victims["binary_cnn"], {"cars": make(CIFAR)}, table=5)
    assert counts(cars, "victim") == [*convolutions, size(nn.Linear(512, 1)), 93_985]


def test_the_sum_is_the_number_of_tensors_that_training_moves(config):
    """Counted on the tensors themselves, running statistics left out."""
    settings = config["attacks"]["pgan_cifar"]
    networks = Networks.build(settings, CIFAR)
    table = built(settings, {"cars": make(CIFAR)})
    for name in ("generator", "discriminator", "classifier"):
        tensors = getattr(networks, name).initial(torch.Generator().manual_seed(0))
        moved = sum(tensor.numel() for key, tensor in tensors.items() if not is_running(key))
        assert counts(table, name)[-1] == moved


def test_shapes_come_from_the_task(config):
    table = built(config["attacks"]["pgan_images"], {"digits": make((1, 8, 8), "MNIST")})
    assert counts(table, "generator")[2] == 1025 * 64
    assert counts(table, "classifier")[0] == 65 * 1024
    with pytest.raises(OleanderError, match="8x8"):
        built(config["attacks"]["pgan_cifar"], {"digits": make((1, 8, 8))})


def test_table_3_lists_the_settings_of_the_paper(config):
    table = built(config["attacks"]["pgan_images"], {"digits": make(MNIST)}, {"mnist": 2000, "mnist_lambda": 6})
    rows = table.dropna(subset="setting")
    settings = {(row["network"], row["setting"]): row["value"] for _index, row in rows.iterrows()}
    assert len(settings) == len(rows)
    sgd = {"optimizer": "sgd", "learning rate": 1e-3, "momentum": 0.9, "loss": "cross-entropy of the sigmoid"}
    whole = {
        "batch size": 200,
        "discriminator steps (i)": 4,
        "classifier steps (j)": 4,
        "generator steps (k)": 1,
        "label smoothing": 0.1,
        "label smoothing sides": "one",
        "epoch of": "target_class",
        "generator objective": "algorithm_1",
        "classifier term": "non_saturating",
        "epochs, experiment mnist": 2000,
        "epochs, experiment mnist_lambda": 6,
    }
    expected = {
        "generator": {"noise": 100, "optimizer": "adam", "learning rate": 1e-4},
        "discriminator": sgd,
        "classifier": sgd,
        "pgan": whole,
    }
    assert settings == {(network, name): value for network, own in expected.items() for name, value in own.items()}


@pytest.mark.parametrize("outputs", [1, 10])
def test_the_named_loss_is_the_loss_that_trains(outputs):
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, outputs, generator=random, dtype=torch.float64)
    targets = torch.randint(max(outputs, 2), (2, 5), generator=random)
    if LOSSES[outputs == 1] == "cross-entropy of the sigmoid":
        probability = 1 / (1 + (-logits[..., 0]).exp())
        chosen = torch.where(targets == 1, probability, 1 - probability)
    else:
        assert LOSSES[outputs == 1] == "cross-entropy of the softmax"
        shares = logits.exp() / logits.exp().sum(-1, keepdim=True)
        chosen = shares.gather(-1, targets.unsqueeze(-1))[..., 0]
    torch.testing.assert_close(classification_loss(logits, targets), -chosen.log())


def leaves(block, path=()):
    """Paths of all single settings in a block of the configuration."""
    items = block.items() if isinstance(block, dict) else enumerate(block) if isinstance(block, list) else ()
    found = [leaf for key, value in items for leaf in leaves(value, (*path, key))]
    return found if isinstance(block, (dict, list)) else [path]


def another(key, value):
    """A value other than a setting's own, with which its network can still be built."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return f"{value}!"
    return 1 if key == "max_pool" else value * 2 if isinstance(value, int) else value * 2 + 0.25


# Not to be changed alone: what has to fit the other layers or the registries.
FIXED = {"architecture", "output", "last", "kernel", "stride", "padding"}


@pytest.mark.parametrize("block", ["pgan_images", "pgan_cifar", "binary_mlp", "binary_cnn", "ten_class_mlp"])
def test_every_changed_setting_changes_the_table(config, block):
    settings = config["victims"].get(block) or config["attacks"][block]
    task = make(CIFAR if block in ("pgan_cifar", "binary_cnn") else MNIST)
    before = built(settings, {"task": task})
    paths = [path for path in leaves(settings) if not FIXED & set(path)]
    assert ("batch_size",) in paths
    for path in paths:
        changed = copy.deepcopy(settings)
        *parents, last = path
        inner = changed
        for key in parents:
            inner = inner[key]
        inner[last] = another(last, inner[last])
        after = built(changed, {"task": task})
        assert not after.equals(before), path
        titles = {"task": "data"}
        assert networks_markdown(after, titles, NAME) != networks_markdown(before, titles, NAME), path
        assert networks_latex(after, titles, NAME) != networks_latex(before, titles, NAME), path


def test_the_csv_has_one_header_and_whole_numbers(config, tmp_path):
    table = built(config["attacks"]["pgan_images"], {"digits": make(MNIST, "letters")}, {"mnist": 2000})
    write_csv(tmp_path / "table.csv", table)
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert lines[0] == ",".join(NETWORK_COLUMNS)
    assert lines.count(lines[0]) == 1
    assert "demo,3,digits,blank,letters,block,generator,sum,,,1686624,," in lines
    assert 'demo,3,digits,blank,letters,block,pgan,,,,,"epochs, experiment mnist",2000' in lines
    read = read_csv(tmp_path / "table.csv", NETWORK_COLUMNS)
    assert (read["layer"].notna() ^ read["setting"].notna()).all()


def test_titles_say_table_block_data_and_scale(config):
    table = built(config["attacks"]["pgan_images"], {"digits": make(MNIST, "MNIST")}, block="pgan_images")
    title = f"{NAME}: layers of pgan_images, embedded digits in place of MNIST - demo scale"
    assert networks_markdown(table, TITLES, NAME).startswith(f"## {title}\n")
    assert f"\\caption{{{title.replace('_', chr(92) + '_')}}}" in networks_latex(table, TITLES, NAME)
    real = built(config["attacks"]["pgan_images"], {"clothes": make(MNIST)})
    assert "in place of" not in networks_markdown(real, TITLES, NAME)


def test_tasks_share_a_section_only_where_their_networks_are_the_same(config):
    settings = config["attacks"]["pgan_images"]
    alike = {"digits": make(MNIST, "MNIST"), "clothes": make(MNIST)}
    uses = {"digits": {"mnist": 2000}, "clothes": {"fmnist": 3000}}
    table = network_table("demo", 3, {"block": {"settings": settings, "tasks": uses}}, alike)
    text = networks_markdown(table, TITLES, NAME)
    assert text.count("\n## ") + 1 == 2
    assert "embedded digits in place of MNIST, Fashion-MNIST - demo scale" in text
    assert [row[:2] for row in rows_of(text)].count(["pgan", "batch size"]) == 1
    assert ["pgan", "epochs, experiment mnist", "2000"] in rows_of(text)
    assert ["pgan", "epochs, experiment fmnist", "3000"] in rows_of(text)
    other = network_table("demo", 3, {"block": {"settings": settings, "tasks": uses}}, alike | {"clothes": make(CIFAR)})
    assert networks_markdown(other, TITLES, NAME).count("\n## ") + 1 == 4


def test_markdown_shows_every_layer_and_setting(config):
    table = built(config["attacks"]["pgan_cifar"], {"cars": make(CIFAR)}, {"cifar": 300}, table=4)
    lines = rows_of(networks_markdown(table, TITLES, NAME))
    assert [line for line in lines if len(line) == 5 and line[1] == SUM] == [
        ["generator", SUM, "", "", "5,265,283"],
        ["discriminator", SUM, "", "", "2,759,489"],
        ["classifier", SUM, "", "", "2,692,385"],
    ]
    assert ["discriminator", "learning rate", "0.00015"] in lines
    # Two headers with a rule each.
    assert len(lines) == len(table) + 4


# Datasets


def test_table_2_counts_what_each_class_has(claims):
    tasks = {
        "digits": make(MNIST, "MNIST", others=("7",), train=(4, 3, 1000), test=(2, 1, 5)),
        "cars": make(CIFAR),
    }
    table = dataset_table("demo", 2, tasks)
    assert tuple(table.columns) == DATASET_COLUMNS
    assert table["class"].tolist() == ["3", "5", "7", "3", "5"]
    assert table["role"].tolist() == ["source", "target", "other", "source", "target"]
    assert table["train_points"].tolist() == [4, 3, 1000, 4, 3]
    assert table["test_points"].tolist() == [2, 1, 5, 2, 1]
    assert table["features"].tolist() == [784, 784, 784, 3072, 3072]
    assert table["shape"].tolist() == ["1x28x28"] * 3 + ["3x32x32"] * 2
    text = datasets_markdown(table, statements(claims, "pGAN", "Table2"), TITLES, NAME)
    data = "embedded digits in place of MNIST"
    assert text.startswith(f"## {NAME}: points of each class, {data}, CIFAR-10 - demo scale\n")
    assert [data, "7 (other)", "1,000", "5", "784"] in rows_of(text)
    assert [data, "sum", "1,007", "8", "784"] in rows_of(text)
    assert ["CIFAR-10", "sum", "7", "3", "3,072"] in rows_of(text)
    assert data in datasets_latex(table, TITLES, NAME)


def test_table_2_shows_the_paper_s_sizes_and_no_other_statement(claims):
    published = statements(claims, "pGAN", "Table2")
    text = datasets_markdown(dataset_table("demo", 2, {"digits": make(MNIST)}), published, TITLES, NAME)
    assert ["P20", "MNIST 3v5", "sizes", "train 3/5; test 3/5", "6131/5421; 1010/892"] in rows_of(text)
    assert re.findall(r"^\| ([BP]\d\d) ", text, re.MULTILINE) == ["P20"]


def test_the_real_mnist_has_the_paper_s_sizes(data_root, config, claims, tmp_path):
    settings = {key: value for key, value in config["datasets"]["mnist"].items() if key != "title"}
    prepare_dataset("mnist", settings, str(data_root), False, tmp_path / "mnist.safetensors", tmp_path / "mnist.json")
    dataset = load_dataset(tmp_path / "mnist.safetensors")
    classes = {key: config["tasks"]["mnist_3v5"][key] for key in ("source_class", "target_class")}
    tasks = {"binary": make_task(dataset, **classes), "all": make_task(dataset, **classes, all_classes=True)}
    table = dataset_table("laptop", 2, tasks).set_index("task")
    said = next(claim.texts["value"] for claim in claims if claim.texts["id"] == "P20")
    train, test = ([int(count) for count in part.split("/")] for part in said.split(";"))
    assert table.loc["binary", "train_points"].tolist() == train
    assert table.loc["binary", "test_points"].tolist() == test
    assert table.loc["all", "train_points"].sum() == 60_000
    assert table.loc["all", "test_points"].sum() == 10_000
    assert set(table["features"]) == {784}


# Print


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("50 % & #1_2", r"50 \% \& \#1\_2"),
        ("{$a^b~c}", r"\{\$a\textasciicircum{}b\textasciitilde{}c\}"),
        ("\\", r"\textbackslash{}"),
        ("3 -> 32", r"3 $\rightarrow$ 32"),
        ("a < b > c", r"a \textless{} b \textgreater{} c"),
    ],
)
def test_latex_signs_are_escaped(text, escaped):
    assert escape_latex(text) == escaped


def test_a_latex_float_is_whole():
    grid = Grid(["a_b", "c"], [["50 %", "x & y"], ["", "2"]], "pr")
    text = latex_float("R&D", grid, "100 %")
    assert "\\begin{tabular}{p{0.35\\linewidth}r}" in text
    assert "\\caption{R\\&D}" in text
    assert "\na\\_b & c \\\\\n\\hline\n50 \\% & x \\& y \\\\\n & 2 \\\\\n\\hline\n" in text
    assert "100 \\%\n\\end{table}\n" in text


@pytest.mark.parametrize("kind", ["networks", "datasets"])
def test_the_latex_is_balanced_and_rows_are_as_long_as_their_header(config, kind):
    tasks = {"cars": make(CIFAR, "50 % & #1_2 {}")}
    if kind == "networks":
        settings = config["attacks"]["pgan_cifar"]
        text = networks_latex(built(settings, tasks, {"cifar": 300}, block="pgan_cifar"), TITLES, NAME)
    else:
        text = datasets_latex(dataset_table("demo", 2, tasks), TITLES, NAME)
    opened, closed = (re.findall(rf"\\{word}{{(\w+)}}", text) for word in ("begin", "end"))
    assert sorted(opened) == sorted(closed)
    bare = re.sub(r"\\[&%$#_{}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert not re.findall(r"[%#_]", bare)
    tabulars = re.findall(r"\\begin{tabular}.*?\\end{tabular}", bare, re.DOTALL)
    assert len(tabulars) == text.count("\\caption{")
    for tabular in tabulars:
        lengths = {line.count("&") for line in tabular.splitlines() if line.endswith("\\\\")}
        assert len(lengths) == 1


def test_markdown_rows_are_as_long_as_their_header():
    text = markdown_table(Grid(["a|b", "c"], [["1", "2"], ["x\ny", "$"]], "lr"))
    rule = ["|:-------|----:|"]
    assert text.splitlines()[1:2] == rule
    unescaped = [re.split(r"(?<!\\)\|", line) for line in text.splitlines()]
    assert [[cell.strip() for cell in row[1:-1]] for row in unescaped if row[1][0] != ":"] == [
        [r"a\|b", "c"],
        ["1", "2"],
        ["x y", r"\$"],
    ]
    assert text.endswith("|\n")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("Price_$ and cost_$", r"Price_\$ and cost_\$"),
        ("a|b", r"a\|b"),
        ("<img> *b* `c` ~~d~~", r"\<img> \*b\* \`c\` \~\~d\~\~"),
        ("\\", "\\\\"),
        ("two\nlines", "two lines"),
    ],
)
def test_markdown_signs_are_escaped(text, escaped):
    assert escape_markdown(text) == escaped
