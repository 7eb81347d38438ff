"""The house keeps its rules: imports go one way, one version of each pin, two README commands."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def imports(file: Path) -> set[str]:
    """Names of all modules a file imports, and of the packages that they are in."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {".".join(parts[:k]) for name in found for parts in [name.split(".")] for k in range(1, len(parts) + 1)}


@pytest.mark.parametrize(
    ("files", "forbidden"),
    [
        ("t2i/*.py", {"training", "app", "t2i.page", "gradio", "torchvision", "sklearn", "scipy", "torchmetrics"}),
        ("training/*.py", {"app", "t2i.page", "gradio", "tests"}),
        ("t2i/page/*.py", {"training", "app", "torchvision"}),
        ("app.py", {"training", "torchvision"}),
    ],
)
def test_imports_go_one_way(files, forbidden):
    found = sorted(ROOT.glob(files))
    assert found
    for file in found:
        assert not imports(file) & forbidden, file.name


def test_pinned_requirements_satisfy_the_package():
    assert "gradio[mcp]==" in (ROOT / "requirements.txt").read_text()
    assert (ROOT / "requirements-dev.txt").read_text().startswith("-r requirements.txt")


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
