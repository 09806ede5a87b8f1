from __future__ import annotations

import subprocess
import sys

import pytest

from ethochat.index.embedders.minilm import MiniLmEmbedder


def test_naming_the_model_loads_nothing():
    code = """
import sys
from ethochat.index.embedders import resolve_embedder
embedder = resolve_embedder("minilm")
assert embedder.name == "all-MiniLM-L6-v2@0.1.0" and embedder.dimension == 384
assert not {"torch", "transformers", "sentence_transformers"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.slow
def test_loading_reaches_for_no_network_and_leaves_the_process_as_it_was():
    """scikit-learn waits until called, the collector runs again, nothing is printed, no variable set."""
    code = """
import gc, os, socket, sys
def refuse(*args, **kwargs):
    raise AssertionError("network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
os.environ.pop("HF_HUB_OFFLINE", None)
before = dict(os.environ)
from ethochat.index.embedders.minilm import MiniLmEmbedder
assert MiniLmEmbedder().embed(["a mouse rears"]).shape == (1, 384)
changed = {key for key in before.keys() | os.environ.keys() if before.get(key) != os.environ.get(key)}
assert not {key for key in changed if key.startswith(("HF_", "TRANSFORMERS_"))}, changed
assert gc.isenabled()
assert "sklearn.metrics" not in sys.modules
from sentence_transformers.util.similarity import pairwise_distances
assert pairwise_distances([[0.0, 0.0]], [[3.0, 4.0]]).tolist() == [[5.0]]
from sklearn.metrics import accuracy_score
assert accuracy_score([1, 0], [1, 1]) == 0.5
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_words_of_behavior_are_near_their_synonyms():
    embedder = MiniLmEmbedder()
    stand, rear, groom = embedder.embed(
        ["mouse stands up on its hind legs", "the animal rears upright", "the animal licks its fur"]
    )
    assert stand @ rear > stand @ groom
