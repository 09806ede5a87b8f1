"""Of several descriptions of a segment, the one that search and answers use."""

from __future__ import annotations

from typing import Final

import polars as pl

KINEMATIC: Final = "kinematic"
"""The describer that needs no model; every segment has its words."""
SEEN: Final = "vlm:"
"""Before a model's name where it stands for who describes, and as the source of bouts."""
JOURNAL_FILE: Final = "watched.sqlite"
"""What models replied, in the experiment's ``.ethochat`` folder; see :mod:`ethochat.index.describing.journal`."""


def descriptions_in_use(descriptions: pl.DataFrame, describer: str) -> pl.DataFrame:
    """Choose one description of each segment.

    Parameters
    ----------
    descriptions
        Rows of DESCRIPTIONS.
    describer
        Who is to be used; where it did not describe a segment, the kinematic words stand.

    Returns
    -------
    polars.DataFrame
        Rows of DESCRIPTIONS, one per segment, by segment.
    """
    derived = descriptions.filter(~pl.col("describer").str.starts_with(SEEN))
    if describer == KINEMATIC:
        return derived.sort("segment_id")
    own = descriptions.filter(pl.col("describer") == describer)
    return pl.concat([own, derived.join(own, on="segment_id", how="anti")]).sort("segment_id")
