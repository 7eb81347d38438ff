"""The page that app.py builds, and how it starts."""

import re
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from urllib.parse import urlsplit

import gradio as gr
import httpx
import pytest
from support.app_server import CAPTION, ROOT, environment

from app import build, main
from t2i import Synthesizer
from t2i.page.endpoints import Endpoints
from t2i.serving.hosting import in_a_loop
from t2i.serving.place import Place
from t2i.serving.shelf import Shelf
from t2i.snapshot import CONFIG, read_config
from training.run.state import write_json


def test_a_bare_model_says_what_it_lacks_and_has_four_endpoints(snapshot, tmp_path):
    bare = shutil.copytree(snapshot, tmp_path / "bare", ignore=shutil.ignore_patterns("discriminator.*"))
    page = in_a_loop(build, Shelf(Synthesizer.from_pretrained(bare)))
    shown, endpoints = str(page.get_config_file()["components"]), page.get_api_info()["named_endpoints"]
    assert "These weights have no style encoder" in shown and "These weights come alone" in shown
    assert list(endpoints) == ["/generate", "/vary", "/interpolate", "/explain"]
    assert Endpoints(Shelf(Synthesizer.from_pretrained(bare))).explain(CAPTION, 1)[2] == []


@pytest.mark.parametrize(
    ("examples", "shown", "explained"),
    [
        (("rose",), ["rose"], ""),
        (("sks 7", "a rose"), ["sks 7", "a rose"], "a rose"),
        (("", "цветок", "red " * 60, "a red\nrose"), ["a red rose"], "a red rose"),
    ],
)
def test_the_page_starts_whatever_its_model_suggests(full_snapshot, tmp_path, examples, shown, explained):
    folder = shutil.copytree(full_snapshot, tmp_path / "birds")
    write_json(folder / CONFIG, replace(read_config(folder), training={"data": "cub"}, examples=examples).to_json())
    (photo,) = (folder / "photos").iterdir()
    photo.rename(photo.with_name("a-red-flower-" * 18 + "a.jpg"))  # a caption that is too long
    synth = Synthesizer.from_pretrained(folder)
    assert Endpoints(Shelf(synth)).examples == shown
    page = in_a_loop(build, Shelf(synth))
    texts = [block for block in page.blocks.values() if isinstance(block, gr.Textbox) and block.label == "Caption"]
    assert [box.value for box in texts] == [shown[0], explained, shown[4 % len(shown)]]
    assert synth.explain("a red rose").scores.keys() >= set(shown) - {"a red rose"}


def test_the_page_speaks_of_what_its_model_learnt_from(full_snapshot, tmp_path):
    folder = shutil.copytree(full_snapshot, tmp_path / "birds")
    config = replace(read_config(folder), training={"data": "cub"}, examples=("a small red bird",))
    write_json(folder / CONFIG, config.to_json())
    page = in_a_loop(build, Shelf(Synthesizer.from_pretrained(folder))).get_config_file()
    shown = str([block["props"] for block in page["components"]])
    shown = re.sub("red.flower.on.green", "", shown)  # its photograph's name
    assert page["title"] == "Birds from a sentence"
    assert not re.findall(".{0,40}flower.{0,40}", shown, re.IGNORECASE)


def test_no_other_host_is_configured(address):
    config = httpx.get(f"{address}/config").json()
    assert config["analytics_enabled"] is False
    assert not re.search(r"url\(.?(https?:)?//|@import", httpx.get(f"{address}/theme.css").text)
    loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*", httpx.get(address).text)
    assert loaded and not [tag for tag in loaded if re.search(r"(src|href)=.(https?:)?//", tag)]


def test_the_containers_health_is_that_of_the_page(address):
    dockerfile = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    command = re.search(r"^HEALTHCHECK .*? CMD (.+)$", dockerfile, re.MULTILINE)[1]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        ports = {urlsplit(address).port: 0, free.getsockname()[1]: 1}
    for port, status in ports.items():
        values = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "GRADIO_SERVER_PORT": str(port),
                  "http_proxy": "http://127.0.0.1:9"}  # fmt: skip
        done = subprocess.run(["sh", "-c", command], env=values, capture_output=True, text=True, timeout=300)
        assert done.returncode == status, done.stderr


def test_missing_weights_end_in_one_sentence(tmp_path):
    command = [sys.executable, ROOT / "app.py"]
    ended = subprocess.run(command, env=environment("nowhere", tmp_path), capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines()[-1].startswith("t2i: There is no folder nowhere")
    assert "Traceback" not in ended.stderr


def test_help_says_what_there_is_and_starts_nothing(capsys):
    with pytest.raises(SystemExit) as ended, TemporaryDirectory() as folder:
        main(Place(), folder, Event(), ["--help"])
    told = capsys.readouterr()
    assert ended.value.code == 0 and told.err == ""
    host = (ROOT / "README.md").read_text().split("\n## Host\n")[1].split("\n## ")[0]
    for names in re.findall(r"^\| (`.*?) \|", host, re.MULTILINE):
        for name in re.findall(r"`((?:T2I|GRADIO)_[A-Z_]+)", names):
            assert name in told.out, name
