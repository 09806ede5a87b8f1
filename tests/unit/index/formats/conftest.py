"""Files written on the fly, a request to read them with, and the folder of real recordings."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from ethochat.index.formats.base import ReadRequest
from ethochat.index.timebase import TimeBase

PROJECT = Path(__file__).parents[4]
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
BOOK = f'xmlns="{SHEET}" xmlns:r="{OFFICE}"'
RELATIONS = f'xmlns="{PACKAGE}/relationships"'


@pytest.fixture
def ask() -> Callable[..., ReadRequest]:
    """Build a request: fps 25 unless said otherwise, every further keyword an option."""

    def build(
        *,
        fps: int | None = 25,
        source: str | None = None,
        source_kind: str = "manual",
        session_key: str | None = None,
        **options: object,
    ) -> ReadRequest:
        return ReadRequest(
            timebase=TimeBase(fps=None if fps is None else Fraction(fps)),
            source=source,
            source_kind=source_kind,
            session_key=session_key,
            options=options,
        )

    return build


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a text file and give its path."""

    def save(text: str | bytes, name: str = "file.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return save


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Folder of real recordings; skips where it is absent."""
    path = Path(os.environ.get("ETHOCHAT_TEST_DATA", PROJECT / "../shared/data")).resolve()
    if not path.is_dir():
        pytest.skip("no real recordings here: set ETHOCHAT_TEST_DATA")
    return path


@pytest.fixture
def spreadsheet(tmp_path: Path) -> Callable[..., Path]:
    """Write rows of texts and numbers as the one sheet of an xlsx file."""

    def save(
        rows: Sequence[Sequence[object]], *, name: str = "table.xlsx", sheets: Sequence[str] = ("Sheet1",)
    ) -> Path:
        cells = "".join("<row>" + "".join(map(_cell, row)) + "</row>" for row in rows)
        named = enumerate(sheets, start=1)
        listed = "".join(f'<sheet name="{sheet}" sheetId="{k}" r:id="rId{k}"/>' for k, sheet in named)
        ids = range(1, len(sheets) + 1)
        links = "".join(
            f'<Relationship Id="rId{k}" Type="{OFFICE}/worksheet" Target="sheet1.xml"/>' for k in ids
        )
        main = f'<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="workbook.xml"/>'
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for part, text in {
                "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>',
                "_rels/.rels": f"<Relationships {RELATIONS}>{main}</Relationships>",
                "_rels/workbook.xml.rels": f"<Relationships {RELATIONS}>{links}</Relationships>",
                "workbook.xml": f"<workbook {BOOK}><sheets>{listed}</sheets></workbook>",
                "sheet1.xml": f'<worksheet xmlns="{SHEET}"><sheetData>{cells}</sheetData></worksheet>',
            }.items():
                archive.writestr(part, text)
        return tmp_path / name

    return save


def _cell(value: object) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f"<c><v>{value}</v></c>"
