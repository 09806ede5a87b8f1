"""What can go wrong below the agent, as one tree.

::

    EthochatError
    ├── InputError                 something the user gave cannot be used as it is
    │   ├── ExperimentError        experiment.toml or sessions.csv
    │   ├── FormatError            a track, annotation or metric file
    │   └── VideoError             a video that cannot be opened or decoded
    ├── CatalogError               the derived data under .ethochat/
    │   ├── NotIngestedError       nothing was ingested yet
    │   ├── CatalogLockedError     another process is writing
    │   └── StaleIndexError        written by another version, model or configuration
    └── BackendUnavailableError    an optional part is not installed or does not answer

A message says what was expected, what was found and what to do, and names file and row where there is one.
"""

from __future__ import annotations

from pathlib import Path


class EthochatError(Exception):
    """Base of every error that ethochat raises on purpose."""


class InputError(EthochatError):
    """Something the user gave cannot be used as it is."""

    def __init__(
        self,
        message: str,
        *,
        path: Path | str | None = None,
        row: int | None = None,
        column: str | None = None,
    ) -> None:
        """Build the message from its place and its text.

        Parameters
        ----------
        message
            What was expected, what was found, what to do.
        path
            The file at fault.
        row
            1-based line of the file, the header line included, as an editor shows it.
        column
            The column at fault.
        """
        place = str(path) if path is not None else ""
        if row is not None:
            place += f", line {row}"
        if column is not None:
            place += f", column {column!r}"
        super().__init__(f"{place.removeprefix(', ')}: {message}" if place else message)
        self.path, self.row, self.column = path, row, column


class ExperimentError(InputError):
    """``experiment.toml`` or ``sessions.csv`` is wrong."""


class FormatError(InputError):
    """A track, annotation or metric file is not what it was declared to be."""


class VideoError(InputError):
    """A video cannot be opened or decoded."""


class CatalogError(EthochatError):
    """The derived data under ``.ethochat/`` cannot be used."""


class NotIngestedError(CatalogError):
    """Nothing was ingested yet."""


class CatalogLockedError(CatalogError):
    """Another process is writing to the experiment."""


class StaleIndexError(CatalogError):
    """The derived data was written by another version, model or configuration."""


class BackendUnavailableError(EthochatError):
    """An optional part is not installed or does not answer."""
