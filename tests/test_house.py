"""The house keeps its rules: imports go one way and in no circle, one version of each pin, two README commands."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from training.hub.demo import PYTHON

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("run", "data", "text gans", "measure", "hub", "options")  # of training/; above them the commands
COMMANDS = {
    "text_encoder", "gan", "style", "match", "skip_thoughts", "second_stage", "convert", "expand", "evaluate",
    "disentangle", "benchmark", "timelapse", "release", "publish",
}  # fmt: skip


def module(file: Path) -> str:
    """Its name as others import it."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(file): file for room in ("t2i", "training") for file in sorted((ROOT / room).rglob("*.py"))}


def imported(file: Path) -> set[str]:
    """Names of all modules a file imports, and of what it takes out of them."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def imports(file: Path) -> set[str]:
    """The same, and the packages that they are in."""
    return {
        ".".join(parts[:k]) for name in imported(file) for parts in [name.split(".")] for k in range(1, len(parts) + 1)
    }


def neighbours(file: Path) -> set[str]:
    """The project's own modules that a file imports."""
    return {name if name in MODULES else name.rpartition(".")[0] for name in imported(file)} & MODULES.keys()


@pytest.mark.parametrize(
    ("files", "forbidden"),
    [
        ("t2i/*.py", {"training", "app", "t2i.serving", "t2i.page", "gradio", "torchvision", "sklearn", "scipy"}),
        ("t2i/networks/*.py", {"training", "app", "t2i.serving", "t2i.page", "t2i.snapshot", "t2i.hub", "gradio"}),
        ("t2i/serving/*.py", {"training", "app", "t2i.page", "t2i.cli", "gradio", "torchvision"}),
        ("t2i/page/**/*.py", {"training", "app", "t2i.cli", "torchvision"}),
        ("training/**/*.py", {"app", "t2i.serving", "t2i.page", "gradio", "tests"}),
        ("app.py", {"training", "torchvision"}),
    ],
)
def test_imports_go_one_way(files, forbidden):
    found = sorted(ROOT.glob(files))
    assert found
    for file in found:
        assert not imports(file) & forbidden, file.name


def floor(name: str) -> tuple[int, str]:
    """How high a module of training/ stands, and in which room."""
    room = name.split(".")[1]
    level = next((k for k, rooms in enumerate(FLOORS) if room in rooms.split()), len(FLOORS))
    return level, "commands" if room in COMMANDS else room


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("training.")])
def test_a_room_of_training_imports_rooms_below_it_only(name):
    level, room = floor(name)
    for other in neighbours(MODULES[name]):
        if other.startswith("training."):
            below, its_room = floor(other)
            assert below < level or its_room == room, f"{name} imports {other}"


def test_commands_import_one_another_only_in_release():
    for name in COMMANDS - {"release"}:
        others = neighbours(ROOT / "training" / f"{name}.py")
        assert not others & {f"training.{command}" for command in COMMANDS}, name


def test_at_the_top_of_training_stand_commands_alone():
    files = {file.stem for file in (ROOT / "training").glob("*.py")}
    assert files == COMMANDS - {"release"} | {"__init__", "options"}
    assert (ROOT / "training" / "release" / "__main__.py").exists()  # whose stages fill a room
    rooms = {folder.name for folder in (ROOT / "training").iterdir() if (folder / "__init__.py").exists()}
    assert rooms | {"options"} == {*" ".join(FLOORS).split(), "release"}


def test_imports_form_no_circle():
    TopologicalSorter({name: neighbours(file) for name, file in MODULES.items()}).prepare()


def test_pinned_requirements_satisfy_the_package():
    assert "gradio[mcp]==" in (ROOT / "requirements.txt").read_text()
    assert (ROOT / "requirements-dev.txt").read_text().startswith("-r requirements.txt")


def test_the_pythons_that_are_named_are_those_that_it_runs_on():
    readme, package = ((ROOT / name).read_text() for name in ("README.md", "pyproject.toml"))
    first, last = (int(minor) for minor in re.search(r"Python 3\.(\d+) to 3\.(\d+)", readme).groups())
    assert f'requires-python = ">=3.{first},<3.{last + 1}"' in package
    assert f'target-version = "py3{first}"' in package
    (container,) = re.findall(r"python:3\.(\d+)-", (ROOT / "Dockerfile").read_text())
    assert f"3.{container}" == PYTHON and first <= int(container) <= last
    assert re.search(r"^python_version: '(.*)'$", readme, re.MULTILINE)[1] == PYTHON


def test_no_flag_takes_a_path_in_which_home_is_not_known():
    """Neither the shell nor Path knows ~ in --out=~/runs: `given_path` does."""
    assert not [name for name, file in MODULES.items() if re.search(r"type=(pathlib\.)?Path\b", file.read_text())]


def test_no_weights_file_is_too_large():
    files = list((ROOT / "weights").rglob("*"))
    assert files
    assert all(file.stat().st_size < 12_000_000 for file in files)


def test_readme_has_two_set_up_commands_and_ci_runs_the_second():
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    demo, tests = blocks[:2]
    assert "app.py" in demo and demo.strip().count("\n") == 0
    assert "pytest" in tests and tests.strip().count("\n") == 0
    assert "README.md" in (ROOT / ".ci" / "run").read_text()
