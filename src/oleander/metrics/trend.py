"""Page's test: does a measure grow along an ordered condition? It uses ranks, so no single large value decides."""

import math

import numpy as np
from scipy import special

from oleander.metrics.decisions import MOST


def trend_confidence(blocks: np.ndarray) -> float:
    """Confidence that values grow from column to column: 1 - p of Page's test.

    Values are ranked within each block, so blocks may differ in level and growth need not be linear.

    Args:
        blocks: float [blocks, conditions], at least 2 by 3, conditions in order.

    Raises:
        ValueError: there are too few blocks or conditions for a test.
    """
    if blocks.shape[0] < 2 or blocks.shape[1] < 3:
        raise ValueError(f"{blocks.shape[0]} blocks of {blocks.shape[1]} conditions are too few for a trend")
    # Takes a second to import and is needed only here.
    from scipy import stats

    return float(1 - stats.page_trend_test(blocks).pvalue)


def needed_for_trend(blocks: np.ndarray, confidence: float) -> float:
    """About how many blocks, ranked as these are on average, would make a trend sure in either direction.

    Page's L less its expectation, in standard deviations, grows with the square root of the number of blocks.

    Args:
        blocks: as in `trend_confidence`.
        confidence: that the test must reach, e.g. 0.95.

    Returns:
        More than the present number; infinity above `oleander.metrics.decisions.MOST`.
    """
    from scipy import stats

    count, conditions = blocks.shape
    page = stats.rankdata(blocks, axis=1).sum(0) @ np.arange(1, conditions + 1)
    expected = count * conditions * (conditions + 1) ** 2 / 4
    deviation = math.sqrt(count * (conditions - 1) / 144) * conditions * (conditions + 1)
    score = abs(page - expected) / deviation
    needed = math.inf if score == 0 else math.ceil(count * (float(special.ndtri(confidence)) / score) ** 2)
    return float(max(needed, count + 1)) if needed <= MOST else math.inf
