"""Which of several generators a figure shows: the one in the middle, so that it is neither lucky nor unlucky."""

import pandas as pd


def median_generator(values: pd.Series, generators: pd.Series) -> int:
    """The generator with the median value; of an even number, the one with the lower of the two middle values.

    Args:
        values: one value per generator, finite.
        generators: the generator of each; at least one, and each once.
    """
    order = pd.DataFrame({"value": values, "generator": generators}).sort_values(["value", "generator"])
    return int(order["generator"].iloc[(len(order) - 1) // 2])
