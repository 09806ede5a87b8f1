"""What turns segments into words."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import polars as pl

from ethochat.index.domain import Session


@runtime_checkable
class Describer(Protocol):
    """Describes segments; a description never states a time, since times belong to the segment."""

    name: str
    model: str
    """What wrote the words: a version of the templates, or a model."""
    prompt_version: str

    def describe(
        self,
        segments: pl.DataFrame,
        *,
        session: Session,
        bouts: pl.DataFrame,
        kinematics: pl.DataFrame,
        zones: pl.DataFrame,
    ) -> pl.DataFrame:
        """Describe the segments of one session.

        Parameters
        ----------
        segments, bouts, kinematics, zones
            The session's rows of these tables.

        Returns
        -------
        polars.DataFrame
            Table DESCRIPTIONS, one row per segment, in the order of ``segments``. ``head``, ``limb`` and
            ``torso`` are null where nothing shows them.
        """
        ...
