"""Publishing a run: the real client against a stand-in for the Hub, and back from there."""

import hashlib
import os
import shutil
import socket
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from subprocess import CompletedProcess

import httpx
import pytest
from conftest import ROOT
from huggingface_hub import ModelCard, RepoCard, constants, snapshot_download
from huggingface_hub.errors import RepositoryNotFoundError
from huggingface_hub.utils import close_session
from PIL import Image
from safetensors.torch import save_file
from support.app_server import CAPTION, start
from support.forked import run_python
from support.hub_server import Fault, HubServer

from t2i import Synthesizer
from t2i.config import VARIANTS
from t2i.snapshot import read_config
from training import publish
from training.hub import demo, upload
from training.run.state import write_json

# the client's own, of an upload that is no Xet
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")
REPO, SPACE = "us/flowers", "us/demo"
WEIGHTS = {"config.json", "generator.safetensors", "text_encoder.safetensors", "discriminator.safetensors",
           "style_encoder.safetensors", "timelapse.webp", "photos/a-red-flower-on-green.jpg"}  # fmt: skip
WEIGHTS |= {f"variants/{variant}/{name}" for variant in VARIANTS for name in ("config.json", "generator.safetensors")}
WEIGHTS |= {f"variants/skip-thought/{name}" for name in ("text_encoder.safetensors", "vocabulary.json")}
DRAW = """
import hashlib, sys
from t2i import Synthesizer
synthesizer = Synthesizer.from_pretrained(sys.argv[1], revision=sys.argv[2])
for model in (synthesizer, *synthesizer.variants.values()):
    print(hashlib.sha256(model.generate("a red flower", 7)[0].tobytes()).hexdigest())
"""


def pixels(folder: Path) -> list[str]:
    """What DRAW prints."""
    synthesizer = Synthesizer.from_pretrained(folder)
    models = (synthesizer, *synthesizer.variants.values())
    return [hashlib.sha256(model.generate("a red flower", 7)[0].tobytes()).hexdigest() for model in models]


def leave_run(folder: Path, snapshot: Path) -> Path:
    """A run as training.gan leaves it, and what else may lie there."""
    shutil.copytree(snapshot, folder / "snapshot")
    for name in ("state-000000064.pt", "stats.jsonl", "config.json", "snapshot/state-000000064.pt",
                 "snapshot/variants/gan/state-000000064.pt", "snapshot/generator.safetensors.7.tmp",
                 "snapshot/variants/gan/generator.safetensors.7.tmp", "snapshot/notes.txt",
                 "snapshot/photos/.hidden"):  # fmt: skip
        (folder / name).write_text("not to be published")
    return folder


@pytest.fixture(scope="module")
def run(full_snapshot, tmp_path_factory) -> Path:
    return leave_run(tmp_path_factory.mktemp("run") / "gan", full_snapshot)


@pytest.fixture(scope="module")
def public(run, tmp_path_factory):
    """A Hub to which the run and its Space were published by command; and what the command printed."""
    with HubServer() as server:
        more = {"HF_ENDPOINT": server.endpoint, "HF_HOME": str(tmp_path_factory.mktemp("home")), "HF_TOKEN": "hf_us"}
        told = command(more, run, REPO, "--space", SPACE)
        assert told.returncode == 0, told.stderr
        yield server, told.stdout


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """An empty Hub, which this process reaches as `us`."""
    with HubServer() as server:
        reach(monkeypatch, server.endpoint, tmp_path / "home")
        yield server
    close_session()


def reach(monkeypatch, endpoint: str, home: Path) -> None:
    """What the environment would tell the client when it is imported."""
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "AGENT_HARNESSES_PATH", str(home / "agents.json"))
    monkeypatch.setenv("HF_TOKEN", "hf_us")
    close_session()


def command(more: dict[str, str], *arguments: object) -> CompletedProcess:
    return run_python("-m", "training.publish", *arguments, env=os.environ | {"HF_HUB_DISABLE_XET": "1"} | more)


def draw(server: HubServer, home: Path, **more: str) -> list[str]:
    """The pixels that a new process draws with the model it pulls."""
    values = os.environ | {"HF_ENDPOINT": server.endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"} | more
    done = run_python("-c", DRAW, REPO, server.commit(REPO), env=values)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def refused(*arguments: object) -> str:
    with pytest.raises(ValueError) as told:
        publish.main([str(a) for a in arguments])
    assert "\n" not in str(told.value)
    return str(told.value)


def test_what_is_published_draws_the_same_pictures_elsewhere_and_then_offline(public, run, tmp_path):
    server, _ = public
    local = pixels(run / "snapshot")
    assert draw(server, tmp_path) == local
    asked = len(server.requests)
    assert draw(server, tmp_path, HF_HUB_OFFLINE="1") == local
    assert len(server.requests) == asked


def test_one_commit_holds_the_weights_a_card_and_pictures_and_nothing_else(public, run):
    server, _ = public
    assert len(server.asked(f"POST /api/models/{REPO}/commit")) == 1
    files = server.repos["model", REPO].files()
    assert files.keys() == WEIGHTS | {".gitattributes", "README.md", "samples.png"}
    for path in WEIGHTS:
        assert files[path].data == (run / "snapshot" / path).read_bytes()
        assert files[path].lfs or not path.endswith((".safetensors", ".jpg"))
    with Image.open(BytesIO(files["samples.png"].data)) as image:
        assert min(image.size) >= 8 * 64


def test_the_command_tells_the_address_the_commit_and_how_to_use_it(public):
    server, told = public
    commit = server.commit(REPO)
    assert f"{server.endpoint}/{REPO} at commit {commit}" in told
    assert f"T2I_WEIGHTS={REPO}@{commit} python app.py" in told
    assert f"{server.endpoint}/spaces/{SPACE}" in told


def test_the_published_card_names_the_repository(public, tmp_path):
    server, _ = public
    (tmp_path / "README.md").write_bytes(server.repos["model", REPO].files()["README.md"].data)
    card = ModelCard.load(tmp_path / "README.md")
    assert (card.data.library_name, card.data.pipeline_tag) == ("t2i", "text-to-image")
    assert f'from_pretrained("{REPO}")' in card.text and "![samples](samples.png)" in card.text


def test_the_space_holds_the_page_and_the_published_weights(public):
    server, _ = public
    files = server.repos["space", SPACE].files()
    package = [file for file in (ROOT / "t2i").rglob("*.*") if "__pycache__" not in file.parts]
    code = {"app.py", "requirements.txt", *(str(file.relative_to(ROOT)) for file in package)}
    assert files.keys() == code | {".gitattributes", "README.md"} | {f"weights/{path}" for path in WEIGHTS}
    assert len(server.asked(f"POST /api/spaces/{SPACE}/commit")) == 1


def test_the_spaces_front_matter_pins_what_it_runs_and_shows(public):
    server, _ = public
    data = RepoCard(server.repos["space", SPACE].files()["README.md"].data.decode()).data
    assert f"gradio[mcp]=={data.sdk_version}\n" in (ROOT / "requirements.txt").read_text()
    assert (data.sdk, data.python_version, data.app_file, data.models) == ("gradio", "3.12", "app.py", [REPO])
    (entry,) = data.preload_from_hub
    repo, names, commit = entry.split(" ")
    assert (repo, set(names.split(",")), commit) == (REPO, WEIGHTS, server.commit(REPO))


def test_a_checkout_is_a_space_as_it_lies():
    text = (ROOT / "README.md").read_text()
    assert text.startswith(f"{demo.checkout_front_matter()}\n\n# t2i")
    own = RepoCard(text).data
    assert f"gradio[mcp]=={own.sdk_version}\n" in (ROOT / "requirements.txt").read_text()
    config = read_config(ROOT / "weights")
    published = RepoCard(demo.space_card(REPO, "main", config, config.data, None)).data
    assert own.to_dict() == published.to_dict() | {"title": "t2i", "models": []}
    assert own.to_dict().keys() >= {"title", "emoji", "sdk", "sdk_version", "python_version", "app_file", "license",
                                    "models", "short_description"}  # fmt: skip
    assert (ROOT / own.app_file).is_file()


def test_the_space_starts_where_there_is_no_home_and_no_network(public, run, tmp_path, monkeypatch):
    server, _ = public
    space, work = tmp_path / "space", tmp_path / "work"
    work.mkdir()
    reach(monkeypatch, server.endpoint, tmp_path / "home")
    snapshot_download(SPACE, repo_type="space", local_dir=space)
    close_session()
    values = {"HF_HUB_OFFLINE": "1", "HF_HOME": work / "hf", "GRADIO_TEMP_DIR": work, "GRADIO_SERVER_NAME": "127.0.0.1",
              "PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
    with start(space / "app.py", {name: str(value) for name, value in values.items()}, work) as address:
        answer = httpx.get(f"{address}/text/{CAPTION}?seed=7", timeout=60)
    with Image.open(BytesIO(answer.content)) as image:
        expected = Synthesizer.from_pretrained(run / "snapshot").generate(CAPTION, 7)[0]
        assert image.convert("RGB").tobytes() == expected.tobytes()


def test_what_has_not_changed_is_not_sent_again_and_what_is_gone_is_deleted(hub, run, tmp_path):
    publish.main([str(run), REPO])
    first, files = hub.commit(REPO), hub.repos["model", REPO].files()
    publish.main([str(run), REPO])
    assert hub.commit(REPO) == first  # nothing has changed

    folder = tmp_path / "snapshot"
    shutil.copytree(run / "snapshot", folder)
    shutil.rmtree(folder / "variants" / "gan")
    (folder / "style_encoder.safetensors").unlink()
    files["notes.md"] = files["README.md"]  # its owner's own, not ours to delete
    hub.requests.clear()
    publish.main([str(folder), REPO])
    left = hub.repos["model", REPO].files().keys()
    gone = {"style_encoder.safetensors", "variants/gan/config.json", "variants/gan/generator.safetensors"}
    assert left == files.keys() - gone and hub.commit(REPO) != first
    assert not hub.asked("^PUT") and len(hub.asked("/commit/")) == 1


def test_a_private_model_is_for_its_owner_alone(hub, run, tmp_path):
    publish.main([str(run), REPO, "--private", "--space", SPACE])
    assert hub.repos["model", REPO].private and hub.repos["space", SPACE].private
    before = len(hub.repos["space", SPACE].commits)
    assert f"{REPO} is private, and its Space would show its weights" in refused(run, REPO, "--space", "us/open")
    assert ("space", "us/open") not in hub.repos and len(hub.repos["space", SPACE].commits) == before
    with pytest.raises(RepositoryNotFoundError):
        snapshot_download(REPO, token=False, cache_dir=tmp_path / "theirs")
    ours = snapshot_download(REPO, cache_dir=tmp_path / "ours")
    assert Path(ours, "config.json").is_file()
    card = RepoCard(hub.repos["space", SPACE].files()["README.md"].data.decode())
    assert "preload_from_hub" not in card.data.to_dict()  # a Space is built without a token


def test_a_branch_leaves_main_as_it_was(hub, run):
    publish.main([str(run), REPO])
    main = hub.commit(REPO)
    (run / "snapshot" / "vocabulary.json").write_text("flower\n")
    publish.main([str(run), REPO, "--revision", "next"])
    (run / "snapshot" / "vocabulary.json").unlink()
    assert hub.commit(REPO) == main
    assert "vocabulary.json" in hub.repos["model", REPO].files("next")


def test_a_dry_run_asks_and_writes_nothing(hub, run, capsys, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    before = sorted(run.rglob("*"))
    publish.main([str(run), REPO, "--space", SPACE, "--dry-run"])
    told = capsys.readouterr().out
    assert not hub.requests and not hub.repos and sorted(run.rglob("*")) == before
    assert all(f"  {path}\n" in told for path in WEIGHTS) and "state-" not in told
    assert f"model {REPO}" in told and "pipeline_tag: text-to-image" in told
    assert f"space {SPACE}" in told and "sdk: gradio" in told and "  weights/config.json\n" in told


def test_examples_that_pages_leave_out_are_told(hub, run, tmp_path, capsys):
    folder = shutil.copytree(run / "snapshot", tmp_path / "snapshot")
    config = replace(read_config(folder), examples=("a red rose", "", "цветок"))
    write_json(folder / "config.json", config.to_json())
    publish.main([str(folder), REPO, "--space", SPACE, "--dry-run"])
    assert "2 examples can't be read, and pages leave them out: ''" in capsys.readouterr().out


def test_the_pictures_and_figures_of_a_release_are_taken(hub):
    publish.main([str(ROOT / "weights"), REPO])
    files = hub.repos["model", REPO].files()
    for name in ("samples.png", "evaluation.json"):
        assert files[name].data == (ROOT / "weights" / name).read_bytes()
    found = {result.metric_type for result in ModelCard(files["README.md"].data.decode()).data.eval_results}
    assert {"fid", "kid", "colour-fidelity", "diversity", "r-precision"} <= found


def test_a_model_of_two_sizes_goes_with_large_pictures(large_snapshot):
    files = publish.model_files(large_snapshot, publish.load_and_draw(large_snapshot), REPO)
    assert files["second_stage.safetensors"] == large_snapshot / "second_stage.safetensors"
    with Image.open(BytesIO(files["samples-large.webp"])) as samples:
        assert samples.format == "WEBP" and samples.width == 8 * 258 - 2
    assert b"](samples-large.webp)" in files["README.md"] and "samples-large.webp" in publish.OWNED


@pytest.mark.parametrize("name", ["flowers", "us/a/b", "us/-flowers", "us/flo wers", "us/a..b", ""])
def test_a_name_that_is_none_is_told(hub, run, name):
    assert "is no repository name; write owner/name" in refused(run, name)
    assert not hub.requests


def test_a_run_without_a_snapshot_is_told(hub, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert "has no snapshot; finish the run" in refused(tmp_path, REPO)
    assert "has no snapshot" in refused(tmp_path / "nowhere", REPO)


@pytest.mark.parametrize("name", ["generator.safetensors", "variants/cls/generator.safetensors"])
def test_a_snapshot_that_does_not_load_is_not_published(hub, run, tmp_path, name):
    shutil.copytree(run / "snapshot", tmp_path / "snapshot")
    file = tmp_path / "snapshot" / name
    file.write_bytes(file.read_bytes()[:-100])
    assert f"{file} is damaged" in refused(tmp_path, REPO)
    assert not hub.requests and not hub.repos


def test_what_the_hub_refuses_is_told_in_one_sentence(hub, run, monkeypatch):
    publish.main([str(run), REPO])
    assert "may not write to them/flowers" in refused(run, "them/flowers")
    assert "is there already and public" in refused(run, REPO, "--private")
    monkeypatch.setenv("HF_TOKEN", "hf_us_read")
    assert f"may not write to {REPO}" in refused(run, REPO)
    monkeypatch.setenv("HF_TOKEN", "hf_them")
    assert f"may not write to {REPO}" in refused(run, REPO)
    monkeypatch.setenv("HF_TOKEN", "hf_nobody")
    assert "does not take this token" in refused(run, REPO)


def test_without_a_token_nothing_is_asked(hub, run, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    assert "log in with `hf auth login` or set HF_TOKEN" in refused(run, REPO)
    assert not hub.requests


def test_a_hub_in_trouble_is_told(hub, run, monkeypatch):
    publish.main([str(run), REPO])
    monkeypatch.setattr(upload, "PATIENCE", 0.5)
    hub.faults[REPO] = Fault("failing", match="/revision/main")
    hub.faults["create"] = Fault("failing")
    assert "status 500" in refused(run, REPO)
    hub.faults["create"] = Fault("silent")
    assert "can't be reached" in refused(run, REPO)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
        assert "can't be reached" in refused(run, REPO)


def test_an_upload_that_breaks_leaves_the_repository_as_it_was(hub, run, monkeypatch, tmp_path):
    publish.main([str(run), REPO])
    first = hub.commit(REPO)
    shutil.copytree(run / "snapshot", tmp_path / "snapshot")
    synthesizer = Synthesizer.from_pretrained(tmp_path / "snapshot")
    weights = {name: value.half() + 1 for name, value in synthesizer._style_encoder.state_dict().items()}
    save_file(weights, tmp_path / "snapshot" / "style_encoder.safetensors")
    hub.faults["verify"] = Fault("failing")
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    assert "status 500" in refused(tmp_path, REPO)
    assert hub.commit(REPO) == first


def test_a_space_needs_a_checkout(hub, run, monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "CHECKOUT", tmp_path)
    assert "publish the Space from a checkout" in refused(run, REPO, "--space", SPACE)
    assert not hub.requests


def test_the_command_ends_with_one_sentence_and_status_1(run, tmp_path):
    told = command({"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "HF_TOKEN": "hf_us"}, run, REPO)
    assert told.returncode == 1 and told.stderr.strip().splitlines()[-1].startswith("The Hub can't be reached")
    assert "Traceback" not in told.stderr
