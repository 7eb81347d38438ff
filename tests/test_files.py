"""People's own files: links, endings, names that other systems write otherwise; what is left out is named."""

import json
import os
import unicodedata

import pytest
from PIL import Image
from support.layouts import draw, draw_pairs, draw_table, rows_of, write

from training.data import list_data, load_data
from training.data.contents import files_key
from training.data.files import Names, walk


def remarks(root) -> str:
    listing = list_data("folder", root)
    assert not listing.problems
    return " ".join(listing.remarks)


def rename(root, old: str, new: str) -> None:
    for ending in (".png", ".txt"):
        (root / f"{old}{ending}").rename(root / f"{new}{ending}")


@pytest.mark.parametrize("ending", ["jfif", "JPG", "jpe", "mpo", "tga", "ppm", "ico", "qoi", "JPG_large", "apng"])
def test_pictures_are_read_whatever_their_ending(tmp_path, ending):
    root, rare = draw_pairs(tmp_path), ending in ("tga", "ppm", "ico", "qoi")
    Image.open(root / "03.png").convert("RGB").save(root / f"new.{ending}", ending if rare else "png")
    (root / "03.png").unlink()
    (root / f"new.{ending}").rename(root / f"03.{ending}")
    data = load_data("folder", root, 16)
    assert len(data) == 12 and (data.images[3, 8, 8] == data.images[9, 8, 8]).all()  # both are pink
    assert not remarks(root)


def test_heic_and_other_files_without_use_are_named(tmp_path, capsys):
    root = draw_pairs(tmp_path)
    for name in ("IMG_1.HEIC", "notes.md", "film.mp4", "a.nef"):
        (root / name).write_bytes(b"II*\0 no picture")
    write(root / "IMG_1.txt", "a wall")
    draw(root / ".thumbnails" / "00.png")
    (root / "03.png.bak").write_bytes((root / "03.png").read_bytes())  # a picture, but not another one
    load_data("folder", root, 16)
    load_data("folder", root, 17)
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and told.startswith("folder: 1 HEIC pictures can't be read (save them as JPEG)")
    assert "IMG_1.HEIC. 1 text files have no picture beside them and are left out: IMG_1.txt." in told
    assert "4 other files are no pictures and are left out: 03.png.bak, a.nef, film.mp4 and 1 more." in told
    assert "1 names are hidden and are left out: .thumbnails." in told


def test_links_to_folders_are_followed_once_and_never_upwards(tmp_path):
    root = draw_pairs(tmp_path / "set", 6)
    draw_pairs(tmp_path / "elsewhere")
    for k in range(6):
        rename(tmp_path / "elsewhere", f"{k:02d}", f"more {k}")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "again").symlink_to(root)
    (tmp_path / "elsewhere" / "back").symlink_to(root)
    (root / "up").symlink_to(tmp_path)
    tree = walk(root)
    assert len(tree.files) == 36 and tree.closed == (root / "up",)
    data = load_data("folder", root, 16)
    assert len(data) == 18
    assert "1 folders can't be read or hold the whole set and are left out: up." in remarks(root)


def test_a_link_to_a_picture_that_is_gone_is_named(tmp_path):
    root = draw_pairs(tmp_path)
    (root / "03.png").unlink()
    (root / "03.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(ValueError, match=r"03\.png is a link to a file that is not there"):
        load_data("folder", root, 16)


@pytest.mark.parametrize(
    ("picture", "text"),
    [
        ("03.PNG", "03.TXT"), ("Img.png", "IMG.Txt"), ("a.png", "a.png.txt"), ("A.PNG", "a.png.TXT"),
        (unicodedata.normalize("NFC", "café.png"), unicodedata.normalize("NFD", "café.txt")),
    ],
)  # fmt: skip
def test_captions_beside_pictures_may_be_called_otherwise(tmp_path, picture, text):
    root = draw_pairs(tmp_path)
    (root / "03.png").rename(root / picture)
    (root / "03.txt").rename(root / text)
    data = load_data("folder", root, 16)
    assert len(data) == 12 and ("a pink wall, number 3", "wall 3 is painted pink") in data.captions


def test_of_names_that_differ_in_case_each_has_its_own(tmp_path):
    root = draw_pairs(tmp_path)
    rename(root, "03", "wall")
    rename(root, "04", "WALL")
    captions = dict(
        zip((e.file.name for e in list_data("folder", root).entries), load_data("folder", root, 16).captions)
    )
    assert captions["wall.png"][0].endswith("3") and captions["WALL.png"][0].endswith("4")


def test_what_lies_instead_of_the_captions_is_named(tmp_path):
    root = draw_pairs(tmp_path)
    (root / "03.txt").rename(root / "03.caption")
    with pytest.raises(ValueError, match=r"03\.txt is missing; 03\.caption lies there"):
        load_data("folder", root, 16)


@pytest.mark.parametrize(
    ("there", "told"),
    [
        ("sub/a.png", "sub\\a.png"), ("sub/A.PNG", "Sub/a.png"), ("a.png", "./a.png"), ("a.png", "a.png "),
        (unicodedata.normalize("NFD", "é.png"), unicodedata.normalize("NFC", "é.png")),
        (unicodedata.normalize("NFC", "ö/é.png"), unicodedata.normalize("NFD", "ö/é.png")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_names_in_metadata_may_be_written_otherwise(tmp_path, there, told, kind):
    root = draw_table(tmp_path, [{"file_name": there, "text": "a wall"}, *rows_of(12)[1:]], kind)
    table = root / f"metadata.{kind}"
    written = json.dumps(there)[1:-1] if kind == "jsonl" else there
    other = json.dumps(told)[1:-1] if kind == "jsonl" else told
    table.write_text(table.read_text(encoding="utf-8").replace(written, other, 1), encoding="utf-8")
    listing = list_data("folder", root)
    assert not listing.problems and len(listing.entries) == 12
    assert root / there in [entry.file for entry in listing.entries]


def test_of_several_names_none_is_guessed(tmp_path):
    for name in ("a.png", "A.png"):
        draw(tmp_path / name)
    assert Names().find(tmp_path, "a.png") == tmp_path / "a.png"
    assert not Names().find(tmp_path, "a.PNG").exists()
    assert Names().near(tmp_path / "a.PNG") == ["A.png", "a.png"]


def test_tables_may_be_written_in_capitals_and_those_not_read_are_named(tmp_path):
    root = draw_table(tmp_path, rows_of(12), "csv")
    (root / "metadata.csv").rename(root / "Metadata.CSV")
    assert len(load_data("folder", root, 16)) == 12 and not remarks(root)
    write(root / "metadata.jsonl", *map(json.dumps, rows_of(12)))
    (root / "metadata.parquet").write_bytes(b"PAR1")
    assert "2 tables are not read" in remarks(root) and "Metadata.CSV, metadata.parquet" in remarks(root)


def test_a_parquet_table_alone_is_told_how_to_save(tmp_path):
    for k in range(12):
        draw(tmp_path / f"{k:02d}.png")
    (tmp_path / "metadata.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"metadata\.parquet is not read; save it as metadata\.csv or metadata\.jsonl"):
        load_data("folder", tmp_path, 16)


def test_names_that_are_not_utf_8_are_read(tmp_path):
    root = draw_pairs(tmp_path)
    rename(root, "03", os.fsdecode(b"caf\xe9"))
    first, key = load_data("folder", root, 16), files_key(list_data("folder", root))
    rename(root, os.fsdecode(b"caf\xe9"), os.fsdecode(b"caf\xe8"))
    assert len(first) == 12 and files_key(list_data("folder", root)) != key
    assert load_data("folder", root, 16).contents() == first.contents()
