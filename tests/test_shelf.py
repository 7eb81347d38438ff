"""Models that a server offers beside its own, from a Hub on loopback, in a process that knows no other."""

import os
import shutil

import pytest
from support.forked import run_python
from support.hub_server import Fault, HubServer

from t2i.serving.shelf import Shelf

START = """
import sys, time
from pathlib import Path
from tempfile import gettempdir
from t2i import Synthesizer
from t2i.serving import shelf as module
from t2i.serving.shelf import MOST_PULLED, Shelf

shelf = Shelf(Synthesizer.from_pretrained(sys.argv[1]), ["us/flowers@v0"], len(sys.argv) > 2)
folders = lambda: sorted(Path(gettempdir()).glob("t2i-*"))

def told(call, *values):
    try:
        return call(*values).name.split("@")[0]
    except (ValueError, TimeoutError) as error:
        return f"{type(error).__name__}: {error}"
"""


@pytest.fixture
def hub(snapshot, tmp_path):
    repos = {}
    for k in range(6):
        folder = shutil.copytree(snapshot, tmp_path / f"model{k}")
        (folder / "config.json").write_text((folder / "config.json").read_text().replace('"tiny"', f'"model{k}"'))
        repos[f"them/model{k}"] = {"main": folder}
    with HubServer({"us/flowers": {"main": snapshot, "v0": tmp_path / "model0"}, **repos}) as server:
        yield server


@pytest.fixture
def run(hub, snapshot, tmp_path):
    """What a process prints that runs some lines beside a shelf of the tiny snapshot and us/flowers@v0."""

    def run(lines: str, strangers: bool = False, **more: str) -> list[str]:
        temporary = tmp_path / "temporary"
        temporary.mkdir(exist_ok=True)
        own = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "hf"), "TMPDIR": str(temporary)}
        environment = os.environ | own | {"HF_HUB_DISABLE_XET": "1"} | more
        ran = run_python("-c", START + lines, snapshot, *["strangers"] * strangers, env=environment)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip().splitlines()

    return run


def test_the_own_model_and_those_beside_it_are_at_hand(synth):
    shelf = Shelf(synth)
    assert shelf.find() is shelf.find(synth.name) is synth
    for model in synth.variants.values():
        assert shelf.find(model.name) is model and shelf.offers(model.name)
    assert not shelf.offers("us/flowers") and not shelf.offers("them/any@main")
    with pytest.raises(ValueError, match=r"There is no model 'us/flowers' here; choose one of tiny@"):
        shelf.find("us/flowers")


def test_what_the_host_allows_must_be_references(tiny):
    with pytest.raises(ValueError, match="'flowers' is no repository"):
        Shelf(tiny, ["flowers"])


def test_an_allowed_model_is_fetched_when_it_is_first_asked_for(run, hub):
    lines = run("""
print(told(shelf.find, "us/flowers@v0"))
print(told(shelf.wait, "us/flowers@v0"), told(shelf.find, "us/flowers@v0"))
name = shelf.find("us/flowers@v0").name
print(shelf.pulled(name), shelf.offers(name), shelf.find(name) is shelf.find("us/flowers@v0"))
""")
    assert lines[0] == "ValueError: us/flowers@v0 is being fetched from the Hub; ask again in a moment."
    assert lines[1:] == ["model0 model0", "us/flowers@v0 True True"]
    assert len(hub.asked("GET /api/models/us/flowers/tree/")) == 1


def test_visitors_name_none_unless_the_host_says_so(run, hub):
    lines = run('print(shelf.offers("them/model1"), told(shelf.wait, "them/model1"))')
    assert lines[0].startswith("False ValueError: There is no model 'them/model1' here; choose one of tiny@")
    assert not hub.requests


def test_a_visitors_model_comes_without_the_hosts_token_and_leaves_no_files(run, hub):
    hub.repos["model", "them/model2"].private = True
    lines = run(
        """
print(shelf.offers("them/model1"), shelf.offers("../them/model1"), told(shelf.wait, "them/model1"), len(folders()))
print(told(shelf.wait, "them/model2"))
for k in (0, 3, 4, 5):
    told(shelf.wait, f"them/model{k}")
print(len(folders()), MOST_PULLED, shelf.pulled("model1"))
""",
        strangers=True,
        HF_TOKEN="hf_them",
    )
    assert lines == [
        "True False model1 1",
        "ValueError: The Hub has no them/model2, or it is private; check the name or set HF_TOKEN.",
        "4 4 None",
    ]


def test_a_visitors_model_of_many_bytes_is_refused_before_it_is_fetched(run, hub):
    lines = run("module.MOST_BYTES = 100_000\nprint(told(shelf.wait, 'them/model1'), len(folders()))", strangers=True)
    assert "choose a model of up to 0.1 MB" in lines[0] and lines[0].endswith(" 0")
    assert not [request for request in hub.requests if request.host == "cdn"]


def test_one_that_fails_is_told_each_time_and_tried_again(run, hub):
    hub.faults["us/flowers"] = Fault("corrupt", match="/model/", times=1)
    lines = run('print(told(shelf.wait, "us/flowers@v0"))\nprint(told(shelf.wait, "us/flowers@v0"))')
    assert "is not the file that the Hub stated" in lines[0] and lines[1] == "model0"


def test_many_at_once_are_asked_to_come_again_and_the_patience_ends(run, hub):
    hub.faults["them"] = Fault("silent", match="/api/")
    lines = run(
        """
print(*(told(shelf.wait, f"them/model{k}", 0.2).split(":")[0] for k in range(4)))
print(told(shelf.wait, "them/model4"))
print(told(shelf.wait, shelf.own.name), flush=True)
import os
os._exit(0)
""",
        strangers=True,
    )
    assert lines[0] == "TimeoutError TimeoutError TimeoutError TimeoutError"
    assert lines[1:] == ["ValueError: Too many models are being fetched; ask again in a minute.", "tiny"]


def test_the_folder_of_a_broken_model_is_not_told_to_visitors(run, hub, tmp_path):
    broken = tmp_path / "model1"
    (broken / "generator.safetensors").unlink()
    hub.repos["model", "them/model1"].add_folder("main", broken)
    (told,) = run('print(told(shelf.wait, "them/model1"))', strangers=True)
    assert told.startswith("ValueError: them/model1/generator.safetensors is missing") and str(tmp_path) not in told


def test_the_environment_says_what_is_offered(run, snapshot):
    lines = run(
        "shelf = Shelf.from_environment()\nprint(shelf.own.name.split('@')[0], shelf.allowed, shelf.strangers)",
        T2I_WEIGHTS="us/flowers",
        T2I_MODELS="them/model1, them/model2@v1\n",
        T2I_ANY_MODEL="1",
    )
    assert lines == ["tiny ('them/model1', 'them/model2@v1') True"]


def test_the_bundled_model_stands_in_for_one_that_can_not_be_had(run, hub):
    code = """
from contextlib import redirect_stderr
with redirect_stderr(sys.stdout):
    shelf = Shelf.from_environment()
print(shelf.own.name == Synthesizer.from_pretrained("weights").name, shelf.allowed)
"""
    lines = run(code, T2I_WEIGHTS="us/gone@v1")
    assert lines == [
        "t2i: The Hub has no us/gone, or it is private; check the name or set HF_TOKEN. "
        "Until then the bundled model draws.",
        "True ('us/gone@v1',)",
    ]
    (told,) = run('print(told(Shelf.from_environment), "from_environment")', T2I_WEIGHTS="no-folder")
    assert told.startswith("ValueError: There is no folder no-folder")
