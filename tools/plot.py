"""The tool ``plot``: figures, with every value that they show."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from ethochat.tools.arguments import MeasureArguments, PlotArguments
from ethochat.tools.base import Tool
from ethochat.tools.context import ToolContext
from ethochat.tools.correlate import one_per_animal, with_selection
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Evidence, Figure, Value
from ethochat.tools.grouping import animal_means, group_rows, to_values
from ethochat.tools.labels import listed_bouts, plan_labels
from ethochat.tools.measures import CATALOGUE, Outcome, compute
from ethochat.tools.motion import TrackRef, center_path, plan_tracks
from ethochat.tools.rows import Call, Row
from ethochat.tools.selection import (
    column_values,
    match_group_column,
    require_sessions,
    select_sessions,
)
from ethochat.tools.statistics import summarize
from ethochat.tools.wording import summarize_evidence

_COLORS: Final = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#BBBBBB")
"""Paul Tol's bright scheme, told apart by color-blind readers."""
_MOST_POINTS: Final = 5000
_OCCUPANCY_BINS: Final = 40


@dataclass(slots=True, kw_only=True)
class Drawing:
    """A figure being made, and what it shows."""

    figure: Any
    title: str
    values: list[Value] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    n_rows: int = 0


def plot(context: ToolContext, arguments: PlotArguments) -> Evidence:
    """Draw a figure and write it to the figures folder."""
    drawing = _KINDS[arguments.kind](context, arguments)
    drawing.figure.update_layout(title_text=drawing.title, template="plotly_white")
    given = arguments.model_dump(mode="json", exclude_defaults=True)
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=given,
        values=drawing.values,
        figures=[_written(context, drawing, given, arguments.kind)],
        n_rows=drawing.n_rows,
        flags=list(dict.fromkeys(drawing.flags)),
    )
    evidence.summary = summarize_evidence(evidence)
    return evidence


def _written(context: ToolContext, drawing: Drawing, given: Mapping[str, object], kind: str) -> Figure:
    """Write the figure; the same call on the same values gives the same file."""
    context.figures_dir.mkdir(parents=True, exist_ok=True)
    content = drawing.figure.to_json()
    said = json.dumps([given, content], sort_keys=True).encode()
    path = context.figures_dir / f"{kind}-{hashlib.sha256(said).hexdigest()[:12]}.html"
    drawing.figure.write_html(path, include_plotlyjs="directory")
    return Figure(title=drawing.title, plotly_json=content, path=str(path))


def _words(name: str) -> str:
    """A measure's name in words; names that came with the data stay as they are."""
    return name.replace("_", " ") if name in CATALOGUE else name


def _axis(name: str, unit: str | None) -> str:
    return f"{_words(name)} ({unit})" if unit not in (None, "") else _words(name)


# ----------------------------------------------------------------- bars, with one point per animal
def _bars(context: ToolContext, arguments: PlotArguments) -> Drawing:
    import plotly.graph_objects as go

    column = arguments.group_column or (arguments.group_by[0] if arguments.group_by else None)
    outcome = compute(context, _plain(arguments), also_by=[column] if column else [])
    resolved = match_group_column(context, column) if column else None
    measured = outcome.measured
    if not measured.rows:
        raise ToolFailedError(f"There is nothing to plot: {measured.name} has no value in the selection.")
    groups = group_rows(measured.rows, [resolved] if resolved else [], outcome.scope, measured.name)
    drawing = Drawing(
        figure=go.Figure(),
        title=f"{_words(measured.name)}{f' by {resolved}' if resolved else ''}",
        flags=list(measured.flags),
    )
    points: list[Value] = []
    ticks: dict[int, str] = {}
    for place, group in enumerate(groups):
        name = group.labels[resolved] if resolved else "all"
        labels = {resolved: name} if resolved else {}
        animals = animal_means(group.rows)
        if animals:
            _bar(drawing, place, animals, _COLORS[place % len(_COLORS)])
            ticks[place] = f"{name}<br>n = {len(animals)}"
            summary = summarize(list(animals.values()))
            drawing.values += [
                Value(
                    name=measured.name,
                    value=value,
                    unit=measured.unit,
                    statistic=statistic,
                    n=summary.n,
                    group=labels,
                )
                for statistic, value in (("mean", summary.mean), ("sem", summary.sem))
            ]
            points += [
                _point(group.rows, animal, value, outcome, labels) for animal, value in animals.items()
            ]
    drawing.figure.update_layout(
        title={"subtitle": {"text": "mean ± SEM; a dot is an animal"}},
        yaxis_title=_axis(measured.name, measured.unit),
        xaxis={"title": resolved or "", "tickvals": list(ticks), "ticktext": list(ticks.values())},
        showlegend=False,
    )
    drawing.values += points
    drawing.n_rows = len(points)
    return drawing


def _bar(drawing: Drawing, place: int, animals: Mapping[str, float], color: str) -> None:
    """Draw the mean of a group with its standard error, and a dot per animal, side by side so that none is hidden."""
    summary = summarize(list(animals.values()))
    drawing.figure.add_bar(
        x=[place],
        y=[summary.mean],
        width=0.6,
        error_y={"type": "data", "array": [summary.sem or 0.0], "visible": summary.sem is not None},
        marker={"color": color, "opacity": 0.4},
        name="mean",
    )
    drawing.figure.add_scatter(
        x=place + np.linspace(-0.2, 0.2, len(animals) + 2)[1:-1],
        y=list(animals.values()),
        text=list(animals),
        mode="markers",
        marker={"color": color, "size": 8, "line": {"color": "white", "width": 1}},
        hovertemplate="%{text}: %{y:.6g}<extra></extra>",
        name="animals",
    )


def _plain(arguments: PlotArguments) -> MeasureArguments:
    """Arguments of the measure behind a figure: every row, nothing ranked."""
    return arguments.model_copy(
        update={"group_by": [], "statistics": [], "order": None, "limit": None, "keep": "all"}
    )


def _point(
    rows: Sequence[Row], animal: str, value: float, outcome: Outcome, labels: Mapping[str, str]
) -> Value:
    """One dot: an animal."""
    own = [row for row in rows if row.animal == animal]
    sessions = {row.session_id for row in own}
    return Value(
        name=outcome.measured.name,
        value=value,
        unit=outcome.measured.unit,
        group=dict(labels),
        session_id=own[0].session_id if len(sessions) == 1 else None,
        subject_id=own[0].subject_id,
    )


# ----------------------------------------------------------------- scatter
def _scatter(context: ToolContext, arguments: PlotArguments) -> Drawing:
    import plotly.graph_objects as go

    if arguments.against is None:
        raise ToolRetryError("A scatter needs `against`: the measure or numeric column on the x axis.")
    y = compute(context, _plain(arguments))
    other = MeasureArguments(
        measure=arguments.against,
        **{name: getattr(arguments, name) for name in ("behaviors", "sources", "zones", "keypoints")},
    )
    x = compute(context, with_selection(other, arguments))
    of_y, of_x = one_per_animal(y), one_per_animal(x)
    animals = [animal for animal in of_y if animal in of_x]
    if not animals:
        raise ToolFailedError(f"No animal has both {x.measured.name} and {y.measured.name}.")
    column = match_group_column(context, arguments.group_column) if arguments.group_column else None
    colors = _groups_of(y, column)
    figure = go.Figure()
    for place, name in enumerate(dict.fromkeys(colors.get(animal, "") for animal in animals)):
        members = [animal for animal in animals if colors.get(animal, "") == name]
        figure.add_trace(
            go.Scatter(
                x=[of_x[a] for a in members],
                y=[of_y[a] for a in members],
                text=members,
                mode="markers",
                marker={"color": _COLORS[place % len(_COLORS)], "size": 9},
                name=name or "animals",
            )
        )
    figure.update_layout(
        xaxis_title=_axis(x.measured.name, x.measured.unit),
        yaxis_title=_axis(y.measured.name, y.measured.unit),
    )
    drawing = Drawing(
        figure=figure,
        title=f"{_words(y.measured.name)} against {_words(x.measured.name)}",
        flags=[*y.measured.flags, *x.measured.flags],
        n_rows=len(animals),
    )
    for animal in animals:
        labels = {x.measured.name: f"{of_x[animal]:.6g}"} | ({column: colors[animal]} if column else {})
        drawing.values.append(_point(y.measured.rows, animal, of_y[animal], y, labels))
    return drawing


def _groups_of(outcome: Outcome, column: str | None) -> dict[str, str]:
    """Animal to the group that colors it."""
    if column is None:
        return {}
    if column in ("source", "behavior", "zone", "keypoint", "pair", "individual"):
        raise ToolRetryError(f"The dots of a scatter are animals, so they cannot be colored by {column}.")
    texts = (
        {row.session_id: row.subject_id or "not stated" for row in outcome.measured.rows}
        if column == "subject_id"
        else column_values(outcome.scope.sessions, column)
    )
    return {row.animal: texts.get(row.session_id, "not stated") for row in outcome.measured.rows}


# ----------------------------------------------------------------- time bins
def _time_bins(context: ToolContext, arguments: PlotArguments) -> Drawing:
    import plotly.graph_objects as go

    column = arguments.group_column
    groups = [*arguments.group_by, *([column] if column and column not in arguments.group_by else [])]
    asked = arguments.model_copy(
        update={
            "bin_s": arguments.bin_s or 60.0,
            "group_by": groups,
            "order": None,
            "limit": None,
            "keep": "all",
        }
    )
    outcome = compute(context, asked)
    grouped = to_values(asked, outcome.columns, outcome.measured, outcome.scope)
    series: dict[str, list[Value]] = {}
    # A sum beside the mean would be a second curve of another size.
    first = grouped.values[0].statistic
    for value in grouped.values:
        if value.statistic == first:
            name = ", ".join([*([value.session_id] if value.session_id else []), *value.group.values()])
            series.setdefault(name or "all", []).append(value)
    figure = go.Figure()
    for place, (name, values) in enumerate(series.items()):
        figure.add_trace(
            go.Scatter(
                x=[value.bin_start_s for value in values],
                y=[value.value for value in values],
                mode="lines+markers",
                line={"color": _COLORS[place % len(_COLORS)]},
                name=name,
            )
        )
    measured = outcome.measured
    unit = "frames" if outcome.scope.time_unit() == "frames" else "s"
    figure.update_layout(
        xaxis_title=f"bin start ({unit})",
        yaxis_title=f"{f'{first} ' if first else ''}{_axis(measured.name, measured.unit)}",
    )
    return Drawing(
        figure=figure,
        title=f"{_words(measured.name)} in bins of {asked.bin_s:g} {unit}",
        values=[value for values in series.values() for value in values],
        flags=[*measured.flags, *grouped.flags],
        n_rows=grouped.n_rows,
    )


# ----------------------------------------------------------------- where the animal was
def _one_track(context: ToolContext, arguments: PlotArguments) -> tuple[Call, TrackRef, str, list[str]]:
    """Find the only track of the call.

    Raises
    ------
    ToolRetryError
        When the call is about several sessions or animals.
    """
    scope = select_sessions(context, arguments)
    require_sessions(scope, arguments)
    call = Call(context=context, scope=scope, arguments=_plain(arguments), split=frozenset())
    plan = plan_tracks(call)
    if len(plan.tracks) > 1:
        names = tuple(dict.fromkeys(f"{t.session_id} {t.individual}".strip() for t in plan.tracks))
        raise ToolRetryError(
            f"A {arguments.kind} figure shows one animal of one session; name one in `sessions` (and "
            "`individuals`).",
            near=names[:20],
        )
    return call, plan.tracks[0], plan.unit, [*scope.flags, *plan.flags]


def _window_path(
    call: Call, track: TrackRef, unit: str
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Give times and positions within the window of a call, missing ones left as NaN."""
    session = next(
        row for row in call.scope.sessions.iter_rows(named=True) if row["session_id"] == track.session_id
    )
    start, stop = call.scope.window(session)
    path = center_path(call.context, track, "cm" if unit == "cm" else "px")
    times = path.frames / track.clock.frames_per_unit
    inside = (times >= start - 1e-9) & (times < stop - 1e-9)
    if not np.isfinite(path.x[inside]).any():
        raise ToolFailedError(f"There is no position of {track.session_id} in that window.")
    return times[inside], path.x[inside], path.y[inside]


def _trajectory(context: ToolContext, arguments: PlotArguments) -> Drawing:
    import plotly.graph_objects as go

    call, track, unit, flags = _one_track(context, arguments)
    times, x, y = _window_path(call, track, unit)
    every = max(1, len(times) // _MOST_POINTS)
    shown = slice(None, None, every)
    color = {
        "color": times[shown],
        "colorscale": "Viridis",
        "size": 3,
        "colorbar": {"title": f"time ({track.clock.unit})"},
    }
    figure = go.Figure(
        go.Scatter(
            x=x[shown],
            y=y[shown],
            mode="lines+markers",
            line={"color": "rgba(120,120,120,0.3)"},
            marker=color,
            name="path",
        )
    )
    _outline(context, figure, unit)
    _image_axes(figure, unit)
    outcome = compute(context, _plain(arguments).model_copy(update={"measure": "distance"}))
    moved = to_values(_plain(arguments), [], outcome.measured, outcome.scope)
    return Drawing(
        figure=figure,
        title=f"Path of {track.session_id} {track.individual}".strip(),
        values=[*moved.values, _seen(x, track)],
        flags=flags,
        n_rows=len(times),
    )


def _seen(x: np.ndarray[Any, Any], track: TrackRef) -> Value:
    return Value(
        name="n_positions",
        value=float(np.isfinite(x).sum()),
        unit="count",
        n=None,
        session_id=track.session_id,
        note=f"Frames with a position, of {len(x)}.",
    )


def _outline(context: ToolContext, figure: Any, unit: str) -> None:  # noqa: ANN401  (plotly is untyped)
    """Draw the arena where it was declared in pixels."""
    arena = context.experiment.arena
    if arena is None or unit != "px":
        return
    line = {"color": "black", "width": 1}
    if arena.corners_px:
        corners = [*arena.corners_px, arena.corners_px[0]]
        x, y = [c[0] for c in corners], [c[1] for c in corners]
        figure.add_scatter(x=x, y=y, mode="lines", line=line, name="arena")
    elif arena.center_px is not None and arena.radius_px is not None:
        (cx, cy), r = arena.center_px, arena.radius_px
        figure.add_shape(type="circle", x0=cx - r, x1=cx + r, y0=cy - r, y1=cy + r, line=line)


def _image_axes(figure: Any, unit: str) -> None:  # noqa: ANN401  (plotly is untyped)
    """Axes as in the image: y grows downwards, one scale for both."""
    figure.update_xaxes(title=f"x ({unit})", constrain="domain")
    figure.update_yaxes(title=f"y ({unit})", autorange="reversed", scaleanchor="x", scaleratio=1)


def _occupancy(context: ToolContext, arguments: PlotArguments) -> Drawing:
    import plotly.graph_objects as go

    call, track, unit, flags = _one_track(context, arguments)
    _times, x, y = _window_path(call, track, unit)
    known = np.isfinite(x) & np.isfinite(y)
    counts, x_edges, y_edges = np.histogram2d(x[known], y[known], bins=_OCCUPANCY_BINS)
    spent = counts / track.clock.frames_per_unit
    figure = go.Figure(
        go.Heatmap(
            x=(x_edges[:-1] + x_edges[1:]) / 2,
            y=(y_edges[:-1] + y_edges[1:]) / 2,
            z=spent.T,
            colorscale="Viridis",
            colorbar={"title": f"time ({track.clock.unit})"},
        )
    )
    _outline(context, figure, unit)
    _image_axes(figure, unit)
    longest = Value(
        name="occupancy",
        value=float(spent.max()),
        unit=track.clock.unit,
        statistic="max",
        session_id=track.session_id,
        note=f"Longest time in one of {_OCCUPANCY_BINS} x {_OCCUPANCY_BINS} fields.",
    )
    return Drawing(
        figure=figure,
        title=f"Where {track.session_id} {track.individual} spent its time".replace("  ", " "),
        values=[_seen(x, track), longest],
        flags=flags,
        n_rows=int(known.sum()),
    )


# ----------------------------------------------------------------- ethogram
def _ethogram(context: ToolContext, arguments: PlotArguments) -> Drawing:
    """Bouts as bars over time: a line per behavior, and per session or source where there are several."""
    import plotly.graph_objects as go

    asked = _plain(arguments).model_copy(
        update={"group_by": ["behavior"], "measure": "total_duration", "bin_s": None}
    )
    scope = select_sessions(context, asked)
    require_sessions(scope, asked)
    split = frozenset({"behavior"} | ({"source"} if len(asked.sources) > 1 else set()))
    call = Call(context=context, scope=scope, arguments=asked, split=split)
    plan, behaviors = plan_labels(call)
    figure, values, n_rows = go.Figure(), [], 0
    found = list(listed_bouts(call, plan, behaviors))
    several = len({(key[0], key[1]) for key, *_ in found}) > 1
    colors = {name: _COLORS[place % len(_COLORS)] for place, name in enumerate(behaviors)}
    for key, _, _, listed in found:
        session_id, individual, source, behavior = key
        line = " ".join(
            part for part in ((session_id if several else ""), individual, source, behavior) if part
        )
        bars = [
            (max(start, low), min(stop, high))
            for start, stop in listed.bouts
            for low, high in listed.looked
            if start < high and low < stop
        ]
        n_rows += len(bars)
        figure.add_trace(
            go.Bar(
                x=[stop - start for start, stop in bars],
                base=[start for start, _ in bars],
                y=[line] * len(bars),
                orientation="h",
                marker={"color": colors[behavior]},
                name=line,
                showlegend=False,
            )
        )
        labels = {"behavior": behavior, "source": source} | ({"individual": individual} if individual else {})
        values.append(
            Value(
                name="total_duration",
                value=listed.duration,
                unit=scope.time_unit(),
                group=labels,
                session_id=session_id,
            )
        )
    if not found:
        raise ToolFailedError("No source looked at the selected part of the data.")
    figure.update_layout(barmode="overlay", xaxis_title=f"time ({scope.time_unit()})")
    ids = scope.session_ids
    title = f"Ethogram of {ids[0] if len(ids) == 1 else f'{len(ids)} sessions'}"
    return Drawing(
        figure=figure, title=title, values=values, flags=[*scope.flags, *plan.flags], n_rows=n_rows
    )


_KINDS: Final[Mapping[str, Callable[[ToolContext, PlotArguments], Drawing]]] = {
    "bars": _bars,
    "scatter": _scatter,
    "time_bins": _time_bins,
    "trajectory": _trajectory,
    "occupancy": _occupancy,
    "ethogram": _ethogram,
}


TOOL: Tool[PlotArguments] = Tool(
    name="plot",
    description="Draw a figure: bars of a measure per group with one point per animal, a scatter of two "
    "quantities, a measure over time bins, the path or occupancy map of one animal, or an ethogram of bouts. "
    "All values shown are returned.",
    arguments=PlotArguments,
    function=plot,
)
