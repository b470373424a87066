"""The configuration: layers, settings and what is told of mistakes, and the registries that its names come from."""

import copy
import functools
import importlib
import json
import shutil
import subprocess
import sys
import typing
from pathlib import Path

import pytest
import yaml

from oleander.attacks import ATTACKS
from oleander.attacks.pgan import CHOICES
from oleander.backdoors import TARGETS, TRIGGERS
from oleander.backdoors.autoencoder import LOSSES, SCHEDULES
from oleander.backdoors.gan import CHECKPOINTS
from oleander.backdoors.gan import LOSSES as GAN_LOSSES
from oleander.data import SETTINGS_SCHEMAS
from oleander.defenses import DEFENSES
from oleander.io.errors import OleanderError
from oleander.models import ARCHITECTURES
from oleander.models.autoencoder import AUTOENCODERS
from oleander.models.mlp import OUTPUTS
from oleander.training.stack import OPTIMIZERS
from oleander.workflow import declared
from oleander.workflow.configuration import (
    Configuration,
    differences,
    grid_of,
    is_trained,
    load_configuration,
    read_configuration,
)
from oleander.workflow.declared import SHARED, declared_settings, grids, spoken
from oleander.workflow.layers import merge, read_yaml
from oleander.workflow.settings import Autoencoder, AutoencoderNetwork, Gan

SCALES = ("demo", "laptop", "paper")


@pytest.fixture
def config(repository):
    """What config.yaml and the papers' own files say."""
    files = [repository / "config.yaml", *sorted((repository / "workflow/papers").glob("*.yaml"))]
    return functools.reduce(merge, (yaml.safe_load(path.read_text(encoding="utf-8")) for path in files))


@pytest.fixture
def scales(repository):
    """Scale -> what it overrides."""
    files = (repository / "workflow/scales").glob("*.yaml")
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in files}


@pytest.fixture
def checkout(tmp_path, repository):
    """A copy of the configuration's files."""
    shutil.copy(repository / "config.yaml", tmp_path)
    for name in ("scales", "papers"):
        shutil.copytree(repository / f"workflow/{name}", tmp_path / f"workflow/{name}")
    return tmp_path


def at(path, value):
    """A layer that says one thing."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


# --- layers


def test_merge_replaces_leaves_and_keeps_the_rest():
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 3}
    assert merge(base, {"a": {"c": [9]}, "e": 4}) == {"a": {"b": 1, "c": [9]}, "d": 3, "e": 4}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 3}
    assert merge({"a": {"source": "x", "b": 1}}, {"a": {"source": "y"}}) == {"a": {"source": "y"}}


def test_differences_are_what_the_other_says_otherwise():
    base = {"a": {"title": "A", "b": 1, "c": [1, 2]}, "d": None}
    assert differences(base, copy.deepcopy(base)) == []
    assert differences(base, {"a": {"title": "Z", "b": 1, "c": [1, 2]}, "d": None}) == []
    assert differences(base, {"a": {"b": 1, "c": [1, 2], "new": 3}, "d": None, "e": 4}) == ["a.new", "e"]
    assert differences(base, {"a": {"b": 2, "c": [1]}, "d": None}) == ["a.b", "a.c"]
    assert differences(base, {"a": 7}) == ["a", "d"]


def test_later_layers_win(checkout):
    """config.yaml, then papers, the scale's file, scales of papers and configfiles, configfiles, the command line."""

    def generators(*configfiles, **command_line):
        config = read_configuration(checkout, configfiles, {"scale": "laptop", **command_line})
        return config.experiments["cifar"].generators

    cifar = "experiments.cifar.generators"
    assert generators() == 3
    papers = checkout / "workflow/papers"
    (papers / "b.yaml").write_text("experiments: {cifar: {generators: 11}, fmnist_duplication: {generators: 12}}\n")
    (papers / "a.yaml").write_text("experiments: {fmnist_duplication: {generators: 13}, synthetic: {generators: 14}}\n")
    assert generators() == 3
    own = read_configuration(checkout, [], {"scale": "paper"}).experiments
    found = [own[name].generators for name in ("cifar", "fmnist_duplication", "synthetic")]
    assert found == [11, 12, 14]
    (papers / "a.yaml").write_text("scales: {laptop: {experiments: {cifar: {generators: 15}}}, demo: null}\n")
    assert generators() == 15
    changed = {"scales": {"laptop": at(cifar, 16)}}
    assert generators(changed) == 16
    assert generators(changed, {"scales": {"laptop": at(cifar, 17)}}) == 17
    assert generators(at(cifar, 18), changed) == 18
    assert generators(at(cifar, 18), changed, at(cifar, 19)) == 19
    assert generators(changed, at(cifar, 19), experiments={"cifar": {"generators": "20"}}) == 20


def test_who_chooses_the_scale(checkout):
    assert load_configuration(checkout).scale == "demo"
    assert load_configuration(checkout, "paper").scale == "paper"
    assert read_configuration(checkout, [{"scale": "laptop"}], {}).scale == "laptop"
    assert read_configuration(checkout, [{"scale": "laptop"}], {"scale": "paper"}).scale == "paper"
    mine = {"scales": {"mine": {"strict": True}}, "scale": "mine"}
    assert read_configuration(checkout, [mine], {}).strict
    with pytest.raises(OleanderError, match=r"scale: 'mime' is not known; did you mean 'mine'\? known here: demo"):
        read_configuration(checkout, [mine], {"scale": "mime"})


def test_nothing_of_what_is_given_is_changed(repository):
    given = {"gans": {"mnist": {"optimizer": {"betas": ["0.5", "0.9"]}}}, "victims": at("logistic.epochs", "7")}
    before = copy.deepcopy(given)
    config = read_configuration(repository, [], given)
    assert given == before
    plain = config.plain()
    plain["victims"]["logistic"]["optimizer"]["learning_rate"] = plain["experiments"]["mnist"]["alphas"][0] = 9
    assert config.victims["logistic"].optimizer["learning_rate"] == 0.01
    assert config.experiments["mnist"].alphas[0] != 9


def test_a_name_that_stands_twice_is_refused(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("a: &a {one: 1, two: 2}\nb: {<<: *a, one: 3}\nc: {<<: *a}\n")
    assert read_yaml(path)["b"] == {"one": 3, "two": 2}
    path.write_text("a: 1\nb: {one: 1, two: 2, one: 3}\n")
    with pytest.raises(OleanderError, match=r"config\.yaml cannot be read.*'one' stands twice.*line 2"):
        read_yaml(path)


# --- data that may be absent


@pytest.fixture
def faces_root(tmp_path, monkeypatch):
    """A folder of data that OLEANDER_DATA names, with nothing in it yet."""
    root = tmp_path / "data"
    root.mkdir()
    monkeypatch.setenv("OLEANDER_DATA", str(root))
    return root


def faces(checkout, **command_line):
    """What laptop scale's autoencoders of faces are trained on, and the class of their single target."""
    config = read_configuration(checkout, [], {"scale": "laptop", **command_line})
    data = config.datasets[config.autoencoders["celeba"].dataset]
    assert config.gans["celeba"].dataset == config.autoencoders["celeba"].dataset
    assert config.datasets[config.targets["celeba_female"].dataset].source == data.source
    return data.source, data.stand_in_for, config.targets["celeba_image"].plain()["class"]


GENUINE, STAND_IN = ("celeba", None, "Smiling"), ("embedded", "CelebA", "flower")


def test_laptop_scale_takes_stand_ins_only_where_there_are_no_faces(checkout, faces_root, monkeypatch, tmp_path):
    assert faces(checkout) == STAND_IN
    (faces_root / "celeba").mkdir()
    assert faces(checkout) == STAND_IN, "the folder of the whole set is another"
    # Empty: damaged, and so an error of the job that prepares it, not a reason to take something else.
    (faces_root / "celeba_half").mkdir()
    assert faces(checkout) == GENUINE
    monkeypatch.delenv("OLEANDER_DATA")
    assert faces(checkout) == STAND_IN
    assert faces(checkout, data_root=str(faces_root)) == GENUINE
    assert faces(checkout, data_root="null") == STAND_IN
    prepared = checkout / "results/laptop/data/celeba_half.safetensors"
    prepared.parent.mkdir(parents=True)
    prepared.touch()
    assert faces(checkout) == GENUINE, "what was begun with them goes on"


def test_other_scales_have_nothing_to_fall_back_on(checkout, faces_root):
    for scale, source in (("demo", "embedded"), ("paper", "celeba")):
        config = read_configuration(checkout, [], {"scale": scale})
        assert config.datasets[config.gans["celeba"].dataset].source == source
        assert config.if_absent == {}


def test_the_command_line_has_the_last_word_over_what_is_taken_instead(checkout, faces_root):
    config = read_configuration(checkout, [], {"scale": "laptop", **at("autoencoders.celeba.epochs", "5")})
    assert (config.autoencoders["celeba"].dataset, config.autoencoders["celeba"].epochs) == ("photographs", 5)
    mine = at("if_absent.celeba_half.autoencoders.celeba.epochs", 6)
    assert read_configuration(checkout, [mine], {"scale": "laptop"}).autoencoders["celeba"].epochs == 6


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"celeba_hal": {}}, "if_absent.celeba_hal: is not one of datasets; did you mean 'celeba_half'? name one"),
        ({"gaussians": {}}, "if_absent.gaussians: nothing of this dataset is looked for in a folder of data; remove"),
        ({"celeba_half": {"data_root": "x"}}, "if_absent.celeba_half: must be a mapping of settings without"),
        ({"celeba_half": 3}, "if_absent.celeba_half: must be a mapping of settings without if_absent, scale"),
        (["x"], "if_absent: must be a mapping of names to settings"),
        ({"celeba_half": {"gans": {"celeba": {"dataset": "faces"}}}}, "'faces' is not one of datasets"),
    ],
)
def test_mistakes_in_what_is_taken_instead(checkout, faces_root, said, sentence):
    with pytest.raises(OleanderError) as caught:
        read_configuration(checkout, [{"if_absent": said}], {"scale": "laptop"})
    assert sentence in str(caught.value)


# --- what the files say


@pytest.mark.parametrize("scale", SCALES)
def test_every_scale_is_sound_and_plain(repository, config, scales, scale, monkeypatch):
    """As written, key by key in that order: results' headers hold it."""
    monkeypatch.delenv("OLEANDER_DATA", raising=False)
    merged = {**merge(config, scales.get(scale, {})), "scale": scale}
    for over in merged["if_absent"].values():
        merged = merge(merged, over)
    found = load_configuration(repository, scale)
    assert isinstance(found, Configuration)
    assert json.dumps(found.plain()) == json.dumps(merged)
    assert found.experiments["mnist"].plain() == merged["experiments"]["mnist"]
    assert found.experiments["mnist_duplication"].alphas is None
    with pytest.raises(ValueError, match="frozen"):
        found.strict = True


def test_paper_scale_states_the_papers_numbers(repository):
    config = load_configuration(repository, "paper")
    assert [config.experiments[name].epochs for name in ("mnist", "fmnist", "synthetic")] == [2000, 3000, 3000]
    effectiveness = config.evaluations["effectiveness"]
    experiments = [config.experiments[name] for name in ("mnist", "fmnist")]
    trained = sum(experiment.generators * len(experiment.alphas) for experiment in experiments)
    assert len(effectiveness.poison_fractions) * effectiveness.runs * trained == 5400


def leaves(block, path=()):
    for key, value in block.items():
        yield from leaves(value, (*path, key)) if isinstance(value, dict) else [(*path, key)]


def test_scales_override_sizes_alone(scales):
    sizes = {"epochs", "alphas", "lambda_primes", "generators", "poison_fractions", "runs", "trusted_per_class"}
    sizes |= {"train_points", "threads", "batch_size", "rows", "columns", "points", "hidden", "width", "seeds"}
    sizes |= {"residual_blocks"}
    sizes |= {"latent", "generator", "discriminator", "halvings", "discriminator_steps", "steps", "decay", "start"}
    sizes |= {
        "neighbours",
        "parts",
        "changes",
        "checkpoint_iterations",
        "evaluate_every",
        "samples",
        "alphas_per_job",
        "lambdas_per_job",
        "generators_per_job",
    }
    # What stands in for a dataset has other classes and other sides.
    of_data = ("datasets", "tasks", "triggers", "targets", "if_absent")
    assert set(scales) == {"demo", "laptop"}
    for scale, overrides in scales.items():
        for path in leaves(overrides):
            allowed = path[-1] in sizes or path[0] in of_data
            allowed |= path[-1] == "dataset"
            # Fewer steps of a GAN have to be longer ones.
            allowed |= path[0] == "gans" and path[-1] == "learning_rate"
            # Fewer datasets in the matrix and the ranking, fewer choices.
            allowed |= path in {("figures", f"pgan_{name}", "experiments") for name in ("matrix", "ranking")}
            allowed |= path == ("figures", "pgan_sensitivity", "choices")
            allowed |= path == ("figures", "baaan_bottleneck", "panels")
            allowed |= path[:-1] == ("figures", "baaan_choices", "seeds")
            # Narrow networks take larger steps; by how much at laptop scale is the next test's.
            allowed |= path[0] in ("attacks", "victims", "autoencoders") and path[-1] == "learning_rate"
            assert allowed, f"scale {scale} overrides {'.'.join(path)}"


NARROW = {
    # Part of the configuration -> by how much its networks are narrower, and its learning rate larger, at laptop scale.
    ("attacks", "pgan_images", "generator"): (4, 10),
    ("attacks", "pgan_images", "discriminator"): (4, 10),
    ("attacks", "pgan_images", "classifier"): (4, 10),
    ("attacks", "pgan_cifar", "generator"): (4, 1),
    ("attacks", "pgan_cifar", "discriminator"): (4, 3),
    ("attacks", "pgan_cifar", "classifier"): (4, 3),
    ("victims", "binary_mlp"): (4, 10),
    ("victims", "binary_cnn"): (2, 1),
}


@pytest.mark.parametrize(("path", "change"), NARROW.items())
def test_narrow_networks_take_larger_learning_rates(repository, path, change):
    narrow, wide = (load_configuration(repository, scale).plain() for scale in ("laptop", "paper"))
    for name in path:
        narrow, wide = narrow[name], wide[name]
    narrower, faster = change
    for own, papers in zip(narrow["hidden"], wide["hidden"], strict=True):
        if isinstance(own, dict):
            assert own == {**papers, "channels": papers["channels"] // narrower}
        else:
            assert own <= papers / narrower
    assert narrow["optimizer"]["learning_rate"] == pytest.approx(faster * wide["optimizer"]["learning_rate"])
    assert {**narrow["optimizer"], "learning_rate": 0} == {**wide["optimizer"], "learning_rate": 0}


def test_synthetic_experiment_is_at_the_papers_settings_at_every_scale(scales):
    for scale, overrides in scales.items():
        # Fewer generators to choose the median from at demo scale.
        own = [path for path in leaves(overrides) if path != ("experiments", "synthetic", "generators")]
        assert len(own) == len(list(leaves(overrides))) - (scale == "demo")
        for path in own:
            assert not {"synthetic", "gaussians", "two_gaussians", "pgan_synthetic", "logistic"} & set(path), scale


# --- values


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        *(("1e-4", 1e-4), ("5", 5), ("0.1", 0.1), ("-1", -1), ("true", True), ("False", False), ("null", None)),
        *((text, text) for text in ("many", "", "nan", "inf", "1e999", "9" * 40, "9" * 5000, "0x10", "1 2")),
    ],
)
def test_what_a_text_stands_for(text, meant):
    assert (spoken(text), type(spoken(text))) == (meant, type(meant))


def test_texts_become_numbers_and_switches_where_these_are_wanted(repository):
    said = {
        "strict": "true",
        "state_minutes": "5e0",
        "experiments": {"mnist": {"checkpoint_iterations": "500"}, "mnist_progress": {"checkpoint_iterations": "null"}},
        "figures": {"pgan_progress": {"experiments": ["mnist"]}},
        "data_root": "null",
        "attacks": at("pgan_images.generator", {"noise": "50", "optimizer": {"learning_rate": "1e-3"}}),
        "victims": at("binary_cnn.hidden", [{**LAYER, "batch_norm": "false", "dropout": "1e-1"}]),
        "gans": at("cifar10.optimizer", {"learning_rate": "2e-4", "betas": ["0", "0.9"]}),
        "evaluations": at("sizes.train_points", ["100", "200"]),
        "targets": {"mnist_0_to_4": {"classes": ["0", "1"]}, "mnist_all": {"classes": "null"}},
        "datasets": at("cifar10.image_shape", ["1", "28", "28"]),
        "defenses": at("mine", {"name": "pca", "title": "5", "epsilon": "1e-2", "variance": "0.9"}),
    }
    config = read_configuration(repository, [], {"scale": "paper", **said})
    assert config.strict is True
    assert (config.state_minutes, config.data_root) == (5.0, None)
    assert [config.experiments[name].checkpoint_iterations for name in ("mnist", "mnist_progress")] == [500, None]
    assert config.attacks["pgan_images"].generator["noise"] == 50
    assert config.attacks["pgan_images"].generator["optimizer"] == {"name": "adam", "learning_rate": 1e-3}
    assert config.victims["binary_cnn"].hidden == [{**LAYER, "batch_norm": False, "dropout": 0.1}]
    assert config.gans["cifar10"].optimizer.plain() == {"learning_rate": 2e-4, "betas": [0, 0.9]}
    assert config.evaluations["sizes"].train_points == [100, 200]
    assert [config.targets[name].classes for name in ("mnist_0_to_4", "mnist_all")] == [["0", "1"], None]
    assert config.datasets["cifar10"].image_shape == [1, 28, 28]
    assert config.defenses["mine"].plain() == {"name": "pca", "title": "5", "epsilon": 0.01, "variance": 0.9}


LAYER = {"channels": 4, "kernel": 3, "stride": 1, "padding": 0}


def test_a_whole_number_for_a_fraction_stays_as_it_is_written(repository):
    over = {"state_minutes": 7, "experiments": {"mnist": {"lambda_primes": [1]}}}
    found = read_configuration(repository, [over], {}).plain()
    assert json.dumps([found["state_minutes"], found["experiments"]["mnist"]["lambda_primes"]]) == "[7, [1]]"


# --- mistakes

TOP, CODER = (", ".join(model.model_fields) for model in (Configuration, AutoencoderNetwork))
EXPERIMENT = (
    "task, attack, settings, generators, epochs, alphas, lambda_primes, poison_fractions, checkpoint_iterations"
)
FLAGS = {"title": "F", "source": "image_folder", "path": "f", "image_shape": [3, 8, 8], "minimum_per_class": 1}
MINE = {"dataset": "mnist", "source_class": "3", "target_class": "5", "all_classes": False, "victim": "binary_mlp"}
FOLDER_KEYS = (
    "source, title, stand_in_for, publish_images, path, image_shape, minimum_per_class, classes, test_fraction, seed"
)
DISTRIBUTION = {"name": "distribution", "classes": None}
ATTACKS_KNOWN = "duplication, label_flipping, pgan, random_flipping"
EVALUATIONS_KNOWN = ", ".join(read_yaml(Path(__file__).parents[1] / "config.yaml")["evaluations"])
EXPERIMENTS_KNOWN = ", ".join(read_yaml(Path(__file__).parents[1] / "config.yaml")["experiments"])


def without(block, key):
    return {name: value for name, value in block.items() if name != key}


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        # Unknown names.
        ("surprise", 1, f"surprise: not known; known here: {TOP}"),
        ("dataset", {}, f"dataset: not known; did you mean 'datasets'? known here: {TOP}"),
        ("experiments.mnist.epoch", 1, f"E.epoch: not known; did you mean 'epochs'? known here: {EXPERIMENT}"),
        (
            "datasets.flags",
            {**without(FLAGS, "minimum_per_class"), "minimum_per_clas": 1},
            "P.minimum_per_clas: not known; did you mean 'minimum_per_class'? known here: " + FOLDER_KEYS,
        ),
        (
            "datasets.flags",
            {**FLAGS, "source": "imagefolder"},
            "P.source: 'imagefolder' is not known; did you mean 'image_folder'? known here: celeba, embedded, "
            "gaussians, image_folder, torchvision",
        ),
        ("datasets.flags", without(FLAGS, "path"), "P.path: missing; add it"),
        (
            "datasets.flags",
            without(FLAGS, "source"),
            "P.source: missing; choose one of celeba, embedded, gaussians, image_folder, torchvision",
        ),
        ("datasets.flags", {**FLAGS, "seed": 1}, "P: 'test_fraction' is a dependency of 'seed'"),
        ("datasets.cifar10.seed", 1, "datasets.cifar10: 'test_fraction' is a dependency of 'seed'"),
        (
            "victims.binary_mlp.architecture",
            "mpl",
            "P: 'mpl' is not known; did you mean 'mlp'? known here: mlp, cnn, transposed_cnn",
        ),
        (
            "attacks.pgan_images.generator.nois",
            2,
            "P: not known; did you mean 'noise'? known here: noise, architecture, negative_slope, output, optimizer, "
            "hidden, dropout",
        ),
        (
            "attacks.random_flipping.name",
            "random_fliping",
            f"P: 'random_fliping' is not known; did you mean 'random_flipping'? known here: {ATTACKS_KNOWN}",
        ),
        (
            "defenses.outlier.k",
            5,
            "P: not known; known here: name, title, neighbours, sample, quantile, statistic",
        ),
        ("evaluations.boundary.runs", 3, "P: not known; known here: genuine_per_class, poison_points"),
        ("gans.mnist.loss", "hing", "P: 'hing' is not known; did you mean 'hinge'? known here: hinge, log"),
        (
            "autoencoders.mnist.network.depth",
            1,
            f"P: not known; known here: {CODER}",
        ),
        ("triggers.white_square.corner", ["left"], "P: a list is not text"),
        ("tasks.mine", without(MINE, "victim"), "P.victim: missing; add it"),
        ("tasks.Mine", MINE, "P: 'Mine' is not a name of small letters, digits and _"),
        ("device.name", "gpu", "P: 'gpu' is not one of auto, cpu, cuda, or cuda:N"),
        # Text that YAML made something else of.
        (
            "datasets.flags",
            {**FLAGS, "classes": [False, "se"]},
            'P.classes.0: read as the switch false where text is wanted; write it in quotes, as in "no"',
        ),
        (
            "tasks.mine",
            {**MINE, "source_class": 83},
            'P.source_class: read as the number 83 where text is wanted; write it in quotes, as in "83", '
            'or "0123" if it has a leading zero there',
        ),
        (
            "tasks.mine",
            {**MINE, "target_class": True},
            'P.target_class: read as the switch true where text is wanted; write it in quotes, as in "yes"',
        ),
        (
            "targets.mine",
            {**DISTRIBUTION, "classes": [0, 1]},
            'P.classes.0: read as the number 0 where text is wanted; write it in quotes, as in "0"',
        ),
        (
            "targets.mnist_image.class",
            1.0,
            'P: read as the number 1.0 where text is wanted; write it in quotes, as in "1.0"',
        ),
        # Values.
        ("experiments.mnist.epochs", 0, "P: 0 is out of bounds; it must be at least 1"),
        ("experiments.mnist.epochs", "many", "P: 'many' is not a whole number"),
        ("experiments.mnist.epochs", True, "P: true is not a whole number"),
        ("experiments.mnist.epochs", 5.0, "P: 5.0 is not a whole number"),
        ("experiments.mnist.alphas", [0.1, 1.5], "P.1: 1.5 is out of bounds; it must be at most 1"),
        ("experiments.mnist.alphas", [], "P: has 0 entries; it must have at least 1"),
        ("experiments.mnist.alphas", [0.1, "0.1"], "P: has an entry twice; remove one"),
        ("evaluations.effectiveness.poison_fractions", [0.6], "P.0: 0.6 is out of bounds; it must be at most 0.5"),
        ("gans.mnist.ema.decay", 1, "P: 1 is out of bounds; it must be less than 1"),
        ("gans.mnist.optimizer.betas", [0.1], "P: has 1 entries; it must have at least 2"),
        ("defenses.sever_01.epsilon", 2, "P: 2 is out of bounds; it must be less than 1"),
        ("defenses.pca_01.components", 2, "defenses.pca_01: give exactly one of variance, components"),
        ("targets.mnist_image.index", -1, "P: -1 is out of bounds; it must be at least 0"),
        (
            "targets.mnist_image.file",
            "a.png",
            "targets.mnist_image: class, index do not go with the other settings here",
        ),
        (
            "attacks.pgan_images.generator.optimizer.momentum",
            0.9,
            "P: 0.9 does not go with the other settings here",
        ),
        ("strict", "perhaps", "P: 'perhaps' is not true or false"),
        ("defenses", None, "P: null is not a mapping of names to settings"),
        ("gans.mnist", [1], "P: a list is not a mapping of names to settings"),
        # One block and another.
        (
            "tasks.mnist_3v5.victim",
            "binary_mpl",
            "P: 'binary_mpl' is not one of victims; did you mean 'binary_mlp'? choose one of binary_mlp, binary_cnn, "
            "ten_class_mlp, logistic, or add it there",
        ),
        (
            "figures.baaan_fig4.gans",
            ["svhn"],
            "P: 'svhn' is not one of gans; choose one of cifar10, mnist, celeba, or add it there",
        ),
        (
            "autoencoders.mnist.targets.fixed",
            "inverted",
            "P: 'inverted' is not one of targets; did you mean 'inverse'? choose one of inverse, mnist_image, "
            "cifar10_image, celeba_image, mnist_0_to_4, cifar10_classes, celeba_female, mnist_all, or add it there",
        ),
        (
            "figures.baaan_fig9.target",
            "mnits",
            "P: 'mnits' is not one of gans.cifar10.targets; did you mean 'mnist'? choose one of distribution, single, "
            "mnist, or add it there",
        ),
        (
            "experiments.mnist.attack",
            "label_flipping",
            "E: epochs, alphas, lambda_primes not known, as attack 'label_flipping' trains nothing; remove them",
        ),
        ("experiments.mnist.alphas", None, "E: alphas needed, as attack 'pgan_images' is trained; add it"),
        (
            "autoencoders.mnist.targets.clean",
            "inverse",
            "P: 'clean' is the model without a backdoor; give this one another name",
        ),
        (
            "gans.mnist.targets.clean",
            "mnist_all",
            "P: 'clean' is the model without a backdoor; give this one another name",
        ),
        (
            "autoencoders.mnist.targets.fixed",
            "mnist_all",
            "P: 'mnist_all' is a distribution of images, which only a GAN can have; choose a fixed image or the "
            "inverse",
        ),
        (
            "gans.mnist.targets.single",
            "inverse",
            "P: 'inverse' has no images of its own, which a GAN needs for its target; choose a distribution or a fixed "
            "image",
        ),
        (
            "gans.celeba.triggered_labels",
            "restricted",
            "P: 'restricted' restricts nothing, as no target is some of the GAN's own classes; set it to all",
        ),
        (
            "gans.mnist.backdoor_discriminator",
            "both",
            "P: 'both' is not known; known here: unconditional, conditional",
        ),
        ("gans.mnist.trigger_values", [-5, -5], "P: has an entry twice; remove one"),
        (
            "gans.mnist.targets.distribution_conditional_all",
            "mnist_0_to_4",
            "gans.mnist: two models would be called 'distribution_conditional_all'; give a target another name, or "
            "leave a value out",
        ),
        (
            "figures.baaan_trigger.gan",
            "cifar10",
            "figures.baaan_trigger: gans.cifar10 has no trigger_values to compare; give it some",
        ),
        (
            "figures.baaan_choices.target",
            "single",
            "P: labels of gans.mnist cannot be restricted to its target single, which is none of its own classes; "
            "choose another target",
        ),
        (
            "figures.baaan_choices.seeds",
            {"celeba": 1},
            "figures.baaan_choices.seeds.celeba: not among the figure's gans, which are mnist, cifar10; name one of "
            "them",
        ),
        (
            "gans.mnist.trigger",
            "white_square",
            "P: 'white_square' is no trigger for a latent vector; choose a latent one",
        ),
        (
            "experiments.mnist_duplication.checkpoint_iterations",
            10,
            "experiments.mnist_duplication: checkpoint_iterations not known, as attack 'duplication' trains nothing; "
            "remove it",
        ),
        ("experiments.mnist.checkpoint_iterations", 0, "P: 0 is out of bounds; it must be at least 1"),
        (
            "figures.pgan_progress.experiments",
            ["mnist"],
            "figures.pgan_progress: experiments.mnist keeps no generators during training; set its "
            "checkpoint_iterations",
        ),
        (
            "figures.pgan_progress.evaluation",
            "sizes",
            "figures.pgan_progress: evaluation sizes has several train_points; choose one with a single size",
        ),
        (
            "figures.pgan_progress.evaluation",
            "boundary",
            "figures.pgan_progress: evaluation boundary has no trials; choose one with train_points and a defense",
        ),
        (
            "figures.pgan_fig8.alpha",
            0.25,
            "figures.pgan_fig8: alpha 0.25 is not among experiments.mnist.alphas; add it there",
        ),
        (
            "figures.pgan_matrix.poison_fraction",
            0.33,
            "figures.pgan_matrix: poison_fraction 0.33 is not among evaluations.undefended.poison_fractions; add "
            "it there",
        ),
        (
            "experiments.cifar_duplication.poison_fractions",
            [0.2],
            "figures.pgan_matrix: poison_fraction 0.3 is not among experiments.cifar_duplication.poison_fractions; add "
            "it there",
        ),
        (
            "figures.pgan_fig7.experiment",
            "fmnist",
            "figures.pgan_fig7: evaluation ten_classes tests task mnist_all, whose dataset or classes are not those "
            "that experiment fmnist attacks; give the evaluation another task or the figure another experiment",
        ),
        (
            "figures.pgan_fig2.controls.mnist",
            "mnist_duplicates",
            "P: 'mnist_duplicates' is not one of experiments; did you mean 'mnist_duplication'? choose one of "
            f"{EXPERIMENTS_KNOWN}, or add it there",
        ),
        (
            "figures.pgan_fig4.controls.mnist",
            "mnist_duplication",
            "P: not among the figure's experiments, which are cifar; name one of them, or set controls to null",
        ),
        (
            "figures.pgan_fig2.controls.fmnist",
            "mnist_duplication",
            "P: 'mnist_duplication' attacks task mnist_3v5 and fmnist task fmnist_sneaker_boot; choose one on the same "
            "task",
        ),
        (
            "figures.pgan_fig2.controls.mnist",
            "mnist_lambda",
            "P: 'mnist_lambda' trains generators, but a control does not; choose an experiment such as one of "
            "duplication",
        ),
        (
            "figures.pgan_ranking.experiments",
            [["mnist", "mnist_duplication"], ["fmnist", "mnist_duplication"]],
            "P: 'mnist_duplication' attacks task mnist_3v5 and fmnist task fmnist_sneaker_boot; choose one on the same "
            "task",
        ),
        (
            "figures.pgan_ranking.evaluations",
            ["undefended", "sever_05"],
            "figures.pgan_ranking.evaluations: 'sever_05' is not one of evaluations; did you mean 'sever_005'? choose "
            f"one of {EVALUATIONS_KNOWN}, or add it there",
        ),
        ("figures.pgan_fig2.controls", ["mnist_duplication"], "P: a list is not a mapping of names to settings"),
        (
            "defenses.sizes",
            {"name": "none", "title": "mine"},
            "P: no evaluation names it, and none can be made of the evaluation 'undefended' under its name; add one to "
            "evaluations, or give the defense another name",
        ),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_place(repository, path, value, sentence):
    """P: the place itself; E: the experiment."""
    with pytest.raises(OleanderError) as caught:
        read_configuration(repository, [at(path, value)], {"scale": "paper"})
    start, _, rest = sentence.partition(":")
    head, dot, key = start.partition(".")
    place = {"P": path, "E": "experiments.mnist"}.get(head, head) + dot + key
    assert str(caught.value) == f"configuration at scale paper, {place}:{rest}"


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        ({"scales": []}, "configuration, scales: must be a mapping of each scale's name to its own settings"),
        (
            {"scale": 7},
            "configuration, scale: 7 is not known; known here: demo, laptop, paper; choose one",
        ),
        ({"confidence": float("nan")}, "a --configfile, confidence: nan is not finite; settings must be"),
        (
            {"tasks": {False: {}}},
            "a --configfile, tasks: 'False' cannot be a name; write it in quotes; settings",
        ),
    ],
)
def test_a_layer_that_is_none(repository, layer, sentence):
    with pytest.raises(OleanderError) as caught:
        read_configuration(repository, [layer], {})
    assert str(caught.value).startswith(sentence)


def test_a_date_is_told_as_such(repository):
    with pytest.raises(OleanderError, match=r'as the date 2024-01-02; write it in quotes, as in "2024-01-02"'):
        read_configuration(repository, [yaml.safe_load("tasks: {mnist_3v5: {source_class: 2024-01-02}}")], {})


def test_every_mapping_forbids_unknown_keys(repository):
    """Put an unknown key into every mapping of a configuration, one at a time."""

    def mappings(value, path=()):
        if isinstance(value, dict):
            yield path
            for key, inner in value.items():
                yield from mappings(inner, (*path, key))

    config = load_configuration(repository, "paper").plain()
    open_places = {(key,) for key, value in config.items() if isinstance(value, dict)} - {
        *(("device",), ("cohort",), ("features",))
    }
    # Its keys are names of claims, which only the plan knows.
    open_places.add(("figures", "pgan_sensitivity", "statements"))
    places = [path for path in mappings(config) if path not in open_places]
    assert len(places) > 40
    for path in places:
        broken = copy.deepcopy(config)
        inner = broken
        for key in path:
            inner = inner[key]
        inner["unknown_key"] = 1
        with pytest.raises(OleanderError, match=r"unknown_key|targets\."):
            read_configuration(repository, [broken], {})


def test_a_defense_without_evaluation_gets_one_of_its_name(repository):
    mine = at("defenses.mine", {"name": "none", "title": "mine"})
    evaluations = read_configuration(repository, [mine], {"scale": "laptop"}).evaluations
    assert evaluations["mine"].plain() == {**evaluations["undefended"].plain(), "defense": "mine"}


# --- registries


def test_names_are_the_registries():
    def choices(model, key):
        return set(typing.get_args(model.model_fields[key].annotation))

    assert choices(Gan, "loss") == set(GAN_LOSSES)
    assert choices(Gan, "checkpoint") == set(CHECKPOINTS)
    assert choices(AutoencoderNetwork, "architecture") == set(AUTOENCODERS)
    assert choices(Autoencoder, "loss") == set(LOSSES)
    assert choices(Autoencoder, "schedule") == set(SCHEDULES)
    network, pgan = SHARED["network"]["properties"], declared_settings("attacks")["pgan"]["properties"]
    assert set(network["architecture"]["enum"]) == set(ARCHITECTURES)
    assert set(network["output"]["enum"]) == set(OUTPUTS)
    assert set(SHARED["optimizer"]["properties"]["name"]["enum"]) == set(OPTIMIZERS)
    for name, known in CHOICES.items():
        assert set(pgan[name]["enum"]) == set(known)


@pytest.mark.parametrize(("package", "registry"), [("defenses", DEFENSES), ("attacks", ATTACKS)])
def test_what_is_read_without_importing_is_what_the_modules_declare(package, registry):
    assert declared_settings(package) == {
        name: importlib.import_module(f"oleander.{package}.{name}").SETTINGS_SCHEMA for name in registry
    }


def test_sources_declare_what_they_take():
    assert declared_settings("data/sources") == SETTINGS_SCHEMAS


def test_trained_attacks_declare_their_grid():
    assert grids() == {
        name: module.GRID
        for name in ATTACKS
        if hasattr(module := importlib.import_module(f"oleander.attacks.{name}"), "GRID")
    }
    assert is_trained("pgan")
    assert grid_of("pgan") == ("alphas", "lambda_primes")
    assert not is_trained("label_flipping")
    assert grid_of("label_flipping") == ()


def test_an_attack_with_a_grid_of_its_own(repository, tmp_path):
    """A further trained attack is one file: its lists are known of experiments, and asked for."""
    shutil.copytree(repository / "src/oleander", tmp_path / "oleander", ignore=shutil.ignore_patterns("__pycache__"))
    module = 'GRID = ("heats",)\n\nSETTINGS_SCHEMA: dict[str, Any] = {"properties": {}, "required": []}\n'
    (tmp_path / "oleander/attacks/mine.py").write_text(module)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from oleander.workflow.configuration import *\n"
        "experiment = {'task': 'mnist_3v5', 'attack': 'mine', 'generators': 1, 'epochs': 2, 'heats': ['0.5', 2]}\n"
        "over = {'attacks': {'mine': {'name': 'mine'}}, 'experiments': {'mine': experiment}}\n"
        f"config = read_configuration({str(repository)!r}, [over], {{}})\n"
        "assert config.experiments['mine'].heats == [0.5, 2], config\n"
        "assert config.plain()['experiments']['mine'] == {**experiment, 'heats': [0.5, 2]}\n"
        "experiment['alphas'] = [0.1]\n"
        f"read_configuration({str(repository)!r}, [over], {{}})\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.strip().endswith(
        "experiments.mine: alphas not known, as attack 'mine' has no such list; remove it"
    ), done.stderr


@pytest.mark.parametrize(("package", "registry"), [("triggers", TRIGGERS), ("targets", TARGETS)])
def test_triggers_and_targets_declare_what_they_take(package, registry):
    """Each stands in the file of its name, which is read without being imported."""
    found = declared_settings(f"backdoors/{package}")
    assert set(found) == set(registry)
    for name, cls in registry.items():
        module = importlib.import_module(cls.__module__)
        assert module.__name__.rpartition(".")[2] == name
        assert found[name] == module.SETTINGS_SCHEMA


def test_every_registered_method_is_configured(config):
    """What is registered takes part in the matrix, which is made of the configuration's blocks."""
    for block, registry in (("defenses", DEFENSES), ("attacks", ATTACKS)):
        assert {entry["name"] for entry in config[block].values()} == set(registry)


def test_declarations_are_read_with_or_without_an_annotation(tmp_path, monkeypatch):
    package = tmp_path / "methods"
    package.mkdir()
    (package / "plain.py").write_text('SETTINGS_SCHEMA = {"properties": {}, "required": []}\n')
    (package / "annotated.py").write_text('SETTINGS_SCHEMA: dict = {\n    "properties": {"a": {}},\n}\n\nX = 1\n')
    (package / "neither.py").write_text("OTHER = {}\n")
    monkeypatch.setattr(declared, "SOURCE", tmp_path)
    assert declared.literals("methods", "SETTINGS_SCHEMA") == {
        "annotated": {"properties": {"a": {}}},
        "plain": {"properties": {}, "required": []},
    }
    (package / "plain.py").write_text("SETTINGS_SCHEMA = dict(properties=OTHER)\n")
    with pytest.raises(OleanderError, match=r"plain\.py: SETTINGS_SCHEMA must be written out"):
        declared.literals("methods", "SETTINGS_SCHEMA")


def test_nothing_heavy_is_imported():
    """The workflow is parsed once for each of its jobs."""
    heavy = ("torch", "pandas", "scipy", "sklearn", "numpy", "snakemake")
    code = f"import oleander.workflow.configuration, sys; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
