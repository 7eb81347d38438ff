"""The Hub's stand-in keeps to what the real client needs where the tests of pulling and publishing do not look."""

import os
from pathlib import Path

import httpx
import pytest
from support.forked import run_python
from support.hub_server import Fault, HubServer

MEGABYTE = 1 << 20
DOWNLOAD = """
import hashlib, sys
from huggingface_hub import hf_hub_download
print(hashlib.sha256(open(hf_hub_download("us/large", sys.argv[1]), "rb").read()).hexdigest())
"""
COMMIT = """
from huggingface_hub import CommitOperationAdd, HfApi
api, files = HfApi(), [CommitOperationAdd(f"{k}.safetensors", bytes([k])) for k in range(2)]
api.preupload_lfs_files("us/large", files[:1])
for file in files:
    file._upload_mode, file._should_ignore, file._is_uploaded = "lfs", False, True
    try:
        print(len(api.create_commit("us/large", [file], commit_message="add").oid))
    except Exception as error:
        print(error)
"""


@pytest.fixture
def hub(tmp_path):
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "generator.safetensors").write_bytes(os.urandom(24 * MEGABYTE))
    (folder / "vocabulary.json").write_bytes(10 * b"flower\n")
    with HubServer({"us/large": {"main": folder}}) as server:
        yield server


def run(hub: HubServer, folder: Path, code: str, *arguments: str) -> str:
    own = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(folder / "hf"), "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": "hf_us"}
    ran = run_python("-c", code, *arguments, env=os.environ | own)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_broken_download_goes_on_where_it_stopped(hub, tmp_path):
    blob = hub.repos["model", "us/large"].files()["generator.safetensors"]
    hub.faults["us/large"] = Fault("truncated", match=blob.sha256, times=1)
    assert run(hub, tmp_path, DOWNLOAD, "generator.safetensors").strip() == blob.sha256
    first, second = hub.asked("^GET")
    assert (first.status, first.range, first.host) == (200, None, "cdn")
    assert (second.status, second.range) == (206, f"bytes={10 * MEGABYTE}-")  # the client writes 10 MiB at a time


def test_a_small_file_comes_in_parts_too(hub):
    address = f"{hub.endpoint}/us/large/resolve/main/vocabulary.json"
    part = httpx.get(address, headers={"Range": "bytes=7-"})
    assert part.status_code == 206 and part.headers["Content-Range"] == "bytes 7-69/70"
    assert part.text == 9 * "flower\n"
    assert httpx.get(address, headers={"Range": "bytes=70-"}).status_code == 416


def test_a_file_that_was_never_uploaded_can_not_be_committed(hub, tmp_path):
    first, second = run(hub, tmp_path, COMMIT).strip().split("\n", 1)
    assert first == "40" and "does not exist: 1.safetensors" in second
