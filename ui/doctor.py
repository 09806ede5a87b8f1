"""What an experiment's derived data was made with, what in it is doubtful, and what is stale."""

from __future__ import annotations

import platform
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import polars as pl

from ethochat import __version__
from ethochat.agent.run import recorded_store
from ethochat.index.catalog import CATALOG_VERSION, FAILED, PENDING, Catalog
from ethochat.index.describers.in_use import KINEMATIC
from ethochat.index.errors import BackendUnavailableError, EthochatError
from ethochat.index.experiment import Experiment, load_experiment
from ethochat.index.ingest import FileHashes, fingerprint
from ethochat.index.vlm.access import VlmAccess
from ethochat.index.vlm.base import Vlm

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


def examine(root: Path, *, vlm: str | Vlm | None = None, run_model_code: bool = False) -> dict[str, Any]:
    """Examine an experiment folder; nothing is changed.

    Parameters
    ----------
    root
        Experiment folder, ingested or not.
    vlm
        Vision-language model to try, by name or instance.
    run_model_code
        Whether code that comes with its weights may run.

    Returns
    -------
    dict
        ``versions``, ``experiment``, ``index``, ``descriptions``, ``vision-language model`` where one was named, ``flags`` and
        ``problems`` with what to do about each.

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
    descriptions, describer_problems = _descriptions(experiment, catalog)
    tried, vlm_problems = _try(experiment, vlm, run_model_code=run_model_code)
    return {
        "versions": {"ethochat": __version__, "python": platform.python_version()} | _installed(),
        "experiment": {
            "name": experiment.name,
            "sessions": len(experiment.sessions),
            "catalog version": catalog.read_state().get("catalog_version"),
            "ingested with ethochat": catalog.read_state().get("ethochat_version"),
        },
        "index": index,
        "descriptions": descriptions,
        **tried,
        "flags": [
            f"{row['session_id']}: {row['code']}: {row['message']}" for row in flags.iter_rows(named=True)
        ],
        "problems": [*problems, *index_problems, *describer_problems, *vlm_problems],
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


def _descriptions(experiment: Experiment, catalog: Catalog) -> tuple[dict[str, Any], list[str]]:
    """Whose descriptions there are, how many of each, and whose are used."""
    in_use = experiment.descriptions.describer
    counted = catalog.load("descriptions").group_by("describer").len().sort("describer")
    counts = {str(name): n for name, n in counted.iter_rows()}
    problems = []
    if in_use not in (KINEMATIC, *counts):
        problems.append(
            f"experiment.toml uses the descriptions by {in_use}, which described nothing here, so kinematic words are used; run "
            f"`ethochat describe {experiment.root} --vlm …`, or `--use kinematic`"
        )
    return {"in use": in_use, **{f"by {name}": f"{n} segments" for name, n in counts.items()}}, problems


def _try(
    experiment: Experiment, vlm: str | Vlm | None, *, run_model_code: bool
) -> tuple[dict[str, Any], list[str]]:
    """Ask a vision-language model something small of each kind."""
    if vlm is None:
        return {}, []
    access = VlmAccess(spec=vlm, settings=replace(experiment.vlm, run_model_code=run_model_code))
    try:
        able = access.capabilities()
        told = {
            "model": access.open().model,
            "runs on": able.device,
            "takes clips as": "videos" if able.video else "images, one after the other",
            "follows a JSON schema": "yes" if able.structured else "no",
            "gives probabilities": "yes" if able.probabilities else "no",
        }
    except BackendUnavailableError as exc:
        return {"vision-language model": {"model": str(access.name)}}, [str(exc)]
    finally:
        access.close()
    return {"vision-language model": told}, list(able.notes)
