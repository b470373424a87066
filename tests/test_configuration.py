"""The configuration: scales, schema, and the registries that the schema's names come from."""

import copy
import importlib

import pytest
import yaml

from oleander.attacks import ATTACKS
from oleander.attacks.pgan import GENERATOR_OBJECTIVES
from oleander.backdoors import TARGETS, TRIGGERS
from oleander.backdoors.autoencoder import LOSSES, SCHEDULES
from oleander.backdoors.gan import CHECKPOINTS
from oleander.backdoors.gan import LOSSES as GAN_LOSSES
from oleander.data import SETTINGS_SCHEMAS
from oleander.defenses import DEFENSES
from oleander.io.configuration import complete, differences, load_configuration, merge, resolve, spoken
from oleander.io.declared import declared_settings
from oleander.io.errors import OleanderError
from oleander.io.settings import read_yaml
from oleander.models import ARCHITECTURES
from oleander.models.autoencoder import AUTOENCODERS
from oleander.models.mlp import OUTPUTS
from oleander.training.stack import OPTIMIZERS

SCALES = ("demo", "laptop", "paper")


@pytest.fixture(scope="module")
def schema(repository):
    return yaml.safe_load((repository / "workflow/schemas/config.schema.yaml").read_text())


@pytest.fixture
def config(repository):
    return yaml.safe_load((repository / "config.yaml").read_text())


def test_merge_replaces_leaves_and_keeps_the_rest():
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 3}
    assert merge(base, {"a": {"c": [9]}, "e": 4}) == {"a": {"b": 1, "c": [9]}, "d": 3, "e": 4}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 3}


def test_differences_are_what_the_other_says_otherwise():
    base = {"a": {"title": "A", "b": 1, "c": [1, 2]}, "d": None}
    assert differences(base, copy.deepcopy(base)) == []
    assert differences(base, {"a": {"title": "Z", "b": 1, "c": [1, 2]}, "d": None}) == []
    assert differences(base, {"a": {"b": 1, "c": [1, 2], "new": 3}, "d": None, "e": 4}) == ["a.new", "e"]
    assert differences(base, {"a": {"b": 2, "c": [1]}, "d": None}) == ["a.b", "a.c"]
    assert differences(base, {"a": 7}) == ["a", "d"]


def test_a_switch_on_the_command_line_is_a_switch(config, schema):
    for written, meant in (("true", True), ("false", False), (True, True)):
        assert resolve({**config, "strict": written}, schema, spoken({"strict": written}))["strict"] is meant
    with pytest.raises(OleanderError, match="strict: 'perhaps' is not of type 'boolean'"):
        resolve({**config, "strict": "perhaps"}, schema, spoken({"strict": "perhaps"}))


def test_the_command_line_has_the_last_word_over_the_chosen_scale_alone(config, schema):
    said = {"experiments": {"mnist": {"generators": "7"}}, "device": {"threads": 3}, "strict": "true", "scale": "no"}
    said |= {
        "features": {"inception_weights": "here: there"},
        "evaluations": {"sizes": {"train_points": ["100", "200"]}},
    }
    laptop = resolve({**config, "scale": "laptop"}, schema)
    said["targets"] = {"mnist_0_to_4": {"classes": ["'0'", "'1'"]}}
    told = resolve({**config, "scale": "laptop"}, schema, spoken(said))
    assert told["targets"]["mnist_0_to_4"]["classes"] == ["0", "1"]
    assert laptop["experiments"]["mnist"]["generators"] != 7
    assert told["experiments"]["mnist"] == {**laptop["experiments"]["mnist"], "generators": 7}
    assert (told["device"]["threads"], told["strict"], told["scale"]) == (3, True, "laptop")
    assert told["features"]["inception_weights"] == "here: there"
    assert told["evaluations"]["sizes"]["train_points"] == [100, 200]
    with pytest.raises(OleanderError, match=r"scale laptop, experiments\.mnist\.generators"):
        resolve({**config, "scale": "laptop"}, schema, {"experiments": {"mnist": {"generators": 0}}})


def test_paper_scale_is_the_file_itself(config, schema):
    resolved = resolve({**config, "scale": "paper"}, schema)
    assert resolved == {**{key: value for key, value in config.items() if key != "scales"}, "scale": "paper"}


def test_paper_scale_states_the_papers_numbers(repository):
    config = load_configuration(repository / "config.yaml", repository / "workflow/schemas/config.schema.yaml", "paper")
    assert [config["experiments"][name]["epochs"] for name in ("mnist", "fmnist", "synthetic")] == [2000, 3000, 3000]
    effectiveness = config["evaluations"]["effectiveness"]
    victims = (
        len(effectiveness["poison_fractions"])
        * effectiveness["runs"]
        * sum(
            config["experiments"][name]["generators"] * len(config["experiments"][name]["alphas"])
            for name in ("mnist", "fmnist")
        )
    )
    assert victims == 5400


def leaves(block, path=()):
    for key, value in block.items():
        yield from leaves(value, (*path, key)) if isinstance(value, dict) else [(*path, key)]


def test_scales_override_sizes_alone(config):
    sizes = {"epochs", "alphas", "lambda_primes", "generators", "poison_fractions", "runs", "trusted_per_class"}
    sizes |= {"train_points", "threads", "batch_size", "rows", "columns", "points", "hidden", "width", "seeds"}
    sizes |= {"latent", "generator", "discriminator", "halvings", "discriminator_steps", "steps", "decay", "start"}
    sizes |= {"evaluate_every", "samples"}
    sizes |= {"alphas_per_job", "lambdas_per_job", "generators_per_job", "minutes"}
    # What stands in for a dataset has other classes and other sides.
    of_data = ("datasets", "tasks", "triggers", "targets")
    for scale, overrides in config["scales"].items():
        for path in leaves(overrides):
            allowed = path[-1] in sizes or (scale != "paper" and path[0] in of_data)
            # Fewer steps of a GAN have to be longer ones.
            allowed |= path[0] == "gans" and path[-1] == "learning_rate"
            # Narrow networks take larger steps; by how much is the next test's.
            allowed |= scale == "laptop" and path[-1] == "learning_rate"
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
    ("victims", "binary_cnn"): (2, 10),
}


@pytest.mark.parametrize(("path", "change"), NARROW.items())
def test_narrow_networks_take_larger_learning_rates(repository, path, change):
    files = repository / "config.yaml", repository / "workflow/schemas/config.schema.yaml"
    narrow, wide = (load_configuration(*files, scale) for scale in ("laptop", "paper"))
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


def test_synthetic_experiment_is_at_the_papers_settings_at_every_scale(config):
    for scale, overrides in config["scales"].items():
        for path in leaves(overrides):
            assert not {"synthetic", "gaussians", "two_gaussians", "pgan_synthetic", "logistic"} & set(path), scale


def set_at(config, path, value):
    *parents, last = path.split(".")
    for key in parents:
        config = config[key]
    config[last] = value


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("surprise", 1, ["top level", "surprise"]),
        ("experiments.mnist.epoch", 1, ["experiments.mnist", "epoch"]),
        ("victims.binary_mlp.width", 1, ["victims.binary_mlp", "width"]),
        ("attacks.pgan_images.generator.optimizer.momentum", 0.9, ["attacks.pgan_images.generator.optimizer"]),
        ("defenses.outlier.k", 5, ["defenses.outlier", "k"]),
        ("datasets.mnist.path", "x", ["datasets.mnist"]),
        ("scales.laptop.experiments.mnist.epoch", 1, ["scale laptop", "experiments.mnist", "epoch"]),
        ("experiments.mnist.epochs", 0, ["experiments.mnist.epochs", "minimum"]),
        ("experiments.mnist.epochs", "many", ["experiments.mnist.epochs", "integer"]),
        ("experiments.mnist.alphas", [0.1, 1.5], ["experiments.mnist.alphas.1"]),
        ("evaluations.effectiveness.poison_fractions", [0.6], ["poison_fractions", "0.5"]),
        (
            "experiments.mnist.task",
            "nowhere",
            ["experiments.mnist.task", "'nowhere'", "mnist_3v5", "choose one of these or add"],
        ),
        ("tasks.mnist_3v5.victim", "nobody", ["tasks.mnist_3v5.victim", "binary_mlp"]),
        ("evaluations.effectiveness.defense", "luck", ["evaluations.effectiveness.defense", "outlier"]),
        ("figures.pgan_fig8.panels", [{"experiment": "nowhere"}], ["figures.pgan_fig8", "'nowhere'"]),
        ("figures.pgan_fig8.alpha", 0.25, ["figures.pgan_fig8", "alpha 0.25", "experiments.mnist.alphas"]),
        ("figures.pgan_matrix.poison_fraction", 0.33, ["pgan_matrix", "0.33", "evaluations.undefended"]),
        ("experiments.cifar_duplication.poison_fractions", [0.2], ["pgan_matrix", "0.3", "experiments.cifar_dupl"]),
        ("figures.pgan_fig7.experiment", "fmnist", ["figures.pgan_fig7", "ten_classes", "mnist_all", "fmnist"]),
        ("experiments.mnist.attack", "label_flipping", ["experiments.mnist", "epochs", "not known", "remove"]),
        (
            "experiments.mnist_label_flipping.attack",
            "pgan_images",
            ["mnist_label_flipping", "epochs", "needed", "; add them"],
        ),
        ("defenses.sever_01.epsilon", 2, ["defenses.sever_01.epsilon", "maximum"]),
        ("attacks.label_flipping.flipped", "both", ["attacks.label_flipping.flipped", "both"]),
        ("figures.pgan_fig2.experiments", ["svhn"], ["figures.pgan_fig2.experiments", "'svhn'"]),
        ("triggers.white_square.size", 5, ["triggers.white_square", "size"]),
        ("triggers.white_square.corner", "middle", ["triggers.white_square.corner", "middle"]),
        ("targets.mnist_image.index", -1, ["targets.mnist_image.index", "minimum"]),
        ("targets.mnist_image.file", "seven.png", ["targets.mnist_image"]),
        ("autoencoders.mnist.rate", 1, ["autoencoders.mnist", "rate"]),
        ("autoencoders.mnist.network.depth", 1, ["autoencoders.mnist.network", "depth"]),
        ("autoencoders.mnist.dataset", "svhn", ["autoencoders.mnist.dataset", "'svhn'"]),
        ("autoencoders.mnist.trigger", "star", ["autoencoders.mnist.trigger", "'star'", "white_square"]),
        (
            "autoencoders.mnist.targets.fixed",
            "dream",
            ["autoencoders.mnist.targets.fixed", "'dream'", "inverse", "choose"],
        ),
        ("autoencoders.mnist.targets.clean", "inverse", ["autoencoders.mnist.targets.clean", "another name"]),
        ("targets.mnist_image", {"name": "distribution", "classes": None}, ["mnist.targets.fixed", "only a GAN"]),
        ("figures.baaan_fig1.autoencoders", ["svhn"], ["figures.baaan_fig1.autoencoders", "'svhn'"]),
        ("gans.mnist.width", 8, ["gans.mnist", "width"]),
        ("gans.mnist.loss", "wasserstein", ["gans.mnist.loss", "wasserstein"]),
        ("gans.mnist.dataset", "svhn", ["gans.mnist.dataset", "'svhn'"]),
        ("gans.mnist.trigger", "white_square", ["gans.mnist.trigger", "latent"]),
        ("gans.mnist.targets.single", "dream", ["gans.mnist.targets.single", "'dream'", "mnist_image", "choose"]),
        ("gans.mnist.targets.single", "inverse", ["gans.mnist.targets.single", "no images of its own"]),
        ("gans.mnist.targets.clean", "mnist_image", ["gans.mnist.targets.clean", "another name"]),
        ("targets.mnist_all.dataset", "svhn", ["targets.mnist_all.dataset", "'svhn'"]),
        ("features.classifier.width", 8, ["features.classifier", "width"]),
        ("figures.baaan_fig4.gans", ["svhn"], ["figures.baaan_fig4.gans", "'svhn'"]),
        ("figures.baaan_fig9.target", "dream", ["figures.baaan_fig9.target", "'dream'"]),
        ("defenses", None, ["defenses", "object"]),
        ("scale", "huge", ["unknown scale 'huge'", "demo, laptop, paper"]),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_place(config, schema, path, value, said):
    set_at(config, path, value)
    with pytest.raises(OleanderError) as caught:
        resolve(config, schema)
    assert all(piece in str(caught.value) for piece in said), str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_object_in_the_schema_forbids_unknown_keys(config, schema):
    """Put an unknown key into every mapping of a resolved configuration, one at a time."""
    resolved = resolve({**config, "scale": "paper"}, schema)

    def mappings(value, path=()):
        if isinstance(value, dict):
            yield path
            for key, inner in value.items():
                yield from mappings(inner, (*path, key))

    open_places = {(block,) for block in ("datasets", "tasks", "attacks", "defenses", "victims", "experiments")}
    open_places |= {("evaluations",), ("figures",), ("triggers",), ("targets",), ("autoencoders",), ("gans",)}
    places = [path for path in mappings(resolved) if path not in open_places]
    assert len(places) > 40
    for path in places:
        broken = copy.deepcopy(resolved)
        inner = broken
        for key in path:
            inner = inner[key]
        inner["unknown_key"] = 1
        with pytest.raises(OleanderError):
            resolve({**broken, "scales": {"paper": {}}}, schema)


def test_names_in_the_schema_are_the_registries(schema):
    definitions = complete(schema)["$defs"]
    assert set(definitions["attack"]["properties"]["name"]["enum"]) == set(ATTACKS)
    assert set(definitions["defense"]["properties"]["name"]["enum"]) == set(DEFENSES)
    assert set(definitions["trigger"]["properties"]["name"]["enum"]) == set(TRIGGERS)
    assert set(definitions["target"]["properties"]["name"]["enum"]) == set(TARGETS)
    assert set(definitions["gan"]["properties"]["loss"]["enum"]) == set(GAN_LOSSES)
    assert set(definitions["gan"]["properties"]["checkpoint"]["enum"]) == set(CHECKPOINTS)
    autoencoder = definitions["autoencoder"]["properties"]
    assert set(autoencoder["network"]["properties"]["architecture"]["enum"]) == set(AUTOENCODERS)
    assert set(autoencoder["loss"]["enum"]) == set(LOSSES)
    assert set(autoencoder["schedule"]["enum"]) == set(SCHEDULES)
    assert set(definitions["attack_pgan"]["properties"]["generator_objective"]["enum"]) == set(GENERATOR_OBJECTIVES)
    assert set(definitions["network"]["properties"]["architecture"]["enum"]) == set(ARCHITECTURES)
    assert set(definitions["output"]["enum"]) == set(OUTPUTS)
    assert set(definitions["optimizer"]["properties"]["name"]["enum"]) == set(OPTIMIZERS)
    sources = {entry["$ref"].removeprefix("#/$defs/source_") for entry in definitions["dataset"]["oneOf"]}
    assert sources == set(SETTINGS_SCHEMAS)
    for name in SETTINGS_SCHEMAS:
        assert definitions[f"source_{name}"]["properties"]["source"] == {"const": name}


def test_settings_in_the_schema_are_the_sources(schema):
    for name, fragment in SETTINGS_SCHEMAS.items():
        ours = schema["$defs"][f"source_{name}"]
        own = {"title", "stand_in_for", "source"}
        assert set(ours["properties"]) - own == set(fragment["properties"]), name
        assert set(ours.get("required", [])) - own == set(fragment["required"]), name


@pytest.mark.parametrize(("package", "registry"), [("defenses", DEFENSES), ("attacks", ATTACKS)])
def test_what_is_read_without_importing_is_what_the_modules_declare(package, registry):
    declared = {name: module.SETTINGS_SCHEMA for name, module in registry.items() if hasattr(module, "SETTINGS_SCHEMA")}
    assert declared_settings(package) == declared
    assert declared


@pytest.mark.parametrize(("package", "registry"), [("triggers", TRIGGERS), ("targets", TARGETS)])
def test_triggers_and_targets_declare_what_they_take(package, registry):
    """Each stands in the file of its name, which is read without being imported."""
    declared = declared_settings(f"backdoors/{package}")
    assert set(declared) == set(registry)
    for name, cls in registry.items():
        module = importlib.import_module(cls.__module__)
        assert module.__name__.rpartition(".")[2] == name
        assert declared[name] == module.SETTINGS_SCHEMA


def test_every_registered_method_is_configured(config):
    """What is registered takes part in the matrix, which is made of the configuration's blocks."""
    for block, registry in (("defenses", DEFENSES), ("attacks", ATTACKS)):
        assert {entry["name"] for entry in config[block].values()} == set(registry)


def test_declarations_are_read_with_or_without_an_annotation(tmp_path, monkeypatch):
    import oleander.io.declared as declared

    package = tmp_path / "methods"
    package.mkdir()
    (package / "plain.py").write_text('SETTINGS_SCHEMA = {"properties": {}, "required": []}\n')
    (package / "annotated.py").write_text('SETTINGS_SCHEMA: dict = {"properties": {"a": {}}, "required": []}\n')
    (package / "neither.py").write_text("OTHER = {}\n")
    monkeypatch.setattr(declared, "__file__", str(tmp_path / "io" / "declared.py"))
    assert declared_settings("methods") == {
        "annotated": {"properties": {"a": {}}, "required": []},
        "plain": {"properties": {}, "required": []},
    }
    (package / "plain.py").write_text("SETTINGS_SCHEMA = dict(properties=OTHER)\n")
    with pytest.raises(OleanderError, match=r"plain\.py: SETTINGS_SCHEMA must be written out"):
        declared_settings("methods")


def test_a_defense_without_evaluation_gets_one_of_its_name(config, schema):
    config["defenses"]["mine"] = {"name": "none", "title": "mine"}
    resolved = resolve({**config, "scale": "laptop"}, schema)
    assert resolved["evaluations"]["mine"] == {**resolved["evaluations"]["undefended"], "defense": "mine"}
    config["defenses"]["sizes"] = config["defenses"].pop("mine")
    with pytest.raises(OleanderError, match=r"defenses\.sizes: no evaluation names it.*another name"):
        resolve(config, schema)


def test_a_name_that_stands_twice_is_refused(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("a: &a {one: 1, two: 2}\nb: {<<: *a, one: 3}\nc: {<<: *a}\n")
    assert read_yaml(path)["b"] == {"one": 3, "two": 2}
    path.write_text("a: 1\nb: {one: 1, two: 2, one: 3}\n")
    with pytest.raises(OleanderError, match=r"config\.yaml cannot be read.*'one' stands twice.*line 2"):
        read_yaml(path)
