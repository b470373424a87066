"""Does a measure grow along an ordered condition? Page's test, which no single large value decides."""

import numpy as np


def trend_sureness(blocks: np.ndarray) -> float:
    """Confidence that values grow from column to column: one less the p-value of Page's test.

    Ranks are taken within each block, so that blocks may differ in level and the growth need not be a straight line.

    Args:
        blocks: float [blocks, conditions], at least 2 by 3, the conditions in their order.

    Raises:
        ValueError: fewer blocks or conditions: no growth could be told from chance.
    """
    if blocks.shape[0] < 2 or blocks.shape[1] < 3:
        raise ValueError(f"{blocks.shape[0]} blocks of {blocks.shape[1]} conditions are too few for a trend")
    # Takes a second to import, which only this test needs.
    from scipy import stats

    return float(1 - stats.page_trend_test(blocks).pvalue)
