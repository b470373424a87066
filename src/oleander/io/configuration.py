"""The configuration: config.yaml, one scale's overrides merged over it, checked against the schema.

Imports nothing heavy, so that a dry run is quick.
"""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from oleander.io.declared import choose_one, declared_settings
from oleander.io.errors import OleanderError
from oleander.io.settings import Validator, check_plain, read_yaml

PANELS = ("lambda", "rejection", "sizes")
"""Keys of a figure whose panels differ in kind."""


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the entries of `over` in place of its own; mappings are merged, all else is replaced.

    A mapping that names its `source` replaces the whole one below: another source has other settings.
    """
    if "source" in over:
        return copy.deepcopy(over)
    merged = copy.deepcopy(base)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def differences(base: dict[str, Any], other: dict[str, Any], where: str = "") -> list[str]:
    """Where `other` says something else than `base`, more or less, as dotted keys.

    Titles do not count: they name, and change nothing.
    """
    found = []
    for key in [*base, *(key for key in other if key not in base)]:
        name = f"{where}.{key}" if where else str(key)
        if key == "title":
            continue
        if isinstance(base.get(key), dict) and isinstance(other.get(key), dict):
            found += differences(base[key], other[key], name)
        elif key not in base or key not in other or other[key] != base[key]:
            found.append(name)
    return found


def resolve(config: dict[str, Any], schema: dict[str, Any], last: dict[str, Any] | None = None) -> dict[str, Any]:
    """The configuration at its chosen scale, without the `scales` block.

    Every scale is checked, not only the chosen one.

    Args:
        config: as in config.yaml.
        schema: JSON schema of a resolved configuration, as it stands in workflow/schemas.
        last: what has the last word over the chosen scale's own settings, as the command line has; `scale` and
            `scales` in it do not count.

    Raises:
        OleanderError: an unknown scale, an unknown key, a value of the wrong kind, or a name that is defined nowhere.
    """
    check_plain(config, "configuration")
    if not isinstance(config, dict):
        raise OleanderError("configuration: found no blocks such as scales and datasets; restore config.yaml")
    scales = config.get("scales")
    if not isinstance(scales, dict) or not all(over is None or isinstance(over, dict) for over in scales.values()):
        raise OleanderError(
            "configuration, scales: must give each scale's own settings, as config.yaml does; restore it"
        )
    if not isinstance(config.get("scale"), str) or config["scale"] not in scales:
        raise OleanderError(
            f"unknown scale '{config.get('scale')}'; choose one of {', '.join(scales)} with --config scale=..."
        )
    said = {key: value for key, value in (last or {}).items() if key not in ("scale", "scales")}
    base = merge({key: value for key, value in config.items() if key != "scales"}, said)
    resolved = {name: merge(base, {**(over or {}), "scale": name}) for name, over in scales.items()}
    resolved[config["scale"]] = merge(resolved[config["scale"]], said)
    schema = complete(schema)
    for name, one in resolved.items():
        _check_schema(name, one, schema)
        _evaluate_every_defense(name, one)
        _check_references(name, one)
        _check_autoencoders(name, one)
        _check_gans(name, one)
        for figure, block in one["figures"].items():
            _check_figure(f"configuration at scale {name}, figures.{figure}", block, one)
    return resolved[config["scale"]]


def spoken(value: Any) -> Any:
    """What `--config` says: numbers and switches within it come as text, and mean what they do in config.yaml.

    Quotes of YAML's are gone by then: a text that looks like a number needs others inside, as in classes: ["'0'"].
    """
    if isinstance(value, dict):
        return {key: spoken(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [spoken(inner) for inner in value]
    if not isinstance(value, str):
        return value
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        return value
    return read if isinstance(read, bool | int | float | str) or value in ("null", "~") else value


def complete(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with the settings that attacks, defenses, triggers and targets declare in their own files."""
    schema = copy.deepcopy(schema)
    definitions = schema["$defs"]
    untrained = choose_one(declared_settings("attacks"), {})
    # By name, so that a mistake is told of the attack that is meant.
    definitions["attack"] = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"enum": ["pgan", *untrained["properties"]["name"]["enum"]]}},
        "if": {"properties": {"name": {"const": "pgan"}}},
        "then": definitions["attack"],
        "else": untrained,
    }
    definitions["defense"] = choose_one(declared_settings("defenses"), {"title": {"type": "string", "minLength": 1}})
    definitions["trigger"] = choose_one(declared_settings("backdoors/triggers"), {})
    definitions["target"] = choose_one(declared_settings("backdoors/targets"), {})
    return schema


def load_configuration(path: str | Path, schema_path: str | Path, scale: str | None = None) -> dict[str, Any]:
    """Read and resolve a configuration file; `scale` replaces the one it chooses.

    Raises:
        OleanderError: the file cannot be read, or as for `resolve`.
    """
    config = read_yaml(path)
    if scale is not None and isinstance(config, dict):
        config = {**config, "scale": scale}
    return resolve(config, read_yaml(schema_path))


def _check_schema(scale: str, config: dict[str, Any], schema: dict[str, Any]) -> None:
    error = jsonschema.exceptions.best_match(Validator(schema).iter_errors(config))
    if error is not None:
        where = ".".join(str(part) for part in error.absolute_path) or "the top level"
        raise OleanderError(
            f"configuration at scale {scale}, {where}: {error.message}; see config.yaml for what is known"
        )


def _evaluate_every_defense(scale: str, config: dict[str, Any]) -> None:
    """A defense that no evaluation names gets one of its own name, with the sizes of the evaluation `undefended`."""
    evaluations = config["evaluations"]
    named = {block.get("defense") for block in evaluations.values()}
    for defense in config["defenses"]:
        if defense in named:
            continue
        if defense in evaluations or "undefended" not in evaluations:
            raise OleanderError(
                f"configuration at scale {scale}, defenses.{defense}: no evaluation names it, and none can be made of "
                "the evaluation 'undefended' under its name; add one to evaluations, or give the defense another name"
            )
        evaluations[defense] = {**copy.deepcopy(evaluations["undefended"]), "defense": defense}


def _check_references(scale: str, config: dict[str, Any]) -> None:
    """Every name that one block has for another, and what training an experiment's attack asks for."""
    references = [
        ("tasks", "dataset", "datasets"),
        ("tasks", "victim", "victims"),
        ("experiments", "task", "tasks"),
        ("experiments", "attack", "attacks"),
        ("evaluations", "defense", "defenses"),
        ("evaluations", "task", "tasks"),
        ("autoencoders", "dataset", "datasets"),
        ("autoencoders", "trigger", "triggers"),
        ("figures", "autoencoders", "autoencoders"),
        ("targets", "dataset", "datasets"),
        ("gans", "dataset", "datasets"),
        ("gans", "trigger", "triggers"),
        ("figures", "gan", "gans"),
        ("figures", "gans", "gans"),
        ("figures", "experiment", "experiments"),
        ("figures", "experiments", "experiments"),
        ("figures", "evaluation", "evaluations"),
        ("figures", "evaluations", "evaluations"),
    ]
    for block, key, target in references:
        for name, entry in config[block].items():
            for where, reference in _values(entry, key, f"{block}.{name}"):
                if reference not in config[target]:
                    raise OleanderError(
                        f"configuration at scale {scale}, {where}: '{reference}' is not one of "
                        f"{target}: {', '.join(config[target])}; choose one of these or add it there"
                    )
    for name, experiment in config["experiments"].items():
        trained = "generator" in config["attacks"][experiment["attack"]]
        if trained != ("epochs" in experiment):
            raise OleanderError(
                f"configuration at scale {scale}, experiments.{name}: epochs, alphas and lambda_primes are "
                f"{'needed, as' if trained else 'not known, as nothing in'} attack '{experiment['attack']}' is "
                f"trained; {'add' if trained else 'remove'} them"
            )


def _check_autoencoders(scale: str, config: dict[str, Any]) -> None:
    """Their backdoored models: names, and targets that say what to decode from an image."""
    for name, block in config["autoencoders"].items():
        for model, target in block["targets"].items():
            where = f"configuration at scale {scale}, autoencoders.{name}.targets.{model}"
            if model == "clean":
                raise OleanderError(f"{where}: 'clean' is the model without a backdoor; give this one another name")
            if target not in config["targets"]:
                raise OleanderError(
                    f"{where}: '{target}' is not one of targets: {', '.join(config['targets'])}; choose one of these "
                    "or add it there"
                )
            if config["targets"][target]["name"] == "distribution":
                raise OleanderError(
                    f"{where}: '{target}' is a distribution of images, which only a GAN can have for its target; "
                    "choose a fixed image or the inverse"
                )


def _check_gans(scale: str, config: dict[str, Any]) -> None:
    """Their backdoored models: names, targets that have images to draw from, and triggers for latent vectors."""
    for name, block in config["gans"].items():
        where = f"configuration at scale {scale}, gans.{name}"
        if config["triggers"][block["trigger"]]["name"] != "latent":
            raise OleanderError(
                f"{where}.trigger: '{block['trigger']}' is no trigger for a latent vector; choose a latent one"
            )
        for model, target in block["targets"].items():
            if model == "clean":
                raise OleanderError(
                    f"{where}.targets.clean: 'clean' is the GAN without a backdoor; give this one another name"
                )
            if target not in config["targets"]:
                raise OleanderError(
                    f"{where}.targets.{model}: '{target}' is not one of targets: {', '.join(config['targets'])}; "
                    "choose one of these or add it there"
                )
            if config["targets"][target]["name"] not in ("distribution", "fixed_image"):
                raise OleanderError(
                    f"{where}.targets.{model}: '{target}' has no images of its own, which a GAN needs for its target; "
                    "choose a distribution or a fixed image"
                )
    for name, figure in config["figures"].items():
        if "target" in figure and figure["target"] not in config["gans"].get(figure.get("gan"), {}).get("targets", {}):
            raise OleanderError(
                f"configuration at scale {scale}, figures.{name}.target: '{figure['target']}' is not among "
                f"gans.{figure.get('gan')}.targets; add it there"
            )


def _check_figure(where: str, figure: dict[str, Any], config: dict[str, Any]) -> None:
    """A figure shows what its experiments and evaluations make: alphas, poison fractions, and the same two classes."""
    for panel in [figure, *figure.get("panels", []), *(figure[key] for key in PANELS if key in figure)]:
        experiments = [name for key in ("experiment", "experiments") for name in _flat(panel.get(key, []))]
        evaluations = [name for key in ("evaluation", "evaluations") for name in _flat(panel.get(key, []))]
        for name in experiments:
            alphas = config["experiments"][name].get("alphas")
            if "alpha" in figure and alphas is not None and figure["alpha"] not in alphas:
                raise OleanderError(
                    f"{where}: alpha {figure['alpha']:g} is not among experiments.{name}.alphas; add it there"
                )
            for evaluation in evaluations:
                _check_evaluation(where, panel, name, evaluation, config)


def _check_evaluation(
    where: str, panel: dict[str, Any], experiment: str, evaluation: str, config: dict[str, Any]
) -> None:
    """One evaluation of one experiment in a panel."""
    block = config["evaluations"][evaluation]
    fraction = panel.get("poison_fraction")
    for kind, name in (("evaluations", evaluation), ("experiments", experiment)):
        if fraction is not None and fraction not in config[kind][name].get("poison_fractions", [fraction]):
            raise OleanderError(
                f"{where}: poison_fraction {fraction:g} is not among {kind}.{name}.poison_fractions; add it there"
            )
    attacked = config["tasks"][config["experiments"][experiment]["task"]]
    tested = config["tasks"][block.get("task", config["experiments"][experiment]["task"])]
    if any(attacked[key] != tested[key] for key in ("dataset", "source_class", "target_class")):
        raise OleanderError(
            f"{where}: evaluation {evaluation} tests task {block['task']}, whose dataset or classes are not those that "
            f"experiment {experiment} attacks; give the evaluation another task or the figure another experiment"
        )


def _values(entry: Any, key: str, where: str) -> Iterator[tuple[str, str]]:
    """Every name that stands under `key` at any depth of `entry`, lists of lists included, and where it stands."""
    if isinstance(entry, dict):
        for inner, value in entry.items():
            if inner == key:
                yield from ((f"{where}.{key}", name) for name in _flat(value))
            else:
                yield from _values(value, key, f"{where}.{inner}")
    elif isinstance(entry, list):
        for value in entry:
            yield from _values(value, key, where)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _flat(one)
    elif not isinstance(value, dict):
        yield value
