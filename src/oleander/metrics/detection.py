"""How easily a defender tells triggered latent vectors from clean noise: false alarms of two tests, in closed form.

Clean noise is standard normal. A triggered vector is the same but for one entry, which has the trigger's value (BAAAN
paper, section 4.2). The defender knows neither the entry nor the value, and calls a vector triggered if a statistic is
above a threshold: the vector's norm, or its largest absolute entry. The threshold is the highest that still catches a
given fraction of triggered vectors; what is returned is how often clean noise exceeds it, as a decimal logarithm,
because a value of -100 leaves probabilities far below what a float can hold. If both kinds are alike, false alarms are
as frequent as hits.
"""

import math

import numpy as np
from scipy import special


def norm_false_alarms(value: float, latent: int, caught: float) -> float:
    """Decimal logarithm of the false-positive rate of a test of the norm.

    The squared norm of clean noise is chi-squared with `latent` degrees of freedom; that of triggered noise is
    `value`^2 plus chi-squared with one degree less.

    Args:
        value: of the trigger.
        latent: length of the vector, at least 2.
        caught: fraction of triggered vectors above the threshold, in (0, 1).
    """
    threshold = value**2 + special.chdtri(latent - 1, caught)
    return _log_chi2_above(threshold, latent) / math.log(10)


def entry_false_alarms(value: float, latent: int, caught: float) -> float:
    """Decimal logarithm of the false-positive rate of a z-test of the largest absolute entry.

    The largest of n normal entries is below m with probability (2 Phi(m) - 1)^n (Sidak's correction). With the trigger
    it is at least |`value`|; arguments are those of `norm_false_alarms`.
    """
    among_others = -special.ndtri((1 - (1 - caught) ** (1 / (latent - 1))) / 2)
    threshold = max(abs(value), float(among_others))
    # Each entry's logarithm of 2 (1 - Phi), and then of 1 - (1 - that)^latent.
    one = math.log(2) + float(special.log_ndtr(-threshold))
    if one > -700:
        every = -math.expm1(latent * math.log1p(-math.exp(one)))
        return math.log10(every)
    return (math.log(latent) + one) / math.log(10)


def _log_chi2_above(x: float, degrees: int) -> float:
    """Natural logarithm of the probability that chi-squared exceeds `x`, however small.

    By the finite sums of the regularized incomplete gamma function of whole and half-whole orders.
    """
    half = x / 2
    steps = np.arange(degrees // 2)
    if degrees % 2 == 0:
        terms = steps * math.log(half) - special.gammaln(steps + 1) if half else np.where(steps == 0, 0.0, -np.inf)
        return float(special.logsumexp(terms) - half)
    first = math.log(2) + float(special.log_ndtr(-math.sqrt(x)))
    if not len(steps) or half == 0:
        return first
    terms = (steps + 0.5) * math.log(half) - special.gammaln(steps + 1.5) - half
    return float(np.logaddexp(first, special.logsumexp(terms)))
