"""Downloads through the real client, from a server on loopback, each in a process of its own."""

import os
import shutil
import subprocess
import sys

import pytest
from app_server import PHOTO
from hub_server import HubServer

from t2i.config import VARIANTS
from t2i.hub import find_snapshot

CODE = """
import sys
from t2i import Synthesizer
try:
    synthesizer = Synthesizer.from_pretrained(sys.argv[1], revision=sys.argv[2] or None)
    print(synthesizer.name, hash(synthesizer.generate("a red flower", 1)[0].tobytes()))
    for variant, other in synthesizer.variants.items():
        print(variant, other.generate("a red flower", 1)[0].size)
    print(*(photo.name for photo in synthesizer.photos if photo.stat().st_size))
except ValueError as error:
    print(error)
"""


@pytest.fixture
def hub(snapshot, full_snapshot, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(snapshot, old)
    (old / "config.json").write_text((old / "config.json").read_text().replace('"tiny"', '"old"'))
    repos = {
        "us/flowers": {"main": snapshot, "v0": old},
        "us/whole": {"main": full_snapshot},
        "us/gated": {"main": old},
    }
    with HubServer(repos, ("us/gated",)) as server:
        yield server


def pull(endpoint, cache, repo, revision="", **more):
    environment = os.environ | {"HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "PYTHONHASHSEED": "0"} | more
    command = [sys.executable, "-c", CODE, repo, revision]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_a_repository_loads_at_a_revision_and_then_offline(hub, tmp_path):
    cache = tmp_path / "hf"
    told = pull(hub.endpoint, cache, "us/flowers")
    assert told.startswith("tiny@")
    assert pull(hub.endpoint, cache, "us/flowers", "v0").startswith("old@")
    assert pull(hub.endpoint, cache, "us/flowers", hub.commit("us/flowers", "v0")).startswith("old@")
    assert pull(hub.endpoint, cache, "us/flowers", HF_HUB_OFFLINE="1") == told


def test_variants_and_photographs_come_along(hub, tmp_path):
    name, *variants, photos = pull(hub.endpoint, tmp_path / "hf", "us/whole").splitlines()
    assert name.startswith("tiny@")
    assert variants == [f"{variant} (64, 64)" for variant in VARIANTS]
    assert photos == PHOTO


@pytest.mark.parametrize(
    ("repo", "revision", "sentence"),
    [
        ("us/nothing", "", "The Hub has no us/nothing"),
        ("us/flowers", "v9", "has no revision v9"),
        ("us/gated", "", "us/gated is gated"),
    ],
)
def test_what_the_hub_refuses_is_told_in_one_sentence(hub, tmp_path, repo, revision, sentence):
    assert sentence in pull(hub.endpoint, tmp_path / "hf", repo, revision)


def test_no_connection_and_no_cache_is_told(tmp_path):
    told = pull("http://127.0.0.1:9", tmp_path / "hf", "us/flowers", HF_HUB_OFFLINE="1")
    assert "is not in the cache and the Hub can't be reached" in told


def test_search_order(snapshot, monkeypatch):
    assert find_snapshot(snapshot) == snapshot
    assert (find_snapshot() / "config.json").is_file()
    monkeypatch.setenv("T2I_WEIGHTS", str(snapshot))
    assert find_snapshot() == snapshot


@pytest.mark.parametrize("name", ["no/such/folder", "folder", "/nowhere", "a/b/c"])
def test_what_is_neither_folder_nor_repository_is_told(name):
    with pytest.raises(ValueError, match="There is no folder"):
        find_snapshot(name)


def test_a_folder_has_no_revision(snapshot):
    with pytest.raises(ValueError, match="has no revisions"):
        find_snapshot(snapshot, "main")
