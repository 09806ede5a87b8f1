"""Whose descriptions search and statistics use: one line of experiment.toml."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import tomlkit

from ethochat.index.catalog import Catalog, replace_file
from ethochat.index.describers.in_use import JOURNAL_FILE, KINEMATIC
from ethochat.index.describing.journal import Journal
from ethochat.index.describing.rows import describer_name
from ethochat.index.errors import InputError
from ethochat.index.experiment import MANIFEST, load_experiment
from ethochat.index.ingest import exclusive, publish


def describers_of(root: Path) -> tuple[str, ...]:
    """Models that described something of an experiment, as ``--use`` takes them."""
    data_dir = load_experiment(root).data_dir
    if not (data_dir / JOURNAL_FILE).is_file():
        return ()
    with Journal(data_dir) as journal:
        return tuple(describer_name(model) for model in journal.models())


def choose_describer(
    root: Path, describer: str, *, store: str, progress: Callable[[str, int, int], None]
) -> None:
    """Write the choice into experiment.toml and bring tables and index to it.

    Raises
    ------
    InputError
        When nobody of that name described anything.
    CatalogLockedError
        When an ingest is running.
    """
    # Back to the words without a model goes also where the journal is damaged.
    known = (KINEMATIC,) if describer == KINEMATIC else (KINEMATIC, *describers_of(root))
    if describer not in known:
        raise InputError(f"Expected one of {', '.join(known)}, got {describer!r}.")
    experiment = load_experiment(root)
    with exclusive(experiment.data_dir):
        path = experiment.root / MANIFEST
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
        document.setdefault("descriptions", tomlkit.table())["describer"] = describer
        try:
            replace_file(path, tomlkit.dumps(document).encode())
        except OSError as exc:
            raise InputError(
                f"Expected a file that can be written, found: {exc.strerror or exc}.", path=path
            ) from exc
        chosen = load_experiment(root)
        publish(chosen, Catalog.open(chosen.data_dir), store=store, progress=progress)
