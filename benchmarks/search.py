"""How far each vector index goes: build rate, size, memory, opening and the latency of filtered hybrid queries.

Segments are synthetic: a few thousand descriptions shared by all of them, a few by most (Zipf), each with a vector near
one of 500 centers; sessions of 500 segments with group, sex and dose. They are written as tables and indexed by the
code that an ingest uses, and searched by the code that a question uses, check against the tables included. Only the
sentence model is a look-up. A plain NumPy scan answers the same queries with the same filters: the limit of what
comparing every vector can give. Each index is built and searched in a process of its own.

Run from the project folder: ``python benchmarks/search.py --sizes 10000 100000 --output docs/search-speed.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from ethochat.index.embedders.sparse import embed_document, embed_query
from ethochat.index.store.base import FieldCondition

DIMENSION: Final = 384
N_CENTERS: Final = 500
N_TEXTS: Final = 3000
PER_SESSION: Final = 500
LIMITS: Final = (10, 400)
VERBS = "rears walks runs grooms digs freezes sniffs jumps turns stretches climbs follows chases approaches explores rests".split()
PLACES = "at the wall,in the center,in a corner,near the object,in the open arm,beside the other mouse,under the shelter".split(
    ","
)
MANNERS = "slowly,quickly,turning left,turning right,with the head up,with the body stretched,for about 2 s,without stopping".split(
    ","
)


class LookedUp:
    """An embedder that knows the vectors of its texts; a query is a text with one word more."""

    name = "looked-up@1"
    dimension = DIMENSION

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        centers = rng.standard_normal((N_CENTERS, DIMENSION), dtype=np.float32)
        near = centers[np.arange(N_TEXTS) % N_CENTERS] + 0.6 * rng.standard_normal(
            (N_TEXTS, DIMENSION), dtype=np.float32
        )
        self._vectors = near / np.linalg.norm(near, axis=1, keepdims=True)

    def embed(self, texts):
        """Shape ``(len(texts), DIMENSION)``."""
        return self._vectors[[int(text.rpartition(" number ")[2].split()[0].strip(".")) for text in texts]]


def descriptions() -> list[str]:
    rng = np.random.default_rng(2)
    parts = zip(*(rng.choice(words, N_TEXTS) for words in (VERBS, PLACES, MANNERS)), strict=True)
    return [f"The mouse {verb} {place} {manner} number {n}." for n, (verb, place, manner) in enumerate(parts)]


def write_experiment(data_dir: Path, n: int) -> None:
    """Write the tables of n segments and the state that an ingest leaves."""
    from ethochat.index.catalog import CATALOG_VERSION, Catalog

    rng = np.random.default_rng(3)
    catalog, texts = Catalog(data_dir), np.array(descriptions())
    share = 1 / np.arange(1, N_TEXTS + 1)
    names = [f"s{k:05d}" for k in range(-(-n // PER_SESSION))]
    for k, name in enumerate(names):
        size = min(PER_SESSION, n - k * PER_SESSION)
        which = rng.choice(N_TEXTS, size, p=share / share.sum())
        start = np.sort(rng.uniform(0, 600, size))
        ids = [f"{name}-{i}" for i in range(size)]
        verbs = [text.split()[2] for text in texts[which]]
        segments = pl.DataFrame(
            {
                "segment_id": ids,
                "session_id": [name] * size,
                "individual": [""] * size,
                "source": rng.choice(["rules", "anna", "ben"], size).tolist(),
                "start_time": start,
                "stop_time": start + rng.gamma(2.0, 1.5, size),
                "behaviors": [[verb] for verb in verbs],
                "zones": [["center"] if i % 3 else [] for i in range(size)],
                "mean_speed": rng.gamma(2.0, 4.0, size),
                "distance": rng.gamma(2.0, 10.0, size),
            }
        )
        described = pl.DataFrame(
            {
                "segment_id": ids,
                "session_id": [name] * size,
                "describer": ["kinematic"] * size,
                "overall": texts[which],
            }
        )
        session = pl.DataFrame(
            {
                "session_id": [name],
                "subject_id": [f"m{k % 97}"],
                "time_unit": ["s"],
                "group": [("drug", "control", "sham")[k % 3]],
                "sex": [("female", "male")[k % 2]],
                "dose": [float(k % 4)],
            }
        )
        catalog.write_session(name, {"sessions": session, "segments": segments, "descriptions": described})
    catalog.write_state({"catalog_version": CATALOG_VERSION, "sessions": dict.fromkeys(names, "x")})


@dataclass(frozen=True)
class Question:
    """A description and what narrows it."""

    text: str
    conditions: tuple[FieldCondition, ...]


def questions(n: int) -> list[Question]:
    """Forty questions, each with none to three filters."""
    rng = np.random.default_rng(4)
    sessions = [f"s{k:05d}" for k in range(-(-n // PER_SESSION))]
    kinds: tuple[Callable[[], FieldCondition], ...] = (
        lambda: FieldCondition(field="meta.group", op="==", value=str(rng.choice(["drug", "control"]))),
        lambda: FieldCondition(field="meta.sex", op="!=", value="male"),
        lambda: FieldCondition(field="meta.dose", op=">=", value=float(rng.integers(1, 4))),
        lambda: FieldCondition(field="mean_speed", op="<", value=float(rng.uniform(4, 20))),
        lambda: FieldCondition(field="start_time", op="<", value=180.0),
        lambda: FieldCondition(field="zones", op="in", value=("center",)),
        lambda: FieldCondition(field="source", op="not in", value=("ben",)),
        lambda: FieldCondition(
            field="session_id",
            op="in",
            value=tuple(rng.choice(sessions, max(1, len(sessions) // 4), replace=False).tolist()),
        ),
    )
    texts = descriptions()
    asked = []
    for i in range(40):
        chosen = rng.choice(len(kinds), i % 4, replace=False)
        asked.append(
            Question(texts[int(rng.integers(N_TEXTS))] + " please", tuple(kinds[k]() for k in chosen))
        )
    return asked


# ------------------------------------------------------------------ in a process of its own
def build(data_dir: Path, spec: str) -> dict[str, float]:
    from ethochat.index.catalog import Catalog
    from ethochat.index.search import VECTORS_DIR, index_catalog
    from ethochat.index.store import open_store

    model, catalog = LookedUp(), Catalog(data_dir)
    began = time.perf_counter()
    store = open_store(
        spec, path=data_dir / VECTORS_DIR, dimension=DIMENSION, embedder_name=model.name, rebuild=True
    )
    n_segments, _ = index_catalog(store, model, catalog)
    written = time.perf_counter() - began
    store.close()
    took = time.perf_counter() - began
    folder = data_dir / VECTORS_DIR / spec
    return {
        "rate_per_s": n_segments / took,
        "publish_s": took - written,
        "disk_mib": sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file()) / 2**20,
        "build_peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def query(data_dir: Path, spec: str, n: int) -> dict[str, Any]:
    from ethochat.index.search import open_search

    model = LookedUp()
    before = resident_mib()
    began = time.perf_counter()
    search = open_search(data_dir, spec=spec, embedder=model)
    search.embedder = model  # without the cache of vectors, which is no part of the index
    first = questions(n)[1]
    search.store.count()
    opened = time.perf_counter() - began
    began = time.perf_counter()
    search.check()
    checked = time.perf_counter() - began
    began = time.perf_counter()
    search.retrieve(first.text, conditions=first.conditions, limit=10)
    answered = time.perf_counter() - began
    measured: dict[str, Any] = {
        "open_s": opened,
        "first_check_ms": 1e3 * checked,
        "first_query_ms": 1e3 * answered,
    }
    for limit in LIMITS:
        ask = lambda q, limit=limit: search.retrieve(q.text, conditions=q.conditions, limit=limit)  # noqa: E731
        measured[f"limit {limit}"] = timed(ask, questions(n))
    measured["check_ms"] = timed(lambda _: search.check(), questions(n))["p50_ms"]
    measured["resident_mib"] = resident_mib() - before
    measured["scores"] = [
        [hit.score for hit in search.retrieve(q.text, conditions=q.conditions, limit=10)]
        for q in questions(n)
    ]
    search.close()
    return measured


def scan(data_dir: Path, spec: str, n: int) -> dict[str, Any]:
    """The same by NumPy: every vector and word compared, filters as masks."""
    from scipy.sparse import csc_array

    from ethochat.index.catalog import Catalog
    from ethochat.index.store.querying import DENSE_SHARE, PIVOT

    model, catalog = LookedUp(), Catalog(data_dir)
    before = resident_mib()
    began = time.perf_counter()
    table = (
        catalog.scan("segments")
        .collect()
        .join(catalog.scan("descriptions").collect().select("segment_id", "overall"), on="segment_id")
        .join(catalog.load("sessions"), on="session_id")
    )
    texts = table["overall"].to_list()
    vectors = model.embed(texts)
    # Text as numbers, or comparing it would be all that is measured.
    codes: dict[str, dict[str, int]] = {}
    columns = {name: table[name].to_numpy() for name in ("start_time", "mean_speed", "dose")}
    for name in ("session_id", "source", "group", "sex"):
        values, columns[name] = np.unique(table[name].to_numpy().astype(str), return_inverse=True)
        codes[name] = {value: code for code, value in enumerate(values.tolist())}
    columns["zones"] = table["zones"].list.contains("center").to_numpy()
    distinct = {text: embed_document(text) for text in set(texts)}
    places = {
        place: column
        for column, place in enumerate(sorted({int(i) for v in distinct.values() for i in v.indices}))
    }
    sizes = [distinct[text].indices.size for text in texts]
    words = csc_array(
        (
            np.concatenate([distinct[text].values for text in texts]),
            (
                np.repeat(np.arange(len(texts)), sizes),
                [places[int(i)] for text in texts for i in distinct[text].indices],
            ),
        ),
        shape=(len(texts), len(places)),
    )
    n_with = np.zeros(len(places))  # texts with a word, as the index counts them
    for vector in distinct.values():
        n_with[[places[int(i)] for i in vector.indices]] += 1
    idf = np.log((len(distinct) - n_with + 0.5) / (n_with + 0.5) + 1)
    opened = time.perf_counter() - began

    def mask(condition: FieldCondition) -> np.ndarray:
        name, value = condition.field.removeprefix("meta."), condition.value
        column = columns[name]
        if name in codes:
            value = (
                tuple(codes[name][v] for v in value) if isinstance(value, tuple) else codes[name][str(value)]
            )
        if name == "zones":
            return column
        if condition.op in ("in", "not in"):
            return np.isin(column, value, invert=condition.op == "not in")
        compare = {"==": np.equal, "!=": np.not_equal, "<": np.less, ">=": np.greater_equal}
        return compare[condition.op](column, value)

    def ask(question: Question, limit: int) -> np.ndarray:
        kept = np.arange(len(texts))
        if question.conditions:
            kept = np.flatnonzero(np.logical_and.reduce([mask(item) for item in question.conditions]))
        cosine = (vectors @ model.embed([question.text])[0])[kept]
        bm25 = np.zeros(len(texts))
        for place in embed_query(question.text).indices:
            if int(place) in places:
                column = places[int(place)]
                rows = words.indices[words.indptr[column] : words.indptr[column + 1]]
                bm25[rows] += idf[column] * words.data[words.indptr[column] : words.indptr[column + 1]]
        bm25 = bm25[kept]
        score = DENSE_SHARE * cosine + (1 - DENSE_SHARE) * bm25 / (bm25 + PIVOT)
        best = np.argpartition(-score, limit)[:limit] if limit < len(score) else np.arange(len(score))
        return np.sort(score[best])[::-1]

    measured: dict[str, Any] = {"open_s": opened}
    for limit in LIMITS:
        measured[f"limit {limit}"] = timed(lambda q, limit=limit: ask(q, limit), questions(n))
    measured["resident_mib"] = resident_mib() - before
    measured["scores"] = [ask(q, 10).tolist() for q in questions(n)]
    return measured


def timed(ask: Callable[[Question], object], asked: list[Question]) -> dict[str, float]:
    """Two rounds; the first one warms what the system reads from disk."""
    took = []
    for question in [*asked, *asked]:
        began = time.perf_counter()
        ask(question)
        took.append(1e3 * (time.perf_counter() - began))
    later = took[len(asked) :]
    return {"p50_ms": float(np.percentile(later, 50)), "p95_ms": float(np.percentile(later, 95))}


def resident_mib() -> float:
    """Resident memory of this process, what it maps from files included."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


# ------------------------------------------------------------------ all of them
def run_apart(step: str, data_dir: Path, spec: str, n: int, graph_from: int | None) -> dict[str, Any]:
    call = [sys.executable, __file__, "--step", step, str(data_dir), spec, str(n), str(graph_from or 0)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def measure(n: int, stores: list[str], folder: Path, graph_from: int | None) -> Iterator[dict[str, Any]]:
    data_dir = folder / ".ethochat"
    write_experiment(data_dir, n)
    exact = run_apart("scan", data_dir, "numpy", n, None)
    yield {"n": n, "what": "NumPy scan", **exact}
    for spec in stores:
        built = run_apart("build", data_dir, spec, n, graph_from)
        asked = run_apart("query", data_dir, spec, n, graph_from)
        name = spec + (" with a graph" if graph_from and graph_from <= n else "")
        yield {
            "n": n,
            "what": name,
            **built,
            **asked,
            "agreement": agreement(asked["scores"], exact["scores"]),
        }


def agreement(found: list[list[float]], exact: list[list[float]]) -> float:
    """Share of the best ten that score as the scan's best ten do; which of equals are shown does not matter."""
    shares = [
        float(np.mean(np.abs(np.array(a) - np.array(b)) < 1e-4))
        if len(a) == len(b) and b
        else float(len(a) == len(b))
        for a, b in zip(found, exact, strict=True)
    ]
    return float(np.mean(shares))


def table_of(results: list[dict[str, Any]]) -> str:
    """The results as a Markdown table."""
    heads = "segments,index,built /s,disk MiB,memory MiB,open s,best 10: p50 ms,p95,best 400: p50 ms,p95,check ms,as the scan".split(
        ","
    )
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in results:
        cells = [
            f"{row['n']:,}",
            row["what"],
            f"{row['rate_per_s']:,.0f}" if "rate_per_s" in row else "",
            f"{row['disk_mib']:,.0f}" if "disk_mib" in row else "",
            f"{row['resident_mib']:,.0f}",
            f"{row['open_s']:.2f}",
            *(f"{row[f'limit {limit}'][key]:.1f}" for limit in LIMITS for key in ("p50_ms", "p95_ms")),
            f"{row['check_ms']:.2f}" if "check_ms" in row else "",
            f"{row['agreement']:.3f}" if "agreement" in row else "",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--stores", nargs="+", default=["edge"], choices=["edge", "local"])
    parser.add_argument("--graph-from", type=int, help="Build a graph over the vectors from this size on.")
    parser.add_argument("--output", type=Path, help="Markdown file for the table.")
    parser.add_argument("--step", nargs=5, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        step, data_dir, spec, n, graph_from = given.step
        if int(graph_from):
            from ethochat.index.store import edge

            edge.GRAPH_FROM = int(graph_from)  # type: ignore[misc]
        functions = {
            "build": lambda: build(Path(data_dir), spec),
            "query": lambda: query(Path(data_dir), spec, int(n)),
            "scan": lambda: scan(Path(data_dir), spec, int(n)),
        }
        print(json.dumps(functions[step]()))
        return
    results = []
    for n in given.sizes:
        folder = Path(tempfile.mkdtemp(prefix="ethochat-bench-"))
        try:
            for row in measure(n, given.stores, folder, given.graph_from):
                results.append(row)
                shown = {key: value for key, value in row.items() if key != "scores"}
                print(json.dumps(shown), flush=True)
        finally:
            shutil.rmtree(folder)
    text = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores\n\n{table_of(results)}\n"
    print(text)
    if given.output:
        given.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
