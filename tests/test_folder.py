import json

import pytest
from support.layouts import draw, draw_pairs, draw_table, rows_of, write

from training.data import list_data, load_data


def load(root):
    return load_data("folder", root, 16)


def names(data, split: str) -> list[str]:
    """Captions' numbers of a split's pictures."""
    return [captions[0].split()[-1] for captions in data.split(split).captions]


def test_pictures_beside_text_files_are_read(tmp_path):
    data = load(draw_pairs(tmp_path))
    assert data.name == "folder" and data.images.shape == (12, 16, 16, 3)
    assert data.captions[3] == ("a pink wall, number 3", "wall 3 is painted pink")
    assert data.classless and not data.class_names


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.parametrize("column", ["text", "caption"])
def test_metadata_of_the_hubs_convention_is_read(tmp_path, kind, column):
    rows = [{"file_name": row["file_name"], column: row["text"]} for row in rows_of(12)]
    data = load(draw_table(tmp_path, rows, kind))
    assert len(data) == 12 and data.captions[7] == ("a wall, number 7",)


def test_several_captions_are_a_list_or_several_rows(tmp_path):
    rows = rows_of(12, text=lambda n: [f"a wall {n}", f"number {n}"])
    assert load(draw_table(tmp_path / "a", rows)).captions[2] == ("a wall 2", "number 2")
    twice = rows_of(12) + rows_of(12, text=lambda n: f"again {n}")
    assert load(draw_table(tmp_path / "b", twice, "csv")).captions[2] == ("a wall, number 2", "again 2")


@pytest.mark.parametrize("column", ["label", "class"])
def test_of_ten_or_more_classes_every_tenth_is_for_test(tmp_path, column):
    data = load(draw_table(tmp_path, rows_of(40, **{column: lambda n: f"kind {n % 20:02d}"})))
    told = {split: [data.class_names[c] for c in classes] for split, classes in data.splits.items()}
    assert told["test"] == ["kind 09", "kind 19"] and told["val"] == ["kind 08", "kind 18"]
    assert len(told["train"]) == 16 and len(data.split("test")) == 4


def test_few_classes_are_divided_picture_by_picture(tmp_path):
    data = load(draw_table(tmp_path, rows_of(40, label=lambda n: n // 3 % 3)))
    assert names(data, "test") == ["9", "19", "29", "39"] and names(data, "val") == ["8", "18", "28", "38"]
    assert not data.classless and sorted(set(data.class_names.values())) == ["0", "1", "2"]


@pytest.mark.parametrize("columns", [{}, {"label": "roses"}, {"label": lambda n: "roses" if n < 11 else "tulips"}])
def test_without_several_classes_in_each_split_each_picture_is_its_own(tmp_path, columns):
    data = load(draw_table(tmp_path, rows_of(12, **columns)))
    assert data.classless and not data.class_names
    assert [len(data.split(split)) for split in ("train", "val", "trainval", "test")] == [8, 2, 10, 2]


@pytest.mark.parametrize("count", [10, 11, 25, 100])
def test_splits_cover_all_and_do_not_overlap(tmp_path, count):
    data = load(draw_pairs(tmp_path, count))
    train, val, test = (set(data.splits[split]) for split in ("train", "val", "test"))
    assert min(map(len, (train, val, test))) >= 2 and len(train) + len(val) + len(test) == count
    assert not train & val and not (train | val) & test and train | val == set(data.splits["trainval"])


def test_folders_of_splits_are_followed(tmp_path):
    for part, count in {"train": 6, "validation": 2, "test": 3}.items():
        draw_table(tmp_path / part, rows_of(count, text=lambda n, part=part: f"{part} {n}"))
    data = load(tmp_path)
    assert names(data, "train") == list("012345") and names(data, "val") == ["0", "1"] and len(data.split("test")) == 3
    assert data.split("test").captions[0] == ("test 0",)


def test_one_metadata_file_may_speak_of_all_folders(tmp_path):
    rows = rows_of(12, file_name=lambda n: f"{'test' if n > 8 else 'train'}/{n:02d}.png")
    data = load(draw_table(tmp_path, rows))
    assert names(data, "test") == ["9", "10", "11"]
    assert names(data, "val") == ["3", "7"]  # a tenth of the rest, two at least


def test_a_column_tells_the_split(tmp_path):
    data = load(draw_table(tmp_path, rows_of(12, split=lambda n: "validation" if n < 4 else "train"), "csv"))
    assert names(data, "test") == list("0123")  # what is told apart is not trained on
    assert names(data, "val") == ["7", "11"]


def test_classes_that_training_and_test_share_stay_in_their_split(tmp_path):
    rows = rows_of(40, label=lambda n: f"kind {n % 4}", split=lambda n: "test" if n >= 32 else "train")
    data = load(draw_table(tmp_path, rows))
    assert len(data.split("test")) == 8 and not set(data.splits["trainval"]) & set(data.splits["test"])
    assert {data.class_names[c] for c in data.splits["test"]} == {f"kind {k}" for k in range(4)}


def test_what_metadata_does_not_name_and_hidden_files_are_left_out(tmp_path):
    root = draw_table(tmp_path, rows_of(12))
    draw(root / "other.png")
    draw(root / ".thumbnails" / "00.png")
    assert len(load(root)) == 12


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_pictures_of_every_mode_are_read(tmp_path, mode):
    root = draw_pairs(tmp_path)
    (root / "03.png").unlink()
    suffix = "tif" if mode == "CMYK" else "png"
    draw(root / f"03.{suffix}", {"RGBA": (255, 0, 0, 0), "LA": (0, 0)}.get(mode, 0), mode=mode)
    picture = load(root).images[3]
    assert picture.shape == (16, 16, 3)
    if mode in ("RGBA", "LA"):
        assert (picture == 255).all()  # on white


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", r"Line 13 of \S+metadata\.jsonl is not a JSON object"),
        ("[]", r"Line 13 of \S+ is not a JSON object"),
        ('{"text": "a wall"}', "Line 13 of .* has no file_name"),
        ('{"file_name": "00.png"}', "Line 13 of .* has no text or caption"),
        ('{"file_name": "00.png", "text": 7}', "Line 13 of .* has no text or caption"),
        ('{"file_name": "00.png", "text": " "}', "Line 13 of .* has no caption in Latin letters"),
        ('{"file_name": "99.png", "text": "a wall"}', r"Line 13 of .* names \S+99\.png, which does not exist"),
        ('{"file_name": "../00.png", "text": "a wall"}', r"Line 13 of .* names \.\./00\.png, which is not below"),
        ('{"file_name": "00.png", "text": "a wall", "split": "dev"}', "has the split 'dev'; choose train"),
        ('{"file_name": "00.png", "text": "a wall", "label": 1}', r"00\.png has two classes or splits"),
        ('{"file_name": "00.png", "text": "a", "text": "b"}', "Line 13 of .* says one thing twice"),
        ('{"file_name": "00.png", "text": "a wall”}', "Line 13 of .* is not a JSON object"),
        ('{"file_name": "C:\\\\00.png", "text": "a wall"}', r"names C:\\00\.png by its whole path; write it as seen"),
        ('{"file_name": "HERE/00.png", "text": "a wall"}', r"00\.png by its whole path; .* as seen from \S+: 00\.png"),
        ('{"file_name": "00.jpg", "text": "a wall"}', r"names \S+00\.jpg, which does not exist; 00\.png lies there"),
        ('{"file_name": "' + 300 * "a" + '.png", "text": "a wall"}', "a.png, which does not exist"),
    ],
)
def test_broken_lines_of_metadata_are_named(tmp_path, line, sentence):
    root = draw_table(tmp_path, rows_of(12))
    with (root / "metadata.jsonl").open("a") as stream:
        stream.write(line.replace("HERE", str(root)) + "\n")
    with pytest.raises(ValueError, match=sentence) as told:
        load(root)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"file_name,text\n00.png,red, with leaves\n", "Line 2 of .* has more columns than the first line"),
        (b"name,text\n00.png,red\n", r"metadata\.csv has no columns file_name and text in its first line"),
        (b"", r"metadata\.csv has no columns file_name and text"),
        (b"file_name,text\n00.png,caf\xe9\n", r"metadata\.csv is not UTF-8"),
        (b"file_name,text\n00.png\n", r"Line 2 of .* has no text or caption"),
        (b"file_name,text,text\n00.png,red,blue\n", r"metadata\.csv has a column twice in its first line"),
        (
            b'file_name,text\n00.png,red\n01.png,"blue\n02.png,red\n',
            "Line 3 of .* unexpected end of data",
        ),
        (
            b'file_name,text\n00.png,red\n01.png,"blue\n02.png,"red"\n',
            "Line 3 of .*; close each quote",
        ),
        (b'file_name,text\n00.png,"red\n01.png,6"\n', r"Line 2 of .* has a quote that is not closed .* of 01\.png"),
        (b'text,file_name\n"red,00.png\nblue,01.png\n6",02.png\n', r"Line 2 of .* a quote that is not closed"),
        ('file_name,text\n00.png,"red”\n01.png,blue\n'.encode(), "Line 2 of .* can't be read: unexpected end of data"),
        ("file_name,text\n00.png,“red”\n".encode(), "Line 2 of .* has typographic quotes around “red”"),
        ("file_name,text\n00.png,“red, blue”\n".encode(), "Line 2 of .* put a caption with commas in plain quotes"),
        (b"file_name,text\n00.png," + 200_000 * b"a", r"metadata\.csv can't be read: field larger than field limit"),
    ],
)
def test_broken_tables_are_named(tmp_path, content, sentence):
    root = draw_pairs(tmp_path)
    (root / "metadata.csv").write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        load(root)


@pytest.mark.parametrize(
    ("path", "content", "sentence"),
    [
        ("03.txt", None, r"03\.txt is missing"),
        ("03.txt", b"", r"03\.txt is empty"),
        ("03.txt", b"\xff\xfea\0", r"03\.txt is not UTF-8"),
        ("03.png", b"no picture", r"03\.png is not a picture"),
    ],
)
def test_broken_pairs_are_named(tmp_path, path, content, sentence):
    root = draw_pairs(tmp_path)
    if content is None:
        (root / path).unlink()
    else:
        (root / path).write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        load(root)


def test_too_few_pictures_are_told(tmp_path):
    with pytest.raises(ValueError, match="holds no pictures with captions"):
        load(tmp_path)
    with pytest.raises(ValueError, match="has 9 usable pictures; training, validation and test need 10"):
        load(draw_pairs(tmp_path / "few", 9))


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"split": "test"}, "has no pictures in train/"),
        ({"split": lambda n: "test" if n > 2 else "train"}, r"has too few pictures in train/ \(3\)"),
        ({"split": lambda n: "train" if n else "test"}, "has one usable picture for test"),
        ({"split": lambda n: ("train", "test", None)[n % 3]}, r"tells no split for 02\.png"),
        ({"label": lambda n: "a" if n % 2 else None}, r"has pictures with and without a class, such as 00\.png"),
    ],
)
def test_what_can_not_be_divided_is_told(tmp_path, columns, sentence):
    with pytest.raises(ValueError, match=sentence):
        load(draw_table(tmp_path, rows_of(12, **columns)))


def test_a_caption_in_quotes_may_follow_a_space_and_span_lines(tmp_path):
    root = draw_pairs(tmp_path)
    rows = ["File_Name, Text", '00.png, "red, with ""leaves"""', '01.png,"a wall,', 'in the sun"', '02.png,a 6" wall']
    write(root / "metadata.csv", *rows, "", *(f"{k:02d}.png,a “wall” number {k}" for k in range(3, 12)))
    captions = load(root).captions
    assert captions[:3] == (('red, with "leaves"',), ("a wall, in the sun",), ('a 6" wall',)) and len(captions) == 12


def kinds(root, *folders: str, each: int = 4) -> list[str]:
    """Names of classes where so many captioned pictures lie in each of the folders."""
    for folder in folders:
        draw_pairs(root / folder, each)
    return sorted(set(load(root).class_names.values()))


def test_folders_that_pictures_lie_in_are_classes(tmp_path):
    assert kinds(tmp_path / "a", "rose", "tulip", "Tor Garden", each=12) == ["Tor Garden", "rose", "tulip"]
    assert kinds(tmp_path / "b", "train/rose", "train/tulip", "test/rose", "test/tulip", "val/rose", "val/tulip") == [
        "rose", "tulip",
    ]  # fmt: skip
    assert kinds(tmp_path / "c", "pictures/rose/1", "pictures/rose/2", "pictures/tulip", each=12) == ["rose", "tulip"]


@pytest.mark.parametrize(
    ("folders", "why"),
    [
        (("2023-05", "2023-06", "2023-07"), "their names differ in numbers, not in words: 2023-05, 2023-06, 2023-07"),
        (("batch1", "batch2", "batch10"), "their names differ in numbers"),
        (("rose", ".", "tulip"), "some pictures lie beside them"),
        (("train/1", "test/2", "val/3"), "their names differ in numbers"),
    ],
)
def test_folders_that_are_no_classes_are_told(tmp_path, folders, why):
    assert not kinds(tmp_path, *folders)
    assert why in " ".join(list_data("folder", tmp_path).remarks)


def test_folders_of_a_picture_each_are_no_classes(tmp_path):
    assert not kinds(tmp_path, *(chr(97 + k) for k in range(12)), each=1)
    assert "they hold a picture or so each" in " ".join(list_data("folder", tmp_path).remarks)


@pytest.mark.parametrize("folders", [("train", "val", "test"), ("pictures",), ("rose/train", "rose/val", "rose/test")])
def test_folders_of_splits_and_those_of_all_pictures_are_passed_over(tmp_path, folders):
    assert not kinds(tmp_path, *folders, each=12) and not list_data("folder", tmp_path).remarks


def test_metadata_overrides_the_names_of_folders(tmp_path):
    def rows(**columns):
        return rows_of(12, file_name=lambda n: f"{'rose' if n % 2 else 'tulip'}/{n:02d}.png", **columns)

    assert set(load(draw_table(tmp_path / "a", rows())).class_names.values()) == {"rose", "tulip"}
    labelled = rows(label=lambda n: f"kind {n % 2}")
    assert set(load(draw_table(tmp_path / "b", labelled)).class_names.values()) == {"kind 0", "kind 1"}
    assert load(draw_table(tmp_path / "c", rows(label="all"))).classless


def test_metadata_may_begin_with_a_byte_order_mark_and_hold_any_line_separator(tmp_path):
    root = draw_pairs(tmp_path)
    lines = [json.dumps({"file_name": f"{k:02d}.png", "text": "a\u2028wall"}, ensure_ascii=False) for k in range(12)]
    write(root / "metadata.jsonl", "\ufeff" + lines[0], *lines[1:], "")
    assert load(root).captions[0] == ("a wall",)
