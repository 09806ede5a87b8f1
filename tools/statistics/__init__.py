"""Tests, effects and intervals on one value per animal; pure, and knowing nothing of sessions or tables.

Every function takes plain lists of finite numbers, one per animal. What cannot be computed (too few animals,
values that are all equal) is said in ``why`` with ``p_value=None``; no result ever holds a NaN.
"""

from ethochat.tools.statistics.assumptions import brown_forsythe, mauchly, shapiro_wilk
from ethochat.tools.statistics.corrections import CORRECTIONS, corrected, holm
from ethochat.tools.statistics.correlation import CORRELATION_TESTS, correlate
from ethochat.tools.statistics.describe import RobustOutliers, outlier_limits, robust_outliers, summarize
from ethochat.tools.statistics.effects import hedges_g, paired_effect
from ethochat.tools.statistics.equivalence import EQUIVALENCE_TESTS, equivalence
from ethochat.tools.statistics.factorial import two_way
from ethochat.tools.statistics.independent import SEVERAL_GROUP_TESTS, TWO_GROUP_TESTS, compare_independent
from ethochat.tools.statistics.influence import influence, influence_note
from ethochat.tools.statistics.mixed import mixed_model
from ethochat.tools.statistics.observations import Observation
from ethochat.tools.statistics.parametric import greenhouse_geisser_epsilon
from ethochat.tools.statistics.posthoc import (
    INDEPENDENT_POSTHOC,
    REPEATED_POSTHOC,
    posthoc_independent,
    posthoc_repeated,
)
from ethochat.tools.statistics.power import (
    PowerAnalysis,
    achieved_power,
    sample_size,
    smallest_detectable_effect,
)
from ethochat.tools.statistics.repeated import PAIRED_TESTS, REPEATED_TESTS, compare_repeated
from ethochat.tools.statistics.trend import dose_response, doses, linear_trend

__all__ = [
    "CORRECTIONS",
    "CORRELATION_TESTS",
    "EQUIVALENCE_TESTS",
    "INDEPENDENT_POSTHOC",
    "PAIRED_TESTS",
    "REPEATED_POSTHOC",
    "REPEATED_TESTS",
    "SEVERAL_GROUP_TESTS",
    "TWO_GROUP_TESTS",
    "Observation",
    "PowerAnalysis",
    "RobustOutliers",
    "achieved_power",
    "brown_forsythe",
    "compare_independent",
    "compare_repeated",
    "corrected",
    "correlate",
    "dose_response",
    "doses",
    "equivalence",
    "greenhouse_geisser_epsilon",
    "hedges_g",
    "holm",
    "influence",
    "influence_note",
    "linear_trend",
    "mauchly",
    "mixed_model",
    "outlier_limits",
    "paired_effect",
    "posthoc_independent",
    "posthoc_repeated",
    "robust_outliers",
    "sample_size",
    "shapiro_wilk",
    "smallest_detectable_effect",
    "summarize",
    "two_way",
]
