"""Aggregation at scale: 42 million frames by session, behavior and minute, beside DuckDB, pandas and plain Polars.

``make bench-scale`` runs it; ``--rows 1000000`` is a quick look. Every engine runs in processes of its own, with two threads, on the
same files (one Parquet file per session, as the catalog keeps them); results are compared before any time is taken, and engines
take turns, so that whatever else the machine does meets all of them. Cold is the first query of a process after the system was
told to forget the files; warm are the queries after it in the same process. Imports are not counted.

What was tried on the way to :func:`ethochat.index.frames.reduce_frames`, in seconds of wall time and of processor time (best of four
in turns; warm, two threads on two cores; count, mean and standard deviation; a bare scan of the three columns takes 0.27 and 0.5):

=============================================================================================  =====  ====
one ``group_by``, minutes as floats                                                            1.13   2.2
one ``group_by``, minutes as integers                                                          1.09   2.2
one ``group_by`` on session, behavior and minute packed into one integer                       0.88   1.7
one ``group_by`` per file, all by ``collect_all``                                              2.07   2.4
runs first (``rle_id`` of the keys, flagged as sorted), then one ``group_by`` over the runs    0.92   1.6
the same, a ``rle_id`` for each key and their sum                                              0.96   1.6
the same per file, in a pool of two threads                                                    1.42   2.1
the same on a union of scans, with a literal for each session                                  1.69   2.2
runs in NumPy (``reduceat``), per file, in chunks that fit the cache, two threads              1.24   1.7
runs in NumPy on batches of all files that Polars reads meanwhile                              0.83   1.4
the same without the standard deviation                                                        0.63   1.2
=============================================================================================  =====  ====

The last is the engine: 42 million frames are 0.9 million runs, and NumPy's sums of runs cost a tenth of Polars'. Half of what is left is
reading: with lz4 instead of zstd the files are 30 % larger and are read in half the time. Minutes are looked up in a table of the
frames of a session (``in_spans``), which is exact at any frame rate and costs 0.04 s more than dividing by 1,800.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

REQUIRED: Final = 42_000_000
"""Frames of which the times are required."""
THREADS: Final = 2
FPS: Final = 30
MINUTE: Final = 60 * FPS
BEHAVIORS: Final = tuple("rest walk run rear groom sniff dig turn climb jump scratch freeze".split())
KEYS: Final = ("session_id", "behavior", "minute")
COLUMNS: Final = ("n_frames", "time_s", "n", "mean", "std")
RESULT: Final = {
    "session_id": pl.String,
    "behavior": pl.String,
    "minute": pl.Int64,
    "n_frames": pl.Int64,
    "time_s": pl.Float64,
    "n": pl.Int64,
    "mean": pl.Float64,
    "std": pl.Float64,
}
FOLDER: Final = Path("build/bench")


# ----------------------------------------------------------------- data
def session_table(number: int, n_sessions: int, n_frames: int) -> pl.DataFrame:
    """Frames of one session: bouts of 1.5 s on average, some time without a label, speeds of which 3 % are missing."""
    rng = np.random.default_rng([42, number])
    lengths = rng.geometric(1 / 45, size=n_frames // 20 + 100)
    labels = rng.integers(0, len(BEHAVIORS) + 1, size=len(lengths))
    codes = np.repeat(labels, lengths)[:n_frames]
    behaviors = pl.Series([*BEHAVIORS, None], dtype=pl.Enum(BEHAVIORS))
    sessions = pl.Series([f"session_{k:03d}" for k in range(n_sessions)])
    speed = rng.gamma(2.0, 2.0, size=n_frames).astype(np.float32)
    missing = rng.random(n_frames) < 0.03
    return pl.DataFrame(
        {
            "session_id": sessions.cast(pl.Enum(sessions))[[number]].new_from_index(0, n_frames),
            "individual": pl.Series(["mouse"], dtype=pl.Enum(["mouse"])).new_from_index(0, n_frames),
            "frame": np.arange(n_frames, dtype=np.int32),
            "behavior": behaviors.gather(codes),
            "speed": pl.Series(speed).set(pl.Series(missing), None),
        }
    )


def make_frames(folder: Path, n_sessions: int, n_frames: int) -> list[Path]:
    """Write one Parquet file per session, unless they are there; a file is complete once it has its name."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"session_{number:03d}.parquet" for number in range(n_sessions)]
    for number, file in enumerate(files):
        if not file.exists():
            part = file.with_suffix(".tmp")
            session_table(number, n_sessions, n_frames).write_parquet(part, compression="zstd")
            part.replace(file)
    return files


# ----------------------------------------------------------------- engines
def load_nothing(files: Sequence[Path]) -> Sequence[Path]:
    """The files themselves: the engine reads them as part of its query."""
    return files


def ours(files: Sequence[Path]) -> pl.DataFrame:
    """The engine of the product's measures."""
    from ethochat.index.frames import in_spans, reduce_frames, time_bins
    from ethochat.index.timebase import TimeBase

    frames = pl.scan_parquet(files)
    # All sessions are of one length here; the product takes it from its tables.
    last = pl.scan_parquet(files[0]).select(pl.len()).collect().item()
    edges = [60.0 * minute for minute in range(last // MINUTE + 2)]
    minutes = time_bins(TimeBase(fps=Fraction(FPS)), edges)
    found = reduce_frames(in_spans(frames, [minutes], "minute"), "speed", by=KEYS, statistics=("mean", "std"))
    return found.with_columns(time_s=pl.col("n_frames") / FPS)


def plain_polars(files: Sequence[Path]) -> pl.DataFrame:
    """One lazy ``group_by`` on integer minutes, as one would write it."""
    speed = pl.col("speed").cast(pl.Float64)
    return (
        pl.scan_parquet(files)
        .filter(pl.col("behavior").is_not_null())
        .group_by("session_id", "behavior", (pl.col("frame") // MINUTE).alias("minute"))
        .agg(
            n_frames=pl.len(),
            time_s=pl.len() / FPS,
            n=speed.count(),
            mean=speed.mean(),
            std=speed.std(),
        )
        .collect()
    )


def duckdb_query(files: Sequence[Path]) -> Any:
    """SQL on the files; the result stays in DuckDB's memory."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"PRAGMA threads={THREADS}")
    connection.execute(
        f"""
        CREATE TEMP TABLE found AS
        SELECT session_id, behavior, frame // {MINUTE} AS minute, count(*) AS n_frames, count(*) / {FPS}.0 AS time_s,
               count(speed) AS n, avg(speed) AS mean, stddev_samp(speed) AS std
        FROM read_parquet({[str(file) for file in files]!r}) WHERE behavior IS NOT NULL GROUP BY ALL
        """
    )
    return connection


def load_pandas(files: Sequence[Path]) -> Any:
    """A table with the smallest types: categories, 32-bit frames and speeds.

    ``pandas.read_parquet`` needs pyarrow. Where that is not installed, Polars reads the columns and pandas takes them over as NumPy
    arrays, which is faster than its own way.
    """
    import pandas as pd

    columns = ["session_id", "frame", "behavior", "speed"]
    try:
        import pyarrow  # noqa: F401
    except ModuleNotFoundError:
        tables = [pl.read_parquet(file, columns=columns) for file in files]
        lengths = [len(table) for table in tables]
        sessions = np.repeat(np.arange(len(files), dtype=np.int16), lengths)
        codes = [table["behavior"].to_physical().cast(pl.Int8).fill_null(-1).to_numpy() for table in tables]
        return pd.DataFrame(
            {
                "session_id": pd.Categorical.from_codes(sessions, [file.stem for file in files]),
                "frame": np.concatenate([table["frame"].to_numpy() for table in tables]),
                "behavior": pd.Categorical.from_codes(np.concatenate(codes), list(BEHAVIORS)),
                "speed": np.concatenate([table["speed"].to_numpy() for table in tables]),
            }
        )
    table = pd.read_parquet(files[0].parent, columns=columns)
    return table.astype({"session_id": "category", "behavior": "category"})


def load_pandas_text(files: Sequence[Path]) -> Any:
    """The same with sessions and behaviors as text, as they come where nobody makes categories of them."""
    return load_pandas(files).astype({"session_id": str, "behavior": str})


def pandas_query(table: Any) -> Any:
    """One ``groupby``; frames without a behavior are dropped by default."""
    minute = (table["frame"] // MINUTE).rename("minute")
    groups = table.groupby(["session_id", "behavior", minute], observed=True)["speed"]
    found = groups.agg(["size", "count", "mean", "std"])
    found["time_s"] = found["size"] / FPS
    return found


# ----------------------------------------------------------------- results in one form
def from_polars(found: pl.DataFrame) -> pl.DataFrame:
    """Keys as text and integers, numbers in 64 bits, sorted."""
    return found.select(pl.col(name).cast(dtype) for name, dtype in RESULT.items()).sort(KEYS)


def from_duckdb(connection: Any) -> pl.DataFrame:
    """Rows of the table that the query made."""
    columns = connection.execute(f"SELECT {', '.join(RESULT)} FROM found").fetchnumpy()
    # Text comes as objects, a null as a mask.
    table = {
        name: pl.Series(column.astype(str))
        if name in KEYS[:2]
        else pl.Series(np.ma.filled(column.astype(float), np.nan))
        for name, column in columns.items()
    }
    return from_polars(pl.DataFrame(table).fill_nan(None))


def from_pandas(found: Any) -> pl.DataFrame:
    """Index and columns of the result."""
    found = found.rename(columns={"size": "n_frames", "count": "n"}).reset_index()
    table = {
        name: pl.Series(found[name].astype(str if name in KEYS[:2] else float).to_numpy()) for name in RESULT
    }
    return from_polars(pl.DataFrame(table).fill_nan(None))


Engine = tuple[Callable[[Sequence[Path]], Any], Callable[[Any], Any], Callable[[Any], pl.DataFrame]]

ENGINES: Final[Mapping[str, Engine]] = {
    "ethochat": (load_nothing, ours, from_polars),
    "duckdb": (load_nothing, duckdb_query, from_duckdb),
    "polars": (load_nothing, plain_polars, from_polars),
    "pandas": (load_pandas, pandas_query, from_pandas),
    "pandas, text": (load_pandas_text, pandas_query, from_pandas),
}
"""What is read beforehand, the query, and its result in one form."""

MODULES: Final = {
    "ethochat": "ethochat.index.frames",
    "duckdb": "duckdb",
    "polars": "polars",
    "pandas": "pandas",
    "pandas, text": "pandas",
}
"""What is imported before an engine is timed."""

TOLERANCE: Final = dict.fromkeys(("pandas", "pandas, text"), 1e-4)
"""Relative; pandas adds up 32-bit numbers in 32 bits. All others: 1e-9."""


def result_of(engine: str, files: Sequence[Path]) -> pl.DataFrame:
    """Result of one engine in the common form."""
    load, query, convert = ENGINES[engine]
    return convert(query(load(files)))


def differences(results: Mapping[str, pl.DataFrame]) -> list[str]:
    """Where an engine's result is not that of the product."""
    found = []
    reference = results["ethochat"]
    for name, table in results.items():
        if not table.select(KEYS).equals(reference.select(KEYS)):
            found.append(f"{name}: {len(table)} groups, or others than the {len(reference)} of ethochat")
            continue
        for column in COLUMNS:
            a, b = (side[column].to_numpy() for side in (table, reference))
            limit = 0.0 if column in ("n_frames", "n") else TOLERANCE.get(name, 1e-9)
            wrong = ~np.isclose(a, b, rtol=limit, atol=limit, equal_nan=True)
            if wrong.any():
                place = int(np.flatnonzero(wrong)[0])
                found.append(
                    f"{name}: {column} differs in {int(wrong.sum())} groups, first {table.row(place)} and {reference.row(place)}"
                )
    return found


# ----------------------------------------------------------------- one engine in a process of its own
def drop_from_cache(files: Sequence[Path]) -> None:
    """Let the system forget the files' pages, so that the next read is from disk."""
    for file in files:
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def peak_mib() -> float:
    """Most memory this process ever held, in MiB (``ru_maxrss`` would count the parent's too)."""
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return int(line.split()[1]) / 1024


def timed(engine: str, files: Sequence[Path]) -> tuple[float, float]:
    """Seconds of reading and query, and of the query alone where reading is apart."""
    load, query, _ = ENGINES[engine]
    started = time.perf_counter()
    data = load(files)
    loaded = time.perf_counter()
    query(data)
    stopped = time.perf_counter()
    return stopped - started, stopped - loaded


def work(engine: str, files: Sequence[Path], n_warm: int, result: Path | None) -> None:
    """Run one engine and print its times as JSON, or write its result."""
    if result is not None:
        result_of(engine, files).write_parquet(result)
        return
    importlib.import_module(MODULES[engine])
    drop_from_cache(files)
    cold, _ = timed(engine, files)
    warm = [timed(engine, files) for _ in range(n_warm)]
    print(
        json.dumps(
            {
                "cold": [cold],
                "warm": [a for a, _ in warm],
                "query": [b for _, b in warm],
                "peak": [peak_mib()],
            }
        )
    )


# ----------------------------------------------------------------- the table
def installed() -> list[str]:
    """Engines that can be run here; the others are named."""
    found = [engine for engine in ENGINES if importlib.util.find_spec(MODULES[engine].split(".")[0])]
    for engine in ENGINES:
        if engine not in found:
            print(f"{MODULES[engine]} is not installed, so {engine} is left out; extra `bench` brings it.")
    return found


def run(engine: str, options: argparse.Namespace, *more: str) -> str:
    """Start this file anew for one engine."""
    size = [f"--rows={options.rows}", f"--sessions={options.sessions}"]
    command = [sys.executable, __file__, *size, "--engine", engine, *more]
    environment = {**os.environ, "POLARS_MAX_THREADS": str(THREADS)}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return done.stdout


def compare(engines: Sequence[str], options: argparse.Namespace) -> list[str]:
    """Run every engine once and compare the results."""
    results = {}
    for number, engine in enumerate(engines):
        file = FOLDER / f"result_{number}.parquet"
        run(engine, options, f"--result={file}")
        results[engine] = pl.read_parquet(file)
    print(f"{len(results['ethochat']):,} groups; all engines agree." if not differences(results) else "")
    return differences(results)


def measure(engines: Sequence[str], options: argparse.Namespace) -> dict[str, dict[str, list[float]]]:
    """Times of all engines, in turns."""
    times: dict[str, dict[str, list[float]]] = {engine: {} for engine in engines}
    for _ in range(options.repeats):
        for engine in engines:
            n_warm = 1 if engine.startswith("pandas") else 3
            for name, values in json.loads(run(engine, options, f"--warm={n_warm}")).items():
                times[engine].setdefault(name, []).extend(values)
    return times


def show(times: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    """Print medians, and how many times as long as ours the others take."""
    middle = {
        engine: {name: statistics.median(values) for name, values in found.items()}
        for engine, found in times.items()
    }
    own = middle["ethochat"]["warm"]
    print(
        "| engine | cold (s) | warm (s) | of it the query (s) | fastest (s) | warm / ours | query / ours | peak (MiB) |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for engine, found in middle.items():
        alone = f"{found['query']:.2f}" if engine.startswith("pandas") else "all"
        ratios = f"{found['warm'] / own:.1f} | {found['query'] / own:.1f}"
        least, most = min(times[engine]["warm"]), max(times[engine]["peak"])
        print(
            f"| {engine} | {found['cold']:.2f} | {found['warm']:.2f} | {alone} | {least:.2f} | {ratios} | {most:.0f} |"
        )


def verdicts(times: Mapping[str, Mapping[str, Sequence[float]]]) -> list[str]:
    """What was asked of the engine, and what came out."""
    own, peak = statistics.median(times["ethochat"]["warm"]), max(times["ethochat"]["peak"])
    lines = [
        f"Warm under 1 s: {'yes' if own < 1 else 'no'} ({own:.2f} s). Under 2 GiB: {'yes' if peak < 2048 else 'no'} ({peak:.0f} MiB)."
    ]
    for name in (name for name in times if name.startswith("pandas")):
        whole, query = (statistics.median(times[name][part]) / own for part in ("warm", "query"))
        lines.append(
            f"10 times faster than {name}: {'yes' if whole >= 10 else 'no'} ({whole:.1f} times with its reading, {query:.1f} without)."
        )
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the table, check that all engines agree on it, and time them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=REQUIRED)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--engine", choices=ENGINES)
    parser.add_argument("--warm", type=int, default=1)
    parser.add_argument("--result", type=Path)
    options = parser.parse_args(arguments)
    n_frames = options.rows // options.sessions
    files = make_frames(FOLDER / f"frames_{options.sessions}x{n_frames}", options.sessions, n_frames)
    if options.engine:
        work(options.engine, files, options.warm, options.result)
        return 0
    size = sum(file.stat().st_size for file in files) / 2**20
    print(
        f"{n_frames * len(files):,} frames of {len(files)} sessions, {size:.0f} MiB; {platform.machine()}, ",
        end="",
    )
    print(f"{os.cpu_count()} cores, {THREADS} threads; medians of {options.repeats} rounds.")
    engines = installed()
    wrong = compare(engines, options)
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    before = os.getloadavg()[0]
    times = measure(engines, options)
    print(f"Load before and after: {before:.1f}, {os.getloadavg()[0]:.1f}.\n")
    show(times)
    if options.rows >= REQUIRED:
        print("\n".join(verdicts(times)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
