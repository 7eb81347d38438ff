"""python -m training.data check: what it prints and what it ends with."""

import json
import os
from pathlib import Path

import pytest
from support.forked import run_python
from support.layouts import draw_coco, draw_cub, draw_oxford, draw_pack, draw_pairs, draw_table, rows_of, write

from training.data import LAYOUTS
from training.data.__main__ import main

DRAW = {
    "oxford102": draw_oxford, "cub": draw_cub, "cub-cropped": draw_cub, "coco": draw_coco, "folder": draw_pairs,
    "packed": draw_pack,
}  # fmt: skip


@pytest.fixture
def check(capsys):
    """The exit status and what is printed."""

    def run(name: str, root: Path) -> tuple[int, str]:
        status = 0
        try:
            main(["check", "--data", name, "--root", str(root)])
        except SystemExit as stopped:
            status = stopped.code
        return status, capsys.readouterr().out

    return run


@pytest.mark.parametrize("name", LAYOUTS)
def test_usable_sets_are_counted(check, tmp_path, name):
    status, told = check(name, DRAW[name](tmp_path / "set"))
    expected = {
        "oxford102": ["all: 9 images, 18 captions, 5 classes", "test: 3 images, 6 captions, 2 classes",
                      "1 labelled images have no photograph and are skipped: image_00004."],
        "cub": ["all: 12 images, 24 captions, 6 classes", "val: 4 images, 8 captions, 2 classes"],
        "cub-cropped": ["trainval: 8 images, 16 captions, 4 classes"],
        "coco": ["all: 10 images, 20 captions, no classes", "train: 6 images, 12 captions, no classes"],
        "folder": ["all: 12 images, 24 captions, no classes", "captions an image: 2 (12 images)"],
        "packed": ["test: 3 images, 6 captions, 2 classes", "packed from oxford102 at 16 pixels, without features"],
    }[name]  # fmt: skip
    assert status == 0 and ": usable\n" in told and "Problem" not in told
    for line in expected:
        assert f"  {line}\n" in told


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("root", [".", "nowhere"])
def test_sets_that_are_not_there_end_with_1_and_tell_where_to_obtain_them(check, tmp_path, name, root):
    status, told = check(name, tmp_path / root)
    assert status == 1 and told.startswith(f"{name}: ") and ": not usable\n" in told
    assert told.count("Problem: ") == 1 and LAYOUTS[name].holds in told and LAYOUTS[name].source in told


def test_all_that_is_broken_is_told_in_a_line_each(check, tmp_path):
    root = draw_table(tmp_path, rows_of(12))
    (root / "03.png").write_bytes(b"no picture")
    (root / "05.png").write_bytes((root / "04.png").read_bytes()[:60])
    (root / "07.png").unlink()
    with (root / "metadata.jsonl").open("a") as stream:
        stream.write("no JSON\n")
    status, told = check("folder", root)
    problems = [line for line in told.splitlines() if line.startswith("Problem: ")]
    assert status == 1 and len(problems) == 4
    for part in ("03.png is not a picture", "05.png is damaged", "07.png, which does not exist", "Line 13 of"):
        assert sum(part in line for line in problems) == 1


def test_of_many_problems_the_first_are_told_and_the_others_counted(check, tmp_path):
    root = draw_pairs(tmp_path, 40)
    for file in root.glob("*.txt"):
        file.write_text("")
    status, told = check("folder", root)
    assert status == 1 and told.count("Problem: ") == 20 and "... and 21 more problems." in told  # 0 of 10 usable, too


def test_what_is_left_out_or_cut_is_told(check, tmp_path):
    root = draw_table(tmp_path, rows_of(12, label="roses", text="a wall " * 40))
    write(root / "sub" / "notes.txt", "no caption")
    (root / "other.png").write_bytes((root / "00.png").read_bytes())
    status, told = check("folder", root)
    assert status == 0
    assert "12 captions are longer than 201 characters" in told
    assert "1 images are not named by the metadata and are left out: other.png." in told
    assert "Classes are not used" in told


def test_names_that_are_not_utf_8_are_shown_with_escapes(check, tmp_path):
    root = draw_pairs(tmp_path)
    for ending in (".png", ".txt"):
        (root / f"03{ending}").rename(root / os.fsdecode(b"caf\xe9" + ending.encode()))
    write(root / os.fsdecode(b"\xff.md"), "notes")
    status, told = check("folder", root)
    assert status == 0 and "all: 12 images" in told and r"left out: \udcff.md." in told
    (root / os.fsdecode(b"caf\xe9.txt")).write_text("")
    status, told = check("folder", root)
    assert status == 1 and r"caf\udce9.txt is empty" in told


def test_the_command_runs(tmp_path):
    (tmp_path / "metadata.jsonl").write_text(json.dumps({"file_name": "a.png"}))
    ran = run_python("-m", "training.data", "check", "--data", "folder", "--root", tmp_path)
    assert ran.returncode == 1 and "has no text or caption" in ran.stdout and not ran.stderr


@pytest.mark.full
def test_the_real_photographs_are_usable(check, oxford_root):
    status, told = check("oxford102", oxford_root)
    assert status == 0 and "9 (12 images)" in told and "579 labelled images have no photograph" in told
