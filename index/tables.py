"""One Polars schema per derived table; whatever produces a table yields exactly these columns in this order.

Times are in the session's time unit (seconds, or frames where the frame rate is unknown; ``sessions.time_unit``),
half-open; frames are as in ``range``. ``individual`` is ``""`` where a file does not tell animals apart. ``null`` means not
known or not there; NaN is never stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

_Columns = Mapping[str, pl.DataType | type[pl.DataType]]


def _schema(columns: _Columns) -> pl.Schema:
    return pl.Schema(columns)


SESSIONS: Final = _schema(
    {
        "session_id": pl.String,
        "subject_id": pl.String,
        "time_unit": pl.String,  # "s" or "frames"
        "fps": pl.Float64,
        "px_per_cm": pl.Float64,
        "duration": pl.Float64,  # in time_unit; the longest input
        "n_frames": pl.Int64,
        "width_px": pl.Int64,
        "height_px": pl.Int64,
        "video": pl.String,
        "excluded": pl.Boolean,  # left out of statistics by default; `flags` says why
    }
)
"""One row per session; the experiment's metadata columns follow, typed as read."""

INDIVIDUALS: Final = _schema({"session_id": pl.String, "individual": pl.String, "subject_id": pl.String})
"""Animals of a session; one row with ``individual`` ``""`` where files do not tell animals apart."""

COVERAGE: Final = _schema(
    {
        "session_id": pl.String,
        "individual": pl.String,
        "kind": pl.String,  # "track", "annotations", "metrics", "rules"
        "source": pl.String,
        "source_kind": pl.String,  # "manual", "automated", "rule"
        "start_time": pl.Float64,
        "stop_time": pl.Float64,
        "n_frames": pl.Int64,
        "behaviors": pl.List(pl.String),  # what this source would have marked; makes a zero a zero
    }
)
"""What was looked at: an animal that a rater watched and never marked has zero bouts, one nobody watched has none."""

TRACKS: Final = _schema(
    {
        "session_id": pl.String,
        "source": pl.String,
        "individual": pl.String,
        "keypoint": pl.String,
        "frame": pl.Int32,
        "x_px": pl.Float32,
        "y_px": pl.Float32,
        "x_cm": pl.Float32,
        "y_cm": pl.Float32,
        "confidence": pl.Float32,
    }
)
"""Positions as the tracker gave them, missing ones null; nothing filtered, nothing bridged."""

KINEMATICS: Final = _schema(
    {
        "session_id": pl.String,
        "source": pl.String,
        "individual": pl.String,
        "frame": pl.Int32,
        "x_px": pl.Float32,
        "y_px": pl.Float32,
        "x_cm": pl.Float32,
        "y_cm": pl.Float32,
        "step_px": pl.Float32,  # path from the frame before
        "step_cm": pl.Float32,
        "speed_px_per_s": pl.Float32,  # per frame where fps is unknown
        "speed_cm_per_s": pl.Float32,
        "heading_deg": pl.Float32,  # -180..180, 0 = +x, positive towards +y (image: clockwise)
        "turning_deg_per_s": pl.Float32,
        "body_length_px": pl.Float32,
        "body_length_cm": pl.Float32,
        "wall_distance_px": pl.Float32,  # negative outside the arena
        "wall_distance_cm": pl.Float32,
        "area_px2": pl.Float32,  # silhouette trackers only
    }
)
"""One row per frame and individual; positions are those of the body center, confident and bridged over short gaps."""

ZONES: Final = _schema(
    {
        "session_id": pl.String,
        "source": pl.String,
        "individual": pl.String,
        "zone": pl.String,
        "frame": pl.Int32,
        "inside": pl.Boolean,  # null where the position is missing
    }
)

BOUTS: Final = _schema(
    {
        "session_id": pl.String,
        "individual": pl.String,
        "partner": pl.String,  # the other animal of a social behavior
        "behavior": pl.String,
        "source": pl.String,
        "source_kind": pl.String,
        "start_time": pl.Float64,
        "stop_time": pl.Float64,
        "start_frame": pl.Int64,
        "stop_frame": pl.Int64,
        "score": pl.Float64,
    }
)

METRICS: Final = _schema(
    {
        "session_id": pl.String,
        "individual": pl.String,
        "metric": pl.String,
        "value": pl.Float64,
        "unit": pl.String,
        "source": pl.String,
    }
)

SEGMENTS: Final = _schema(
    {
        "segment_id": pl.String,
        "session_id": pl.String,
        "individual": pl.String,
        "source": pl.String,
        "start_time": pl.Float64,
        "stop_time": pl.Float64,
        "behaviors": pl.List(pl.String),
        "zones": pl.List(pl.String),
        "mean_speed": pl.Float64,  # cm/s, or px/s where there is no scale
        "distance": pl.Float64,  # cm or px
    }
)

DESCRIPTIONS: Final = _schema(
    {
        "segment_id": pl.String,
        "session_id": pl.String,
        "describer": pl.String,
        "model": pl.String,
        "prompt_version": pl.String,
        "overall": pl.String,
        "head": pl.String,
        "limb": pl.String,
        "torso": pl.String,
        "keywords": pl.List(pl.String),
        "behaviors": pl.List(pl.String),  # of the experiment, that keywords of a model mean
        "frames": pl.List(pl.Int32),  # that a model was shown
        "decoding": pl.String,  # JSON: how its words were generated
        "request_hash": pl.String,  # of all that it was shown and asked
        "note": pl.String,  # "free text", "shared with …"; what is doubtful
    }
)
"""One row per segment and describer; the columns after ``keywords`` are null where no model looked."""

FLAGS: Final = _schema(
    {
        "session_id": pl.String,
        "individual": pl.String,
        "code": pl.String,  # e.g. "mostly_missing", "frame_count_differs", "excluded_by_user"
        "excludes": pl.Boolean,  # the session is left out of statistics by default
        "message": pl.String,
    }
)

TABLES: Final[Mapping[str, pl.Schema]] = {
    "sessions": SESSIONS,
    "individuals": INDIVIDUALS,
    "coverage": COVERAGE,
    "tracks": TRACKS,
    "kinematics": KINEMATICS,
    "zones": ZONES,
    "bouts": BOUTS,
    "metrics": METRICS,
    "segments": SEGMENTS,
    "descriptions": DESCRIPTIONS,
    "flags": FLAGS,
}


def empty(table: str) -> pl.DataFrame:
    """Return the table without rows."""
    return pl.DataFrame(schema=TABLES[table])


def conform(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """Put a frame into the schema of a table: add absent columns as null, order and cast them.

    Parameters
    ----------
    frame
        Rows of the table. ``sessions`` may carry further (metadata) columns, which follow in their own order.
    table
        A key of :data:`TABLES`.

    Raises
    ------
    ValueError
        When a column does not belong to the table.
    """
    schema = TABLES[table]
    extra = [name for name in frame.columns if name not in schema]
    if extra and table != "sessions":
        raise ValueError(f"Expected columns {list(schema)} of table {table!r}, got also {extra!r}.")
    columns = [
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    ]
    return frame.select(*columns, *extra)
