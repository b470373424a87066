"""Page's test: does a measure grow along an ordered condition? It uses ranks, so no single large value decides."""

import numpy as np


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
