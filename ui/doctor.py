"""What an experiment's derived data was made with, what in it is doubtful, and what is stale."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import polars as pl

from ethochat import __version__
from ethochat.agent.run import recorded_store
from ethochat.index.catalog import CATALOG_VERSION, FAILED, PENDING, Catalog
from ethochat.index.errors import EthochatError
from ethochat.index.experiment import Experiment, load_experiment
from ethochat.index.ingest import FileHashes, fingerprint

_PACKAGES: Final = (
    "langgraph",
    "langchain-core",
    "polars",
    "qdrant-edge-py",
    "qdrant-client",
    "sentence-transformers",
    "torch",
    "movement",
    "gradio",
)
_WHY: Final = {
    None: "was not ingested",
    FAILED: "could not be ingested",
    PENDING: "its ingest was interrupted",
}


def examine(root: Path) -> dict[str, Any]:
    """Examine an experiment folder; nothing is changed.

    Parameters
    ----------
    root
        Experiment folder, ingested or not.

    Returns
    -------
    dict
        ``versions``, ``experiment``, ``index``, ``flags`` and ``problems`` with what to do about each.

    Raises
    ------
    ExperimentError
        When the folder is no experiment.
    """
    experiment = load_experiment(root)
    catalog = Catalog(experiment.data_dir)
    problems = _stale_sessions(experiment, catalog)
    index, index_problems = _index(catalog)
    flags = catalog.load("flags").sort("session_id", "code")
    return {
        "versions": {"ethochat": __version__, "python": platform.python_version()} | _installed(),
        "experiment": {
            "name": experiment.name,
            "sessions": len(experiment.sessions),
            "catalog version": catalog.read_state().get("catalog_version"),
            "ingested with ethochat": catalog.read_state().get("ethochat_version"),
        },
        "index": index,
        "flags": [
            f"{row['session_id']}: {row['code']}: {row['message']}" for row in flags.iter_rows(named=True)
        ],
        "problems": [*problems, *index_problems],
    }


def _installed() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _stale_sessions(experiment: Experiment, catalog: Catalog) -> list[str]:
    """Compare each session's files, row and configuration with what was ingested."""
    state = catalog.read_state()
    known = state.get("sessions")
    command = f"run `ethochat ingest {experiment.root}`"
    if not isinstance(known, dict) or not known:
        return [f"nothing was ingested; {command}"]
    if state.get("catalog_version") != CATALOG_VERSION:
        return [
            f"the tables have version {state.get('catalog_version')}, expected {CATALOG_VERSION}; {command}"
        ]
    hashes = FileHashes(catalog.data_dir / "cache" / "hashes.json")
    problems = []
    for session in experiment.sessions:
        try:
            wanted = fingerprint(experiment, session, hashes)
        except OSError as exc:
            problems.append(f"{session.session_id}: a file cannot be read: {exc}")
            continue
        if known.get(session.session_id) != wanted:
            what = _WHY.get(known.get(session.session_id), "changed since it was ingested")
            problems.append(f"{session.session_id}: {what}; {command}")
    ids = {session.session_id for session in experiment.sessions}
    problems += [f"{name}: no longer in sessions.csv; {command}" for name in sorted(set(known) - ids)]
    return problems


def _index(catalog: Catalog) -> tuple[dict[str, Any], list[str]]:
    store = recorded_store(catalog)
    facts: dict[str, Any] = {
        "store": store,
        "segments": catalog.scan("segments").select(pl.len()).collect().item(),
    }
    if not catalog.read_state().get("sessions"):
        return facts, []
    from ethochat.index.search import open_search

    try:
        search = open_search(catalog.data_dir, spec=store)
    except EthochatError as exc:
        return facts, [str(exc)]
    try:
        facts |= {"embedder": search.embedder.name, "vectors": search.store.count()}
        search.check()
    except EthochatError as exc:
        return facts, [str(exc)]
    finally:
        search.close()
    return facts, []
