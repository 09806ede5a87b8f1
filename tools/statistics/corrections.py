"""P values corrected for how many there are."""

from __future__ import annotations

import numpy as np

from ethochat.tools.statistics.results import Values


def holm(p_values: Values) -> list[float]:
    """Correct p values for their number, step by step (Holm), in the order given."""
    order = np.argsort(np.asarray(p_values))
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order.tolist()):
        highest = max(highest, min(1.0, float(p_values[index]) * (len(p_values) - rank)))
        corrected[index] = highest
    return corrected
