"""Tests, effects and intervals on one value per animal; pure, and knowing nothing of sessions or tables.

Every function takes plain lists of finite numbers, one per animal. What cannot be computed (too few animals,
values that are all equal) is said in ``why`` with ``p_value=None``; no result ever holds a NaN.
"""

from ethochat.tools.statistics.corrections import holm
from ethochat.tools.statistics.correlation import correlate
from ethochat.tools.statistics.describe import outlier_limits, summarize
from ethochat.tools.statistics.effects import hedges_g, paired_effect
from ethochat.tools.statistics.independent import SEVERAL_GROUP_TESTS, TWO_GROUP_TESTS, compare_independent
from ethochat.tools.statistics.repeated import (
    PAIRED_TESTS,
    REPEATED_TESTS,
    compare_repeated,
    greenhouse_geisser_epsilon,
)

__all__ = [
    "PAIRED_TESTS",
    "REPEATED_TESTS",
    "SEVERAL_GROUP_TESTS",
    "TWO_GROUP_TESTS",
    "compare_independent",
    "compare_repeated",
    "correlate",
    "greenhouse_geisser_epsilon",
    "hedges_g",
    "holm",
    "outlier_limits",
    "paired_effect",
    "summarize",
]
