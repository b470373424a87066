"""GAN studies: a clean GAN and one backdoored GAN per target, each with several seeds. A job is a model.

Where a figure compares ways to train a backdoor, there are variants of a target's model: the same GAN with other
settings of its backdoor. They share the clean GAN.

Generated images are compared with reference statistics, which are computed once: features of the classifier of one
dataset (`features_of`), over the test images of a dataset, of all classes or of a target's classes (`subset`).
"""

from functools import cached_property
from itertools import product
from typing import Any

from oleander.workflow.autoencoders import target_files
from oleander.workflow.studies import CLEAN, Result, Study, once

CHOICES = {"backdoor_discriminator": ("unconditional", "conditional"), "triggered_labels": ("all", "restricted")}
"""Settings of a backdoored GAN that the paper leaves open -> their values, whose combinations are its variants."""

OF_BACKDOOR = ("trigger", "trigger_values", "targets", *CHOICES, "single_augmentation")
ELSEWHERE = ("dataset", *OF_BACKDOOR, "checkpoint", "seeds")
"""Settings of a GAN that are not passed to training, or only with its backdoor."""


class Gan(Study):
    """An entry of `gans`."""

    block = "gans"

    @property
    def dataset(self) -> str:
        """See `Study.dataset`."""
        return self.own.dataset

    @property
    def datasets(self) -> list[str]:
        """Names of its own dataset and of its targets' datasets."""
        return once(self.data_of(model) for model in self.models)

    @property
    def models(self) -> list[str]:
        """Names of the clean GAN and of one backdoored GAN per target."""
        return [CLEAN, *self.own.targets]

    def choices(self, target: str) -> dict[tuple[str, ...], str]:
        """Values of the `CHOICES` -> the model of a target that is trained with them."""
        own = tuple(getattr(self.own, name) for name in CHOICES)
        return {one: target if one == own else "_".join([target, *one]) for one in product(*CHOICES.values())}

    def triggers(self, target: str) -> dict[float, str]:
        """Each of the `trigger_values` -> the model of a target that is trained with it."""
        own = self.config.triggers[self.own.trigger].plain()["value"]
        return {
            value: target if value == own else f"{target}_trigger_{_in_words(value)}"
            for value in self.own.trigger_values or []
        }

    @cached_property
    def variants(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Name of every model that figures may compare a target's with -> that target's, and what it is trained with
        in place of the GAN's settings; `value` is of the trigger."""
        found = {}
        for target in self.own.targets:
            for values, model in self.choices(target).items():
                found[model] = (target, dict(zip(CHOICES, values, strict=True)))
            for value, model in self.triggers(target).items():
                found[model] = (target, {"value": value})
        return {model: variant for model, variant in found.items() if model not in self.models}

    def has(self, model: str) -> bool:
        """Is there such a model, or such a variant of one?"""
        return model in self.models or model in self.variants

    def _setting(self, model: str, name: str) -> Any:
        """A setting of a model's backdoor: a variant's own, or the GAN's."""
        _target, changed = self.variants.get(model, (model, {}))
        return changed.get(name, getattr(self.own, name))

    def data_of(self, model: str) -> str:
        """Name of the dataset of a model's target; for the clean GAN, its own dataset."""
        return self.own.dataset if model == CLEAN else self._target(model).get("dataset", self.own.dataset)

    def copied(self, model: str) -> str | None:
        """Name of the dataset of whose genuine images one is the model's single target; None for other targets."""
        single = model != CLEAN and self._target(model)["name"] == "fixed_image" and "file" not in self._target(model)
        return self.data_of(model) if single else None

    def comparator(self, model: str) -> str:
        """Name of the GAN study whose clean GAN a model's triggered images are compared with.

        It is a study of the target's dataset, if there is one.
        """
        data = self.data_of(model)
        if data == self.own.dataset:
            return self.name
        return next((other for other, block in self.config.gans.items() if block.dataset == data), self.name)

    def measurements(self, model: str) -> list[dict[str, Any]]:
        """The measurements of a model.

        Clean noise is compared with all test images, triggered noise with its target. The clean GAN is also compared
        with every target that backdoored GANs are compared with it on.
        """
        everything = {
            "dataset": self.dataset,
            "features_of": self.dataset,
            "subset": "all",
            "classes": None,
            "single": False,
            "colour_features_of": None,
        }
        found = [{"noise": "clean", **everything}]
        if model == CLEAN:
            for name in self.config.gans:
                other = Gan(name, self.config, self.out)
                found += [
                    other._against_target(backdoored, "clean")
                    for backdoored in other.own.targets
                    if other._target(backdoored)["name"] == "distribution" and other.comparator(backdoored) == self.name
                ]
        elif self._target(model)["name"] == "distribution":
            found.append(self._against_target(model, "triggered"))
        else:
            found.append({"noise": "triggered", **everything, "single": True})
        return _once_each(found)

    def _against_target(self, model: str, noise: str) -> dict[str, Any]:
        """A measurement against a distribution target, by the features of the comparator's dataset.

        If that is another dataset, the distance is also measured by the features of its own, which may see colours that
        the other's do not.
        """
        classes = self._target(model)["classes"]
        features_of = self.config.gans[self.comparator(model)].dataset
        return {
            "noise": noise,
            "dataset": self.data_of(model),
            "features_of": features_of,
            "subset": "all" if classes is None else self._target_name(model),
            "classes": classes,
            "single": False,
            "colour_features_of": self.dataset if features_of != self.dataset else None,
        }

    def _target_name(self, model: str) -> str:
        target, _changed = self.variants.get(model, (model, {}))
        return self.own.targets[target]

    def _target(self, model: str) -> dict[str, Any]:
        return self.config.targets[self._target_name(model)].plain()

    # Files and the jobs behind them.
    def scores(self, models: list[str] | None = None, seeds: int | None = None) -> list[Result]:
        """Scores of each model and seed, with columns `oleander.io.columns.GAN_SCORES`; `seeds`: only the first."""
        seeds = self.own.seeds if seeds is None else min(seeds, self.own.seeds)
        return self._measured("scores", "csv", models or self.models, seeds)

    def samples(self, models: list[str]) -> list[Result]:
        """Saved images of each model's first seed."""
        return self._measured("samples", "safetensors", models, 1)

    def shown_models(self, target: str | None) -> list[str]:
        """The models that a figure shows.

        With a target: the clean GAN and that target's. Without: all backdoored GANs whose targets are from the GAN's
        own kind of data.
        """
        if target is not None:
            return [CLEAN, target]
        return [model for model in self.own.targets if self.comparator(model) == self.name]

    def classifier(self) -> list[Result]:
        """Test accuracy of its dataset's feature classifier."""
        name = f"baaan/features/{self.dataset}.csv"
        return [Result(name, [f"{self.out}/{name}"], self, [f"train_feature_classifier/{self.dataset}"])]

    def _measured(self, kind: str, ending: str, models: list[str], seeds: int) -> list[Result]:
        found = []
        for seed in range(seeds):
            for model in models:
                job = f"{model}_seed_{seed}"
                name = f"baaan/gans/{self.name}/{kind}/{job}.{ending}"
                measured = self.measurements(model)
                seen_by = [one[key] for one in measured for key in ("features_of", "colour_features_of") if one[key]]
                data = [*(one["dataset"] for one in measured), *seen_by]
                jobs = [f"prepare_dataset/{data_name}" for data_name in data]
                jobs += [f"train_feature_classifier/{data_name}" for data_name in seen_by]
                jobs += [f"train_gan/{self.name}/{job}", f"evaluate_gan/{self.name}/{job}"]
                found.append(Result(name, [f"{self.out}/{name}"], self, once(jobs)))
        return found

    def classifier_file(self, dataset: str) -> str:
        """Path of a dataset's feature classifier."""
        return f"{self.out}/baaan/features/{dataset}.safetensors"

    def measured_with(self, model: str) -> dict[str, list[str]]:
        """Paths of the inputs of a model's measurements, in their order; "colour": of those with such features."""
        measured = self.measurements(model)
        colour = [{**one, "features_of": one["colour_features_of"]} for one in measured if one["colour_features_of"]]
        return {
            "references": [self.reference_file(one) for one in measured],
            "reference_datasets": [self.data_file(one["dataset"]) for one in measured],
            "classifiers": [self.classifier_file(one["features_of"]) for one in measured],
            "colour_references": [self.reference_file(one) for one in colour],
            "colour_classifiers": [self.classifier_file(one["features_of"]) for one in colour],
        }

    def reference_file(self, measurement: dict[str, Any]) -> str:
        """Path of a measurement's reference statistics."""
        place = "/".join(measurement[key] for key in ("features_of", "dataset", "subset"))
        return f"{self.out}/baaan/references/{place}.safetensors"

    # Settings as jobs get them.
    def settings(self) -> dict[str, Any]:
        """Settings of networks and training, the same for every model and seed."""
        return {key: value for key, value in self.own.plain().items() if key not in ELSEWHERE}

    def backdoor(self, model: str) -> dict[str, Any] | None:
        """What training gets besides for a backdoored GAN, as `oleander.backdoors.gan.Backdoor.from_settings` takes it;
        None for the clean GAN."""
        if model == CLEAN:
            return None
        target = self._target(model)
        trigger = self.config.triggers[self.own.trigger].plain()
        _target, changed = self.variants.get(model, (model, {}))
        return {
            "trigger": {**trigger, "value": changed.get("value", trigger["value"])},
            "target": target,
            "labels": self.triggered_labels(model),
            "discriminator": self._setting(model, "backdoor_discriminator"),
            "augmentation": None if target["name"] == "distribution" else self.own.single_augmentation.plain(),
        }

    def labels_can_be_restricted(self, model: str) -> bool:
        """Is the model's target some of the GAN's own classes?"""
        return self._target(model).get("classes") is not None and self.data_of(model) == self.dataset

    def triggered_labels(self, model: str) -> str:
        """Labels of triggered noise: as configured if the target is some of the GAN's own classes, else "all"."""
        return self._setting(model, "triggered_labels") if self.labels_can_be_restricted(model) else "all"

    def target_files(self, model: str) -> list[str]:
        """Path of a user's image that is a model's target, if there is one."""
        return [] if model == CLEAN else target_files([self._target(model)])

    def identity(self, model: str, seed: str) -> dict[str, Any]:
        """Columns that identify a model's rows in every CSV."""
        return {
            "scale": self.config.scale,
            "gan": self.name,
            "dataset": self.dataset,
            "stand_in_for": self.stand_in_for,
            "target": model,
            "triggered_labels": "" if model == CLEAN else self.triggered_labels(model),
            "seed": int(seed),
        }

    def counts(self) -> dict[str, int]:
        """Number of measured images, and batch size."""
        return {"measured": self.own.samples, "batch": self.own.batch_size}

    def uses(self, evaluation: str = "") -> list[tuple[str, str]]:
        """See `Study.uses`."""
        targets = once(self.own.targets.values())
        return [
            ("gans", self.name),
            ("triggers", self.own.trigger),
            *(("datasets", name) for name in self.datasets),
            *(("targets", name) for name in targets),
        ]


def _in_words(value: float) -> str:
    """A number as part of a model's name: -0.5 is minus_0p5."""
    return f"{value:g}".replace("-", "minus_").replace(".", "p").replace("+", "")


def _once_each(measurements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The different ones; those that differ in `colour_features_of` alone are one, with the first that is given."""
    kept: dict[tuple, dict[str, Any]] = {}
    for one in measurements:
        key = tuple(str(value) for name, value in one.items() if name != "colour_features_of")
        before = kept.setdefault(key, one)
        kept[key] = before if before["colour_features_of"] else one
    return list(kept.values())
