"""Downloads through the real client, from a server on loopback, each in a process of its own."""

import os
import shutil

import pytest
from support.app_server import PHOTO
from support.forked import run_python
from support.hub_server import Fault, HubServer

from t2i import hub as t2i_hub
from t2i.config import VARIANTS
from t2i.hub import Reference, find_snapshot, pinned

CODE = """
import sys
from t2i import Synthesizer
try:
    synthesizer = Synthesizer.from_pretrained(*sys.argv[1:])
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
        "them/secret": {"main": old},
    }
    with HubServer(repos, ("us/gated",)) as server:
        server.repos["model", "them/secret"].private = True
        yield server


def changed(snapshot, folder, **files):
    """A copy of a snapshot in which files have other contents, or are gone where that is None."""
    shutil.copytree(snapshot, folder)
    for name, content in files.items():
        file = folder / name.replace("__", ".")
        file.unlink() if content is None else file.write_bytes(content)
    return folder


def pull(endpoint, cache, *arguments, code=CODE, **more):
    """What a new process prints that loads weights by these arguments of `from_pretrained`."""
    own = {"HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1"}
    run = run_python("-c", code, *arguments, env=os.environ | own | more)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_a_repository_loads_at_a_revision_and_then_offline(hub, tmp_path):
    cache = tmp_path / "hf"
    told = pull(hub.endpoint, cache, "us/flowers")
    assert told.startswith("tiny@")
    assert pull(hub.endpoint, cache, "us/flowers", "v0").startswith("old@")
    assert pull(hub.endpoint, cache, f"us/flowers@{hub.commit('us/flowers', 'v0')}").startswith("old@")
    assert pull(hub.endpoint, cache, "us/flowers", HF_HUB_OFFLINE="1") == told
    assert pull("http://127.0.0.1:9", cache, "us/flowers") == told


def test_the_cache_goes_before_the_hub_where_a_commit_is_named(hub, tmp_path):
    reference = f"us/flowers@{hub.commit('us/flowers', 'v0')}"
    told = pull(hub.endpoint, tmp_path / "hf", reference)
    hub.requests.clear()
    assert pull(hub.endpoint, tmp_path / "hf", reference) == told and not hub.requests


def test_weights_named_by_the_environment_are_pulled(hub, tmp_path):
    assert pull(hub.endpoint, tmp_path / "hf", T2I_WEIGHTS="us/flowers@v0").startswith("old@")


def test_without_bundled_weights_those_that_the_readme_pins_are_pulled(hub, tmp_path, monkeypatch):
    commit = hub.commit("us/flowers", "v0")
    (tmp_path / "t2i").mkdir()
    monkeypatch.setattr(t2i_hub, "HOME", tmp_path / "t2i")
    assert pinned() is None
    readme = "---\nsdk: gradio\n{}\nlicense: other\n---\n# Flowers\n"
    (tmp_path / "README.md").write_text(readme.format(""))
    assert pinned() is None
    told = f"preload_from_hub:\n- us/flowers config.json,generator.safetensors {commit}"
    (tmp_path / "README.md").write_text(readme.format(told))
    assert pinned() == f"us/flowers@{commit}"
    code = "import t2i.hub, pathlib\nt2i.hub.BUNDLED = ()\nt2i.hub.HOME = pathlib.Path(sys.argv.pop())\n"
    code = CODE.replace("from t2i import", code + "from t2i import")
    assert pull(hub.endpoint, tmp_path / "hf", str(tmp_path / "t2i"), code=code).startswith("old@")


def test_variants_and_photographs_come_along(hub, tmp_path):
    name, *variants, photos = pull(hub.endpoint, tmp_path / "hf", "us/whole").splitlines()
    assert name.startswith("tiny@")
    assert variants == [f"{variant} (64, 64)" for variant in VARIANTS]
    assert photos == PHOTO


def test_nothing_but_safetensors_json_and_pictures_is_fetched(hub, full_snapshot, tmp_path):
    folder = changed(full_snapshot, tmp_path / "more", pytorch_model__bin=b"pickle", run__py=b"import os")
    (folder / "variants" / "gan" / "generator.pt").write_bytes(b"pickle")
    (folder / "photos" / "a.svg").write_bytes(b"<svg/>")
    hub.repos["model", "us/whole"].add_folder("more", folder)
    pull(hub.endpoint, tmp_path / "hf", "us/whole@more")
    fetched = {path.suffix for path in (tmp_path / "hf").glob("hub/*/snapshots/*/**/*") if path.is_file()}
    assert fetched == {".safetensors", ".json", ".jpg", ".webp"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["us/nothing"], "The Hub has no us/nothing, or it is private; check the name or set HF_TOKEN."),
        (["them/secret"], "The Hub has no them/secret, or it is private; check the name or set HF_TOKEN."),
        (["us/flowers", "v9"], "us/flowers has no revision v9; check its branches and tags."),
        (["us/flowers@v0", "v0"], "us/flowers@v0 and v0 are two revisions; give one."),
        (["us/gated"], "us/gated is gated; ask for access on its page and set HF_TOKEN."),
        (["us--x/flowers"], "'us--x/flowers' is no repository name; write owner/repo."),
    ],
)
def test_what_the_hub_refuses_is_told_in_one_sentence(hub, tmp_path, arguments, sentence):
    assert pull(hub.endpoint, tmp_path / "hf", *arguments) == sentence


def test_a_token_opens_what_is_private(hub, tmp_path):
    assert pull(hub.endpoint, tmp_path / "hf", "them/secret", HF_TOKEN="hf_them").startswith("old@")


@pytest.mark.parametrize(
    ("endpoint", "more"), [("http://127.0.0.1:9", {}), ("http://127.0.0.1:9", {"HF_HUB_OFFLINE": "1"})]
)
def test_no_connection_and_no_cache_is_told(tmp_path, endpoint, more):
    told = pull(endpoint, tmp_path / "hf", "us/flowers", **more)
    assert told == (
        "us/flowers is not in the cache and the Hub can't be reached; connect once, or give a folder of weights."
    )


def test_a_file_of_another_hash_is_told_and_fetched_anew(hub, tmp_path):
    hub.faults["us/flowers"] = Fault("corrupt", match="/model/", times=1)
    told = pull(hub.endpoint, tmp_path / "hf", "us/flowers")
    assert "of us/flowers is not the file that the Hub stated (its hash differs); try again" in told
    assert pull(hub.endpoint, tmp_path / "hf", "us/flowers").startswith("tiny@")


def test_a_file_damaged_in_the_cache_is_told(hub, tmp_path):
    pull(hub.endpoint, tmp_path / "hf", "us/flowers")
    (config,) = (tmp_path / "hf").glob("hub/*/snapshots/*/config.json")
    config.resolve().write_text(config.read_text().replace("tiny", "tall"))
    told = pull(hub.endpoint, tmp_path / "hf", "us/flowers", HF_HUB_OFFLINE="1")
    assert told.startswith("config.json of us/flowers is not the file that the Hub stated")
    assert pull(hub.endpoint, tmp_path / "hf", "us/flowers").startswith("tiny@")


def test_a_download_that_breaks_off_is_told_and_goes_on_at_the_next_try(hub, tmp_path):
    hub.faults["us/flowers"] = Fault("truncated", match="/model/")
    told = pull(hub.endpoint, tmp_path / "hf", "us/flowers")
    assert told.startswith("us/flowers could not be downloaded (") and told.endswith("); try again later.")
    hub.faults.clear()
    assert pull(hub.endpoint, tmp_path / "hf", "us/flowers").startswith("tiny@")


@pytest.mark.parametrize(("kind", "match"), [("failing", "/api/"), ("failing", "/model/"), ("silent", "/api/models")])
def test_a_hub_in_trouble_is_told_in_one_sentence(hub, tmp_path, kind, match):
    hub.faults["us/flowers"] = Fault(kind, match=match)
    code = "import t2i.hub\nt2i.hub.TIMEOUT = 1\n" + CODE
    told = pull(hub.endpoint, tmp_path / "hf", "us/flowers", code=code)
    assert "us/flowers could not be downloaded" in told or "is not in the cache and the Hub can't be reached" in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"config__json": None}, "has no config.json"),
        ({"config__json": b"{"}, "config.json can't be read"),
        ({"config__json": b'{"architectures": ["BertModel"]}'}, "config.json does not describe a t2i model"),
        ({"config__json": b'{"model": {"generator_channels": 90000000}}'}, "does not fit the sizes in config.json"),
        ({"generator__safetensors": None}, "generator.safetensors is missing"),
        ({"generator__safetensors": b"version https://git-lfs.github.com"}, "generator.safetensors is damaged"),
        ({"text_encoder__safetensors": b""}, "text_encoder.safetensors is damaged"),
    ],
)
def test_a_repository_that_is_no_model_of_ours_is_told(hub, snapshot, tmp_path, files, sentence):
    hub.repos["model", "us/flowers"].add_folder("odd", changed(snapshot, tmp_path / "odd", **files))
    told = pull(hub.endpoint, tmp_path / "hf", "us/flowers@odd")
    assert sentence in told and len(told.splitlines()) == 1


@pytest.mark.parametrize("text", ["owner/repo", "owner/repo@v1", "a.b/c_d-e@refs/pr/1"])
def test_a_reference_reads_as_it_is_written(text):
    assert str(Reference.parse(text)) == text


@pytest.mark.parametrize("text", ["", "repo", "a/b/c", "a/b@", "a/b@c d", "a/b\n", "/etc/passwd", "ü/b", "a/b@c@d"])
def test_what_is_no_reference_is_told(text):
    with pytest.raises(ValueError, match="is no repository; write owner/repo or owner/repo@revision"):
        Reference.parse(text)


def test_search_order(snapshot, monkeypatch):
    assert find_snapshot(snapshot) == snapshot
    assert (find_snapshot() / "config.json").is_file()
    monkeypatch.setenv("T2I_WEIGHTS", str(snapshot))
    assert find_snapshot() == snapshot


def test_the_folder_of_a_run_stands_for_its_snapshot(snapshot, tmp_path):
    run = tmp_path / "gan"
    run.mkdir()
    for name in ("config.json", "stats.jsonl"):
        (run / name).write_text("{}\n")
    with pytest.raises(
        ValueError, match=r"gan is a run that has no snapshot yet; give one that training\.gan has fini"
    ):
        find_snapshot(run)
    shutil.copytree(snapshot, run / "snapshot")
    assert find_snapshot(run) == run / "snapshot"
    shutil.copytree(run / "snapshot", snapshot_of_both := tmp_path / "both")
    shutil.copytree(snapshot, snapshot_of_both / "snapshot")
    assert find_snapshot(snapshot_of_both) == snapshot_of_both


@pytest.mark.parametrize("name", ["no-such-folder", "folder", "/nowhere", "a/b/c"])
def test_what_is_neither_folder_nor_repository_is_told(name):
    with pytest.raises(ValueError, match="There is no folder"):
        find_snapshot(name)


def test_a_folder_has_no_revision(snapshot):
    with pytest.raises(ValueError, match="has no revisions"):
        find_snapshot(snapshot, "main")
