import subprocess
import sys

import pytest
from PIL import Image

from t2i.cli import main
from t2i.images import read_parameters


def test_command_draws_a_grid_with_its_parameters(snapshot, tmp_path, capsys):
    out = tmp_path / "flowers.png"
    assert main(["a pink flower", "--seed", "7", "--count", "8", "-o", str(out), "--model", str(snapshot)]) == 0
    with Image.open(out) as image:
        assert image.size == (8 * 66 - 2, 64)
        assert read_parameters(image) == ("a pink flower", 7)
        assert "Count: 8" in image.text["parameters"]
    assert "seed 7 to 14" in capsys.readouterr().out


def test_module_runs_as_a_command(snapshot, tmp_path):
    out = tmp_path / "one.png"
    command = [sys.executable, "-m", "t2i", "a red flower", "--scale", "4", "-o", out, "--model", snapshot]
    subprocess.run(list(map(str, command)), check=True, timeout=120)
    with Image.open(out) as image:
        assert image.size == (256, 256)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["", "-o", "{}/a.png"], "caption is empty"),
        (["a" * 300, "-o", "{}/a.png"], "shorten it by 99"),
        (["a flower", "-o", "{}/a.jpg"], "is not a .png"),
        (["a flower", "-o", "{}/no/a.png"], "no folder"),
        (["a flower", "-o", "{}/a.png", "--model", "nowhere"], "There is no folder nowhere"),
    ],
)
def test_wrong_input_is_told_and_writes_nothing(snapshot, tmp_path, capsys, arguments, sentence):
    arguments = [a.format(tmp_path) for a in arguments]
    assert main([*(["--model", str(snapshot)] if "--model" not in arguments else []), *arguments]) == 2
    told = capsys.readouterr().err
    assert sentence in told and told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["a", "--seed", "-1"], ["a", "--count", "0"], ["a", "--steps", "50"], []])
def test_wrong_flags_are_refused(arguments):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
