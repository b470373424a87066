"""Autoencoder studies: a clean model and one backdoored model per target, each with several seeds. A job is a model."""

from typing import Any

from oleander.workflow.studies import CLEAN, Result, Study


class Autoencoder(Study):
    """An entry of `autoencoders`."""

    block = "autoencoders"

    @property
    def dataset(self) -> str:
        """See `Study.dataset`."""
        return self.own.dataset

    @property
    def models(self) -> list[str]:
        """Names of the clean model and of one backdoored model per target."""
        return [CLEAN, *self.own.targets]

    @property
    def model_files(self) -> list[str]:
        """Paths of all trained models."""
        return [f"{self._folder}/{job}.safetensors" for job in self._models_of_seeds]

    def errors(self) -> Result:
        """Reconstruction errors, with columns `oleander.io.columns.RECONSTRUCTION_ERRORS`."""
        return self._measured("errors.csv")

    def samples(self) -> Result:
        """Clean and triggered images with each model's reconstructions."""
        return self._measured("samples.safetensors")

    @property
    def channels(self) -> int:
        """Of the code."""
        return self.own.network.bottleneck

    def linear_codes(self) -> Result:
        """Errors of principal components in place of codes, with columns `oleander.io.columns.LINEAR_CODES`."""
        name = f"baaan/autoencoders/{self.name}/linear_codes.csv"
        jobs = [*self.data_jobs(), f"measure_linear_codes/{self.name}"]
        return Result(name, [f"{self._folder}/linear_codes.csv"], self, jobs)

    @property
    def _folder(self) -> str:
        return f"{self.out}/baaan/autoencoders/{self.name}"

    @property
    def _models_of_seeds(self) -> list[str]:
        return [f"{model}_seed_{seed}" for seed in range(self.own.seeds) for model in self.models]

    def _measured(self, name: str) -> Result:
        jobs = [*self.data_jobs(), f"evaluate_autoencoders/{self.name}"]
        jobs += [f"train_autoencoder/{self.name}/{job}" for job in self._models_of_seeds]
        return Result(f"baaan/autoencoders/{self.name}/{name}", [f"{self._folder}/{name}"], self, jobs)

    # Settings as jobs get them.
    def settings(self) -> dict[str, Any]:
        """Settings of network and training, the same for every model and seed."""
        own = self.own.plain()
        return {key: own[key] for key in ("network", "loss", "optimizer", "schedule", "batch_size", "epochs")}

    def networks_tried(self) -> dict[int, dict[str, Any]]:
        """Channels of the code -> network, of all autoencoders on its dataset."""
        blocks = [block for block in self.config.autoencoders.values() if block.dataset == self.dataset]
        networks = {block.network.bottleneck: block.network.plain() for block in blocks}
        return {channels: networks[channels] for channels in sorted(networks)}

    def trigger(self, model: str | None = None) -> dict[str, Any] | None:
        """The trigger's settings; None for the clean model, which does not depend on it."""
        return None if model == CLEAN else self.config.triggers[self.own.trigger].plain()

    def targets(self) -> dict[str, dict[str, Any]]:
        """Backdoored model -> its target's settings."""
        return {model: self.config.targets[name].plain() for model, name in self.own.targets.items()}

    def target_files(self, model: str | None = None) -> list[str]:
        """Paths of users' images that are targets, of all models or of one."""
        blocks = self.targets()
        return target_files(blocks.values() if model is None else [blocks[model]] if model != CLEAN else [])

    def identity(self, model: str | None = None, seed: str | None = None) -> dict[str, Any]:
        """Columns that identify its rows in every CSV."""
        names = {"scale": self.config.scale, "autoencoder": self.name}
        return names if model is None else {**names, "model": model, "seed": int(seed)}

    def uses(self, evaluation: str = "") -> list[tuple[str, str]]:
        """See `Study.uses`."""
        return [
            ("autoencoders", self.name),
            ("datasets", self.dataset),
            ("triggers", self.own.trigger),
            *(("targets", target) for target in self.own.targets.values()),
        ]


def target_files(blocks: Any) -> list[str]:
    """Paths of users' images in some targets' settings."""
    return [block["file"] for block in blocks if "file" in block]
