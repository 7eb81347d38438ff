"""Shared fixtures: a tiny snapshot, the synthetic set, the real photographs where they are found."""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import torch
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from support.app_server import serve
from support.browser import CHROMIUM, NO_CHROMIUM, PATIENCE, SWITCHES, thumbnails
from support.snapshots import add_companions, bold_second_stage, write_tiny
from xdist.scheduler import LoadFileScheduling

from t2i import Synthesizer
from t2i.serving.place import leave_out_stubs
from t2i.snapshot import SECOND_STAGE
from training.data import load_data
from training.run.export import save_network

ROOT = Path(__file__).resolve().parent.parent
MAPS = """
import torch
from torch import nn


class Maps(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3, 6, 4, 4), nn.Conv2d(6, 10, 2, 2)])

    def forward(self, images):
        fine = self.layers[0](images)
        return [fine, self.layers[1](fine.relu())]


def load_maps(device):
    torch.manual_seed(0)
    return Maps()
"""

gc.disable()  # until all tests are collected: what is imported stays
leave_out_stubs()  # as app.py does, before gradio is imported
torch.set_num_threads(1)  # tests run beside one another, on networks too small for more


TABS = (
    "test_browser_generate",
    "test_browser_interpolate",
    "test_browser_tabs",
    "test_browser_accessibility",
    "test_firefox",
)
VISITORS = (  # of one page each, which takes as long to start
    ("test_browser", *TABS),
    ("test_api", "test_app", "test_doors", "test_fuzz"),
)
LONG = ("test_load", "test_browser_large", "test_distributed", "test_kill", "test_weights", "test_training")
FIRST = (*VISITORS[0], *VISITORS[1], *LONG)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Four processes run the suite, as half of them often wait; a part of it one, as all is imported in each."""
    return 4 if config.args_source is pytest.Config.ArgsSource.TESTPATHS else 0


class Scheduling(LoadFileScheduling):
    """File by file, those that visit a page to the process that has started it."""

    def _split_scope(self, nodeid: str) -> str:
        scope = super()._split_scope(nodeid)
        return next((files[0] for files in VISITORS if Path(scope).stem in files), scope)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files begin, so that none is left to one process at the end."""
    items.sort(key=lambda item: FIRST.index(item.path.stem) if item.path.stem in FIRST else len(FIRST))


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory) -> Path:
    """A snapshot of untrained, tiny networks: everything but beauty."""
    folder = tmp_path_factory.mktemp("snapshot")
    write_tiny(folder)
    return folder


@pytest.fixture(scope="session")
def full_snapshot(snapshot, tmp_path_factory) -> Path:
    """The snapshot with all that may lie beside it: style encoder, variants, a photograph."""
    folder = tmp_path_factory.mktemp("full") / "snapshot"
    shutil.copytree(snapshot, folder)
    add_companions(folder)
    return folder


@pytest.fixture(scope="session")
def large_snapshot(full_snapshot, tmp_path_factory) -> Path:
    """The same with a second stage, untrained as well."""
    folder = tmp_path_factory.mktemp("large") / "snapshot"
    shutil.copytree(full_snapshot, folder)
    save_network(bold_second_stage(8), folder / SECOND_STAGE)
    return folder


@pytest.fixture(scope="session")
def address(full_snapshot, tmp_path_factory) -> Iterator[str]:
    """Address of the real page, serving the tiny snapshot with all that may lie beside it."""
    with serve(full_snapshot, tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of one file of tests: while it is open, no other loop can run here."""
    if not CHROMIUM:
        pytest.skip(NO_CHROMIUM)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        expect.set_options(timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def visitor(browser) -> Iterator[BrowserContext]:
    """One profile for all visits, which then need not fetch and compile the page's scripts anew."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def window(visitor, address) -> Iterator[Page]:
    """A new window; afterwards no request has left for another host and no script has failed."""
    page, hosts, errors = visitor.new_page(), set(), []
    page.on("request", lambda request: hosts.add(urlsplit(request.url)))
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
    page.close()
    visitor.clear_permissions()
    assert {h.netloc for h in hosts if h.scheme not in ("data", "blob")} == {urlsplit(address).netloc}
    assert not errors


@pytest.fixture
def page(window, address) -> Page:
    """The page, open."""
    window.goto(address)
    expect(thumbnails(window)).to_have_count(8)
    return window


@pytest.fixture(scope="session")
def tiny(snapshot) -> Synthesizer:
    """The bare snapshot, loaded."""
    return Synthesizer.from_pretrained(snapshot)


@pytest.fixture(scope="session")
def synth(full_snapshot) -> Synthesizer:
    """The snapshot with all that may lie beside it, loaded."""
    return Synthesizer.from_pretrained(full_snapshot)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """A picture is too small to wait for a second core, which other work may keep busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def synthetic():
    return load_data("synthetic", None, 76)


@pytest.fixture
def maps_file(tmp_path) -> Path:
    """A frozen network of two small maps, as users bring their own."""
    file = tmp_path / "maps.py"
    file.write_text(MAPS)
    return file


@pytest.fixture(scope="session")
def oxford_root() -> Path:
    """The real Oxford-102: $T2I_OXFORD102, or shared/data/oxford102 beside the checkout."""
    root = Path(os.environ.get("T2I_OXFORD102") or ROOT.parent / "shared" / "data" / "oxford102")
    if not root.is_dir():
        pytest.skip("Oxford-102 is not on this machine; set T2I_OXFORD102 to its folder")
    return root


@pytest.fixture(autouse=True, scope="session")
def own_temporary_folder(tmp_path_factory) -> Iterator[None]:
    """What else is temporary lies with pytest's folders, too: Gradio's clients leave one for every download."""
    folder = str(tmp_path_factory.mktemp("temp"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", folder)
        patch.setenv("TMPDIR", folder)
        yield


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Tests never touch the user's caches."""
    monkeypatch.setenv("T2I_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.delenv("T2I_WEIGHTS", raising=False)
