"""Against packages named torchvision that behave as the real one does, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ethochat.index.torchvision_ops import ensure_torchvision

SANE = "from torchvision import ops\n"
NOT_LOADED = """
import torch
try:
    torch.library.register_fake("torchvision::nms")(lambda dets, scores, iou_threshold: dets)
except RuntimeError as exc:
    raise RuntimeError("operator torchvision::nms does not exist") from exc
from torchvision import ops
"""
BROKEN = "from torch import what_an_older_version_had\n"


def call(tmp_path, package: str | None, code: str = "") -> subprocess.CompletedProcess[str]:
    if package is not None:
        (tmp_path / "torchvision").mkdir()
        (tmp_path / "torchvision" / "__init__.py").write_text(package, encoding="utf-8")
        (tmp_path / "torchvision" / "ops.py").touch()
    program = f"""
import logging, sys
logging.basicConfig(format="%(message)s")
from ethochat.index.torchvision_ops import ensure_torchvision
if {package is None}:
    sys.path[:] = [place for place in sys.path if "site-packages" not in place]
print(ensure_torchvision(), ensure_torchvision(), "torchvision" in sys.modules, "torch" in sys.modules)
{code}
"""
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    return subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )


def test_where_it_is_absent_nothing_is_imported(tmp_path):
    done = call(tmp_path, None)
    assert (done.stdout, done.stderr) == ("False False False False\n", "")


def test_a_sane_one_is_only_imported(tmp_path):
    done = call(tmp_path, SANE)
    assert (done.stdout, done.stderr) == ("True True True False\n", "")


def test_missing_operators_are_declared(tmp_path):
    done = call(
        tmp_path, NOT_LOADED, "import torchvision.ops, torch\nprint(torch.ops.torchvision.nms.default.name())"
    )
    assert (done.stdout, done.stderr) == ("True True True True\ntorchvision::nms\n", "")


def test_one_that_cannot_be_repaired_is_told_once_with_the_remedy(tmp_path):
    done = call(tmp_path, BROKEN)
    assert done.stdout == "False False False True\n"
    assert done.stderr.count("\n") == 1
    assert "what_an_older_version_had" in done.stderr
    assert "or uninstall it" in done.stderr


@pytest.mark.skipif(not ensure_torchvision(), reason="needs torchvision")
def test_the_installed_one_resizes_pixels():
    import torch
    from torchvision.transforms.v2 import functional

    gray = torch.full((1, 3, 8, 8), 7, dtype=torch.uint8)
    assert functional.resize(gray, [4, 4], antialias=True).unique().tolist() == [7]
