"""pGAN as a poisoning attack of the Adversarial Robustness Toolbox (the extra `oleander[art]`).

It keeps ART's conventions: a black-box attack with `poison(x, y)`, its settings in `attack_params`, values within
`clip_values`, labels as integers or one-hot. `pp_poison` is ART's name for the poison fraction.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from oleander.api import Poisoner, train_poisoner
from oleander.io.errors import OleanderError

try:
    from art.attacks.attack import PoisoningAttackBlackBox
except ImportError as error:
    raise OleanderError(
        f"oleander.adapters.art needs the Adversarial Robustness Toolbox ({error}); install oleander[art]"
    ) from error


class PoisoningAttackPGAN(PoisoningAttackBlackBox):  # type: ignore[misc]
    """Poisoning with generative adversarial nets (Muñoz-González et al. 2019).

    | Paper link: https://arxiv.org/abs/1906.07773

    Attributes:
        is_poison: bool [n], True where the training set that `poison` returned last holds poison; None before.
        poisoner: the generator that made it; None before.
    """

    attack_params = [  # noqa: RUF012
        *PoisoningAttackBlackBox.attack_params,
        "source",
        "target",
        "pp_poison",
        "alpha",
        "lambda_prime",
        "epochs",
        "preset",
        "settings",
        "clip_values",
        "seed",
    ]
    _estimator_requirements = ()

    def __init__(
        self,
        source: int,
        target: int,
        pp_poison: float,
        alpha: float,
        lambda_prime: float,
        epochs: int,
        preset: str = "pgan_images",
        settings: Mapping[str, Any] | None = None,
        clip_values: tuple[float, float] | None = (0.0, 1.0),
        seed: int = 0,
    ) -> None:
        """Describe the attack; `poison` trains it.

        Args:
            source: label of the class that the classifier is to misclassify.
            target: label of the class that it is to take it for.
            pp_poison: share of the training set that becomes poison, in [0, 1].
            alpha, lambda_prime, epochs, preset, settings: as for `oleander.train_poisoner`.
            clip_values: lowest and highest value of a feature, as of ART's estimators; None for unbounded points.
            seed: the same seed makes the same poison.

        Raises:
            OleanderError: `pp_poison` is no share.
        """
        super().__init__()
        self.source, self.target, self.pp_poison = source, target, pp_poison
        self.alpha, self.lambda_prime, self.epochs = alpha, lambda_prime, epochs
        self.preset, self.settings, self.clip_values, self.seed = preset, settings, clip_values, seed
        self.is_poison: npt.NDArray[np.bool_] | None = None
        self.poisoner: Poisoner[npt.NDArray[Any]] | None = None
        self._check_params()

    def poison(
        self, x: npt.NDArray[Any], y: npt.NDArray[Any] | None = None, **_kwargs: Any
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Train a poisoner on a training set, and put its poison into a copy of the set.

        Args:
            x: float [n, *shape] within `clip_values`, the whole training set.
            y: its labels, integers [n] or one-hot [n, classes].

        Returns:
            The set in its order, points of the target class replaced by poison, and its labels in the form of `y`.

        Raises:
            OleanderError: as `oleander.train_poisoner` and `Poisoner.poison`.
        """
        labels = _classes(y)
        self.poisoner = train_poisoner(
            x,
            labels,
            source=self.source,
            target=self.target,
            epochs=self.epochs,
            alpha=self.alpha,
            lambda_prime=self.lambda_prime,
            preset=self.preset,
            settings=self.settings,
            value_range=self.clip_values,
            seed=self.seed,
        )
        poisoned, self.is_poison = self.poisoner.poison(x, labels, fraction=self.pp_poison, seed=self.seed)
        return poisoned, np.array(y)

    def _check_params(self) -> None:
        if not isinstance(self.pp_poison, int | float) or not 0 <= self.pp_poison <= 1:
            raise OleanderError(f"pp_poison is {self.pp_poison!r}; give the share of the training set, in [0, 1]")


def _classes(y: npt.NDArray[Any] | None) -> npt.NDArray[Any]:
    """Integer labels [n] of integer or one-hot labels.

    Raises:
        OleanderError: there are none, or they have another form.
    """
    if y is None:
        raise OleanderError("pGAN needs the labels of the training set; give y")
    if not isinstance(y, np.ndarray) or y.ndim not in (1, 2):
        raise OleanderError("labels are neither integers [n] nor one-hot [n, classes]; give a NumPy array of one kind")
    if y.ndim == 1:
        return y
    if y.shape[1] == 1:
        return y[:, 0]
    if not (np.isin(y, (0, 1)).all() and (y.sum(1) == 1).all()):
        raise OleanderError("labels of two axes are not one-hot; give a single 1 in each row")
    found: npt.NDArray[Any] = y.argmax(1)
    return found
