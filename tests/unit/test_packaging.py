"""What would be missing from an installed copy."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_package_is_listed_for_installation() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {"ethochat"}
    for top in ("agent", "index", "tools", "ui"):
        for init in (ROOT / top).rglob("__init__.py"):
            parts = init.parent.relative_to(ROOT).parts
            if "_package" not in parts:
                found.add(".".join(("ethochat", *parts)))
    assert listed == found


def test_version_is_said_once() -> None:
    from ethochat import __version__

    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__
