"""Checks before training: what cannot work is named in one sentence, and nothing else is refused."""

import copy
import json

import pytest
import yaml
from test_pgan import CONVOLUTIONAL, IMAGE, SETTINGS, make_task
from test_trials import SETTINGS as TRIALS

from oleander.data import SOURCES
from oleander.data.prepared import Dataset
from oleander.evaluation.checks import check_task, check_tasks
from oleander.io.errors import OleanderError
from oleander.workflow.plan import Plan

SIZES = {"poison_fractions": [0.0, 0.2], "train_points": [8], "trusted_per_class": 1}
# Of the 7 target points one is trusted and four are trained on.
FLIPS = {
    "attack": {"name": "label_flipping", "flipped": "target", "drawn_from": "unused", "replaced": "source"},
    "poison_fractions": [0.0, 0.3125],
}
PLANE = {"genuine_per_class": 4}
LINE = {**TRIALS["victim"], "hidden": []}


@pytest.fixture(scope="module")
def config(repository):
    return yaml.safe_load((repository / "config.yaml").read_text(encoding="utf-8"))


def test_all_that_is_on_a_task_is_checked_and_listed():
    evaluations = {"two": SIZES, "one": {**SIZES, "train_points": [8, 10]}, "unmeasured": SIZES}
    victims = {"one": TRIALS["victim"], "two": CONVOLUTIONAL["classifier"], "unmeasured": None}
    said = check_task(make_task(shape=IMAGE), evaluations, victims, {"mine": CONVOLUTIONAL, "other": SETTINGS}, {})
    assert said["train_points"] == {"a": 13, "b": 7}
    assert said["shape"] == [2, 8, 8]
    assert said["evaluations"] == ["one", "two", "unmeasured"]
    assert said["victims"] == ["one", "two"]
    assert said["attacks"] == ["mine", "other"]
    assert json.loads(json.dumps(said)) == said
    plane = check_task(make_task(shape=(2,)), {"line": PLANE}, {"line": LINE}, {}, {})
    assert (plane["evaluations"], plane["attacks"]) == (["line"], [])


def test_a_task_that_nothing_is_asked_of_is_fine():
    assert check_task(make_task(), {}, {}, {}, {})["evaluations"] == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"evaluations": {"fine": SIZES, "big": {**SIZES, "train_points": [8, 90]}}}, "^evaluation big: tiny has 18 "),
        ({"evaluations": {"bad": {**SIZES, "poison_fractions": [0.9]}}}, "^evaluation bad: poison fraction 0.9 "),
        ({"evaluations": {"line": {"genuine_per_class": 99}}}, "^evaluation line: .* but 198 are needed"),
        ({"evaluations": {"line": PLANE}}, "^evaluation line: .* in the plane, but tiny has .* shape 2 x 4 x 4"),
        (
            {"evaluations": {"it": SIZES}, "victims": {"it": {**CONVOLUTIONAL["discriminator"]}}},
            "^evaluation it, its victim on tiny: the convolutions in the configuration make 2x4x4",
        ),
        (
            {"evaluations": {"it": SIZES}, "untrained": {"it": {"flips": FLIPS}}},
            "^evaluation it, experiment flips: attack 'label_flipping' has 2 poison points for 8 points of tiny, but 3",
        ),
        ({"attacks": {"mine": CONVOLUTIONAL}}, "^attack mine on tiny: the convolutions in the configuration make"),
        ({"attacks": {"mine": {**SETTINGS, "name": "pgaan"}}}, "^attack mine on tiny: unknown attack .* 'pgan'"),
    ],
)
def test_what_does_not_fit_is_named(changes, said):
    asked = {"evaluations": {}, "victims": {}, "attacks": {}, "untrained": {}, **changes}
    with pytest.raises(OleanderError, match=said):
        check_task(make_task(shape=(2, 4, 4)), **asked)


def test_a_boundary_that_is_no_line_is_refused():
    with pytest.raises(OleanderError, match=r"^evaluation line: boundaries are lines, .* hidden layers"):
        check_task(make_task(shape=(2,)), {"line": PLANE}, {"line": TRIALS["victim"]}, {}, {})


@pytest.mark.parametrize(
    ("shape", "attack", "victim", "said"),
    [
        ((3, 28, 28), "pgan_cifar", "binary_cnn", "attack pgan_cifar on tiny: the convolutions"),
        ((3, 30, 20), "pgan_cifar", "binary_cnn", "its victim on tiny: the convolutions"),
        ((3, 12, 12), "pgan_images", "binary_cnn", "its victim on tiny: the convolutions"),
        ((3, 12, 12), "pgan_images", "binary_mlp", None),
        ((3, 32, 32), "pgan_cifar", "binary_cnn", None),
    ],
)
def test_images_of_another_size_meet_the_papers_networks_before_training(config, shape, attack, victim, said):
    """A user's images with the configuration's own networks."""
    task = make_task(shape=shape)
    asked = {
        "evaluations": {"effectiveness": SIZES},
        "victims": {"effectiveness": copy.deepcopy(config["victims"][victim])},
        "attacks": {attack: copy.deepcopy(config["attacks"][attack])},
        "untrained": {},
    }
    if said is None:
        check_task(task, **asked)
    else:
        with pytest.raises(OleanderError, match=said):
            check_task(task, **asked)


def test_an_experiment_is_checked_for_the_victims_that_figures_show_before_it_is_trained(repository):
    """Images of 12 x 12, for which generators of pgan_images can be trained, but no binary_cnn."""
    mine = {
        "datasets": {
            "mine": {
                "title": "Mine",
                "source": "embedded",
                "name": "photographs",
                "patch_size": 12,
                "patches_per_class": 400,
                "test_fraction": 0.25,
                "seed": 0,
            }
        },
        "tasks": {
            "mine": {
                "dataset": "mine",
                "source_class": "china",
                "target_class": "flower",
                "all_classes": False,
                "victim": "binary_cnn",
            }
        },
        "experiments": {
            "mine": {
                "task": "mine",
                "attack": "pgan_images",
                "epochs": 1,
                "alphas": [0.3],
                "lambda_primes": [0.9],
                "generators": 1,
            }
        },
        "figures": {"pgan_fig4": {"experiments": ["mine"], "alpha": 0.3, "controls": None}},
    }
    plan = Plan.read(str(repository), [mine], {"scale": "demo"})
    tasks = plan.tasks_of("mine")
    assert set(tasks) == {"mine"}
    assert set(tasks["mine"]["victims"]) == {plan.config.figures["pgan_fig4"].evaluation}
    block = plan.dataset_settings("mine")
    raw = SOURCES["embedded"]({key: value for key, value in block.items() if key != "source"}, None, False)
    dataset = Dataset("mine", **vars(raw), source="embedded", stand_in_for=None, sha256="")
    with pytest.raises(OleanderError, match=r"^evaluation effectiveness, its victim on mine: the convolutions"):
        check_tasks(dataset, tasks)
    with_mlp = json.loads(json.dumps(mine))
    with_mlp["tasks"]["mine"]["victim"] = "binary_mlp"
    tasks = Plan.read(str(repository), [with_mlp], {"scale": "demo"}).tasks_of("mine")
    assert check_tasks(dataset, tasks)["mine"]["victims"] == ["effectiveness"]
    # Another experiment is not held up by it.
    assert "mine" not in plan.tasks_of("mnist")
