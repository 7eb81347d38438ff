"""The demo as a Space: the page, what it imports, and the weights it shows."""

import re
from pathlib import Path

from huggingface_hub import SpaceCardData

from t2i.config import SnapshotConfig
from t2i.snapshot import read_config
from training.data.sources import SOURCES
from training.hub.markdown import wrap
from training.hub.metadata import TAGS

CHECKOUT = Path(__file__).resolve().parents[2]
APP, REQUIREMENTS, PACKAGE, WEIGHTS = "app.py", "requirements.txt", "t2i", "weights"
CODE = (".py", ".css")
PYTHON = "3.12"
TEXT = """Type a sentence, get a picture: the page of the model `{repo}`, a {title} that runs without a GPU. The weights
lie in `weights/`, as they are there at commit `{commit}`."""
Files = dict[str, Path | bytes]  # by their path in a repository


def space_files(
    repo: str, commit: str, weights: Files, config: SnapshotConfig, data: str | None, private: bool = False
) -> Files:
    """What the Space of a published model holds; ValueError if this is no checkout."""
    package = sorted(file for file in (CHECKOUT / PACKAGE).rglob("*") if file.suffix in CODE)
    code = [CHECKOUT / APP, CHECKOUT / REQUIREMENTS, *package]
    if missing := [file.name for file in code[:2] if not file.is_file()]:
        raise ValueError(f"{CHECKOUT} has no {missing[0]}; publish the Space from a checkout of the project.")
    preload = None if private else preloaded(repo, commit, weights)  # a Space is built without its owner's token
    files: Files = {"README.md": space_card(repo, commit, config, data, preload).encode()}
    files |= {file.relative_to(CHECKOUT).as_posix(): file for file in code}
    return files | {f"{WEIGHTS}/{path}": file for path, file in weights.items()}


def preloaded(repo: str, commit: str, weights: Files) -> list[str]:
    """The model's files as the Hub fetches them into the Space's cache when it is built."""
    plain = [path for path in weights if not set(path) & set(" ,")]  # these two part the entry
    return [f"{repo} {','.join(plain)} {commit}"]


def space_card(repo: str, commit: str, config: SnapshotConfig, data: str | None, preload: list[str] | None) -> str:
    """README.md of the Space: front matter, from which the Hub builds it, and a few words."""
    head = front_matter(config.name, config, data, [repo], preload)
    text = TEXT.format(repo=repo, commit=commit, title=config.title)
    return f"{head}\n# {config.name}\n\n{wrap(text)}\n"


def checkout_front_matter() -> str:
    """What README.md of the project begins with, so that a checkout is a Space as it lies, with bundled weights."""
    config = read_config(CHECKOUT / WEIGHTS)
    return front_matter(PACKAGE, config, config.data, [])


def front_matter(
    title: str, config: SnapshotConfig, data: str | None, models: list[str], preload: list[str] | None = None
) -> str:
    """YAML between its marks; the licence is that of the weights that are shown."""
    source = SOURCES.get(data)
    values = SpaceCardData(
        title=title,
        emoji="🎨",
        colorFrom="pink",
        colorTo="purple",
        sdk="gradio",
        sdk_version=pinned("gradio"),
        python_version=PYTHON,
        app_file=APP,
        short_description="Type a sentence, get a picture",
        license=source.license if source else "unknown",
        license_name=source and source.license_name,
        tags=[*TAGS, config.variant],
        models=models,
        preload_from_hub=preload,
    )
    return f"---\n{values.to_yaml()}\n---"


def pinned(package: str) -> str:
    """The version of a package that requirements.txt asks for."""
    found = re.search(rf"^{package}(\[.*\])?==(\S+)", (CHECKOUT / REQUIREMENTS).read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{REQUIREMENTS} does not pin {package}; write {package}==VERSION there.")
    return found[2]
