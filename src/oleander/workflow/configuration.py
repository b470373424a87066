"""The configuration: its layers merged, and every setting held against what is allowed.

Imports nothing heavy: the workflow is parsed once for each of its jobs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from oleander.io.errors import OleanderError
from oleander.workflow.declared import grid_of, grids, is_trained
from oleander.workflow.gans import Gan
from oleander.workflow.layers import differences, layered, merge
from oleander.workflow.mistakes import MistakeError, nearest, of_pydantic, show, worst_of_pydantic
from oleander.workflow.settings import Configuration

__all__ = [
    "Configuration",
    "Untracked",
    "differences",
    "grid_of",
    "is_trained",
    "load_configuration",
    "merge",
    "read_configuration",
]

NAMED = ("dataset", "victim", "task", "attack", "defense", "trigger", "experiment", "evaluation", "gan", "autoencoder")
"""What names a block, or in the plural a list of blocks, of configuration.<its plural>."""


@dataclass(frozen=True)
class Untracked:
    """A rule's param that changes nothing in its outputs. Snakemake compares plain values alone, so that another value
    of it is no reason to run the job again."""

    value: Any


def load_configuration(root: str | Path, scale: str | None = None) -> Configuration:
    """The configuration of a checkout as its files have it; `scale` replaces the one that config.yaml chooses.

    Raises:
        OleanderError: as for `read_configuration`.
    """
    return read_configuration(root, [], {} if scale is None else {"scale": scale})


def read_configuration(
    root: str | Path, configfiles: Sequence[dict[str, Any]], command_line: dict[str, Any], complete: bool = False
) -> Configuration:
    """The configuration at its chosen scale.

    Args:
        root: the checkout, where config.yaml lies; what lies over what: `oleander.workflow.layers.layered`.
        configfiles: what each --configfile says, the last word last; `scales` in one defines or changes scales.
        command_line: what --config says; numbers and switches may be texts.
        complete: as if no data were absent.

    Raises:
        OleanderError: a file cannot be read, an unknown scale, an unknown key, a value that is not allowed, or a name
            that is defined nowhere; names the place.
    """
    settings = layered(Path(root), configfiles, command_line, complete)
    try:
        try:
            config = Configuration.model_validate(settings)
        except ValidationError as error:
            raise worst_of_pydantic(error, settings) from None
        config = _evaluate_every_defense(config)
        _check_references(config)
        _check_experiments(config)
        _check_backdoors(config)
        for name, figure in config.plain()["figures"].items():
            _check_figure(name, figure, config)
    except MistakeError as mistake:
        where = ".".join(map(str, mistake.place)) or "the top level"
        raise OleanderError(f"configuration at scale {settings['scale']}, {where}: {mistake}") from None
    return config


def _evaluate_every_defense(config: Configuration) -> Configuration:
    """A defense that no evaluation names gets one of its own name, with the sizes of the evaluation `undefended`."""
    evaluations = dict(config.evaluations)
    named = {getattr(block, "defense", None) for block in evaluations.values()}
    for defense in config.defenses:
        if defense not in named:
            if defense in evaluations or not hasattr(evaluations.get("undefended"), "defense"):
                raise MistakeError(
                    "no evaluation names it, and none can be made of the evaluation 'undefended' under its name; add "
                    "one to evaluations, or give the defense another name",
                    ["defenses", defense],
                )
            evaluations[defense] = evaluations["undefended"].model_copy(update={"defense": defense})
    return config.model_copy(update={"evaluations": evaluations})


def _check_references(config: Configuration) -> None:
    """Every name that one block has for another."""
    targets = {key: f"{one}s" for one in NAMED for key in (one, f"{one}s")}
    settings = config.plain()
    for kind in ("tasks", "experiments", "evaluations", "targets", "autoencoders", "gans", "figures"):
        for name, block in settings[kind].items():
            for one in _mappings(block) if kind == "figures" else [block]:
                for key in [key for key in one if key in targets]:
                    for reference in _flat(one[key]):
                        _refer(reference, targets[key], settings[targets[key]], (kind, name, key))


def _refer(name: Any, kind: str, known: dict[str, Any], place: tuple[str, ...]) -> None:
    if not isinstance(name, str) or name not in known:
        choice = f"choose one of {', '.join(known)}, or add it there"
        raise MistakeError(f"{show(name)} is not one of {kind}{nearest(name, known)} {choice}", place)


def _mappings(value: Any) -> Iterator[dict[str, Any]]:
    """`value`, where it is a mapping, and every mapping within it."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _mappings(inner)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _flat(one)
    elif not isinstance(value, dict):
        yield value


def _check_experiments(config: Configuration) -> None:
    """An experiment says exactly what training its attack asks for, and changes settings that its attack has."""
    every = dict.fromkeys(["epochs", *(name for grid in grids().values() for name in grid)])
    for name, block in config.experiments.items():
        attack = config.attacks[block.attack].name
        wanted = ["epochs", *grid_of(attack)] if is_trained(attack) else []
        given = [key for key in every if getattr(block, key, None) is not None]
        lacking, more = [key for key in wanted if key not in given], [key for key in given if key not in wanted]
        if not wanted and block.checkpoint_iterations is not None:
            more.append("checkpoint_iterations")
        if lacking:
            why = f"needed, as attack '{block.attack}' is trained; add"
        else:
            why = f"not known, as attack '{block.attack}' {'has no such list' if wanted else 'trains nothing'}; remove"
        if lacking or more:
            told = f"{', '.join(lacking or more)} {why} {'it' if len(lacking or more) == 1 else 'them'}"
            raise MistakeError(told, ["experiments", name])
        place = ("experiments", name, "settings")
        if "name" in (block.settings or {}):
            raise MistakeError(
                "another attack is named by the key 'attack' of the experiment; remove it", (*place, "name")
            )
        try:
            block.attack_block(config.attacks)
        except ValidationError as error:
            mistake = of_pydantic(error.errors(include_url=False)[0], block.settings)
            raise MistakeError(str(mistake), (*place, *mistake.place)) from None


def _check_backdoors(config: Configuration) -> None:
    """Backdoored models: their names, targets that they can have, and triggers for latent vectors."""
    wrong = {
        "autoencoders": "is a distribution of images, which only a GAN can have; choose a fixed image or the inverse",
        "gans": "has no images of its own, which a GAN needs for its target; choose a distribution or a fixed image",
    }
    unfit = {"autoencoders": "distribution", "gans": "inverse"}
    for kind, blocks in (("autoencoders", config.autoencoders), ("gans", config.gans)):
        for name, block in blocks.items():
            for model, target in block.targets.items():
                place = (kind, name, "targets", model)
                if model == "clean":
                    raise MistakeError("'clean' is the model without a backdoor; give this one another name", place)
                _refer(target, "targets", config.targets, place)
                if config.targets[target].name == unfit[kind]:
                    raise MistakeError(f"'{target}' {wrong[kind]}", place)
            if kind == "gans" and config.triggers[block.trigger].name != "latent":
                told = f"'{block.trigger}' is no trigger for a latent vector; choose a latent one"
                raise MistakeError(told, (kind, name, "trigger"))
    for name in config.gans:
        _check_choices(Gan(name, config, ""))


def _check_choices(gan: Gan) -> None:
    """Restricted labels are restricted for some target, and no two models of a GAN share a name."""
    own, place = gan.own, ("gans", gan.name)
    if own.triggered_labels == "restricted" and not any(map(gan.labels_can_be_restricted, own.targets)):
        told = "'restricted' restricts nothing, as no target is some of the GAN's own classes; set it to all"
        raise MistakeError(told, (*place, "triggered_labels"))
    for target in own.targets:
        variants = [*gan.choices(target).values(), *gan.triggers(target).values()]
        names = [model for model in variants if model != target]
        for model in names:
            if names.count(model) > 1 or model in own.targets:
                told = f"two models would be called '{model}'; give a target another name, or leave a value out"
                raise MistakeError(told, place)


def _check_figure(name: str, figure: dict[str, Any], config: Configuration) -> None:
    """A figure shows what its experiments and evaluations make: alphas, poison fractions, and the same two classes."""
    place, alpha, gan = ("figures", name), figure.get("alpha"), figure.get("gan")
    if gan is not None and "target" in figure:
        _refer(figure["target"], f"gans.{gan}.targets", config.gans[gan].targets, (*place, "target"))
    if figure["kind"] in ("gan_choices", "gan_triggers"):
        _check_variants(place, figure, config)
    for one, control in (figure.get("controls") or {}).items():
        _check_control((*place, "controls", one), one, control, figure["experiments"], config)
    if figure["kind"] == "ranking":
        for one, control in figure["experiments"]:
            _check_control((*place, "experiments"), one, control, [one], config)
    for panel in _mappings(figure):
        for one in (one for key in ("experiment", "experiments") for one in _flat(panel.get(key, []))):
            alphas = config.experiments[one].alphas
            if alpha is not None and alphas is not None and alpha not in alphas:
                raise MistakeError(f"alpha {show(alpha)} is not among experiments.{one}.alphas; add it there", place)
            for other in (other for key in ("evaluation", "evaluations") for other in _flat(panel.get(key, []))):
                _check_shown(place, panel.get("poison_fraction"), one, other, config)
    if figure["kind"] == "progress":
        _check_progress(place, figure, config)


def _check_variants(place: Any, figure: dict[str, Any], config: Configuration) -> None:
    """A figure of variants shows GANs that have the target, and what varies."""
    target = figure["target"]
    for name in figure.get("gans") or [figure["gan"]]:
        gan = Gan(name, config, "")
        _refer(target, f"gans.{name}.targets", gan.own.targets, (*place, "target"))
        if figure["kind"] == "gan_triggers" and gan.own.trigger_values is None:
            raise MistakeError(f"gans.{name} has no trigger_values to compare; give it some", place)
        if figure["kind"] == "gan_choices" and not gan.labels_can_be_restricted(target):
            told = (
                f"labels of gans.{name} cannot be restricted to its target {target}, which is none of its own classes"
            )
            raise MistakeError(f"{told}; choose another target", (*place, "target"))
    for name in figure.get("seeds") or {}:
        if name not in figure["gans"]:
            told = f"not among the figure's gans, which are {', '.join(figure['gans'])}; name one of them"
            raise MistakeError(told, (*place, "seeds", name))


def _check_progress(place: Any, figure: dict[str, Any], config: Configuration) -> None:
    """A figure of training shows experiments that keep generators, and an evaluation by a defense that fits nothing."""
    for name in figure["experiments"]:
        if config.experiments[name].checkpoint_iterations is None:
            told = f"experiments.{name} keeps no generators during training; set its checkpoint_iterations"
            raise MistakeError(told, place)
    tests = config.evaluations[figure["evaluation"]]
    if getattr(tests, "train_points", None) is None:
        told = f"evaluation {figure['evaluation']} has no trials; choose one with train_points and a defense"
        raise MistakeError(told, place)
    if len(tests.train_points) > 1:
        told = f"evaluation {figure['evaluation']} has several train_points; choose one with a single size"
        raise MistakeError(told, place)


def _check_control(place: Any, experiment: str, control: str, shown: list[str], config: Configuration) -> None:
    """A figure's control trains nothing, and attacks the same task as the experiment beside it."""
    if experiment not in shown:
        raise MistakeError(
            f"not among the figure's experiments, which are {', '.join(shown)}; name one of them, or set controls to "
            "null",
            place,
        )
    _refer(control, "experiments", config.experiments, place)
    own, other = config.experiments[experiment], config.experiments[control]
    if is_trained(config.attacks[other.attack].name):
        told = f"'{control}' trains generators, but a control does not; choose an experiment such as one of duplication"
        raise MistakeError(told, place)
    if own.task != other.task:
        told = f"'{control}' attacks task {other.task} and {experiment} task {own.task}; choose one on the same task"
        raise MistakeError(told, place)


def _check_shown(place: Any, fraction: Any, experiment: str, evaluation: str, config: Configuration) -> None:
    """One evaluation of one experiment in a figure."""
    tried, tests = config.experiments[experiment], config.evaluations[evaluation]
    for where, block in ((f"evaluations.{evaluation}", tests), (f"experiments.{experiment}", tried)):
        fractions = getattr(block, "poison_fractions", None)
        if fraction is not None and fractions is not None and fraction not in fractions:
            told = f"poison_fraction {show(fraction)} is not among {where}.poison_fractions; add it there"
            raise MistakeError(told, place)
    attacked, tested = config.tasks[tried.task], config.tasks[getattr(tests, "task", None) or tried.task]
    if any(getattr(attacked, key) != getattr(tested, key) for key in ("dataset", "source_class", "target_class")):
        raise MistakeError(
            f"evaluation {evaluation} tests task {tests.task}, whose dataset or classes are not those that experiment "
            f"{experiment} attacks; give the evaluation another task or the figure another experiment",
            place,
        )
