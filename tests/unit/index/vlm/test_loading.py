"""Names of models that are no names."""

from __future__ import annotations

import pytest

from ethochat.index.errors import BackendUnavailableError
from ethochat.index.vlm.loading import load_model


@pytest.mark.parametrize(
    "name",
    [
        "/" + "x" * 5000,
        "x" * 5000,
        "~/" + "y/" * 4000,
        "a\0b",
        "/tmp/\0",
        "~nobody-of-this-name/model",
        "../" * 3 + "z" * 300,
    ],
)
def test_name_that_can_be_no_path_is_refused_in_one_short_line(name):
    with pytest.raises(BackendUnavailableError, match="Expected a folder with a model") as raised:
        load_model(name, run_code=False)
    assert len(str(raised.value)) < 500
    assert "\n" not in str(raised.value)
    assert "\0" not in str(raised.value)
