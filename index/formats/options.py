"""Reader options as declared in ``experiment.toml``: typed, and refused by name where they are unknown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ethochat.index.errors import FormatError
from ethochat.index.sheet import near


def _text(value: object) -> object:
    return str(value) if type(value) is int else value


def _texts(value: object) -> object:
    return tuple(_text(item) for item in value) if isinstance(value, list | tuple) else (_text(value),)


Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
"""Several texts or whole numbers; one alone is accepted too."""
Column = Annotated[str, BeforeValidator(_text)]
"""Name of a column, or its number (from 0) in a file without a header."""


class ReaderOptions(BaseModel):
    """Options that every reader has: none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TextOptions(ReaderOptions):
    """How a text table is written."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """Character between cells; a comma where nothing is declared (a tab in ``.tsv`` files)."""
    encoding: str = "utf-8-sig"
    decimal: Annotated[str, Field(pattern=r"^[.,]$")] = "."
    """Decimal sign of numbers."""


OptionsT = TypeVar("OptionsT", bound=ReaderOptions)


def parse_options(
    model: type[OptionsT], values: Mapping[str, object], *, reader: str, path: Path
) -> OptionsT:
    """Check declared options against what a reader knows.

    Raises
    ------
    FormatError
        Naming every option that is unknown or has a wrong value.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as exc:
        problems = [
            _worded(
                model,
                ".".join(str(part) for part in error["loc"]),
                error["type"],
                error["msg"],
                error["input"],
            )
            for error in exc.errors()
        ]
        raise FormatError(f"Options of reader {reader!r}: {'; '.join(problems)}.", path=path) from exc


def _worded(model: type[ReaderOptions], name: str, kind: str, message: str, found: object) -> str:
    if kind == "extra_forbidden":
        known = sorted(model.model_fields)
        return f"expected one of {', '.join(known)}, found {name!r}{near(name, known)}"
    if kind == "missing":
        return f"expected {name!r} to be declared"
    where = f"{name!r}: " if name else ""
    text = message.removeprefix("Value error, ")
    return f"{where}{text[:1].lower()}{text[1:]}, found {found!r}" if name else text
