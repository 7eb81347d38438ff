"""The released files of Kiros et al. 2015 become a text encoder, and bad files harm nobody."""

import argparse
import pickle
import resource
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from support.released import (
    BI,
    UNI,
    WORD_SIZE,
    WORDS,
    Python2,
    hostile,
    networks,
    object_array,
    rows_pickled,
    tables,
    words_pickled,
    write_release,
)

from t2i.networks.skip_thoughts import END, UNKNOWN
from training.convert import convert, main
from training.text import arrays
from training.text.corpus import count_text
from training.text.embeddings import encode, load_trained_encoder

TEXT = ["The pink Flower", "does n't have petals ."]


@pytest.fixture
def files(tmp_path):
    return write_release(tmp_path / "files")


def words():
    return [word for line in TEXT for word in line.split()]


def test_the_encoder_keeps_the_words_of_the_text_in_the_order_of_the_dictionary(files):
    encoder = convert(files, words())
    assert encoder.vocabulary.words == (END, UNKNOWN, "the", "flower", "pink", "petals", ".", "n't", "does")
    assert (encoder.config.word_size, encoder.config.uni_size, encoder.config.bi_size) == (WORD_SIZE, UNI, 2 * BI)
    for table, name in ((encoder.uni_words, "utable.npy"), (encoder.bi_words, "btable.npy")):
        rows = tables()[name][[WORDS.index(word) for word in encoder.vocabulary.words]]
        assert np.array_equal(table.weight.numpy(), rows)


def test_a_word_is_kept_in_lower_case_only_where_its_own_case_is_missing(files):
    assert convert(files, ["Pink", "The"]).vocabulary.words == (END, UNKNOWN, "the", "Pink")
    assert convert(files, ["née", UNKNOWN, END]).vocabulary.words == (END, UNKNOWN, "née")


def test_of_equal_lines_the_last_one_counts(files):
    lines = [*WORDS[:-1], "pink"]
    (files / "dictionary.txt").write_text("".join(line + "\n" for line in lines))
    assert np.array_equal(convert(files, ["pink"]).uni_words.weight[2], tables()["utable.npy"][-1])


@pytest.mark.parametrize("write", [rows_pickled, words_pickled], ids=["rows", "dictionary"])
def test_tables_that_python_2_pickled_equal_plain_ones(files, write):
    plain = convert(files, words()).state_dict()
    for name, table in tables().items():
        (files / name).write_bytes(write(table))
        with (files / name).open("rb") as stream:
            theirs = np.load(stream, allow_pickle=True, encoding="latin1")  # NumPy takes it for its own, too
        assert theirs.dtype == object
    with pytest.raises(ValueError, match=r"utable\.npy is a pickle of Python 2.*--allow-pickle"):
        convert(files, words())
    pickled = convert(files, words(), allow_pickle=True).state_dict()
    assert all(torch.equal(plain[name], pickled[name]) for name in plain)


def test_tables_that_todays_numpy_pickled_equal_plain_ones(files):
    plain = convert(files, words()).state_dict()
    for name, table in tables().items():
        rows = np.empty(len(table), object)
        rows[:] = [row if k % 2 else [np.float64(x) for x in row] for k, row in enumerate(table)]
        payload = pickle.dumps(rows if name == "utable.npy" else table.astype(object), protocol=2)
        (files / name).write_bytes(object_array(payload, rows.shape))
    pickled = convert(files, words(), allow_pickle=True).state_dict()
    assert all(torch.equal(plain[name], pickled[name]) for name in plain)


def test_networks_of_objects_need_the_same_permission(files):
    plain = convert(files, words()).state_dict()
    parts = networks()["bi_skip.npz"]
    parts["encoder_Ux"] = parts["encoder_Ux"].astype(object)
    np.savez(files / "bi_skip.npz", **parts)
    with pytest.raises(ValueError, match=r"bi_skip\.npz is a pickle"):
        convert(files, words())
    pickled = convert(files, words(), allow_pickle=True).state_dict()
    assert all(torch.equal(plain[name], pickled[name]) for name in plain)


def test_what_is_not_needed_is_not_read(files):
    parts = networks()["uni_skip.npz"] | {"history_errs": np.array([{"any": "thing"}], object)}
    np.savez(files / "uni_skip.npz", **parts)
    convert(files, words())


@pytest.mark.parametrize("name", ["utable.npy", "uni_skip.npz"])
def test_a_hostile_pickle_is_refused_and_not_run(files, tmp_path, name):
    bad = hostile(f"touch {tmp_path / 'harmed'}")
    if name.endswith(".npy"):
        (files / name).write_bytes(bad)
    else:
        with zipfile.ZipFile(files / name, "w") as archive:
            archive.writestr("encoder_W.npy", bad)
    with pytest.raises(ValueError, match=name + r" asks for (posix|nt)\.system, which no table of numbers needs"):
        convert(files, words(), allow_pickle=True)
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("name", ["builtins.eval", "numpy.load", "numpy.ctypeslib.load_library", "functools.partial"])
def test_no_other_name_is_looked_up(tmp_path, name):
    module, function = name.rsplit(".", 1)
    (tmp_path / "x.npy").write_bytes(object_array(f"c{module}\n{function}\n.".encode(), (1,)))
    loaded = set(sys.modules)
    with pytest.raises(ValueError, match=f"asks for {name}, which"):
        arrays.open_rows(tmp_path / "x.npy", allow_pickle=True)
    assert set(sys.modules) == loaded


def test_raw_bytes_never_become_objects(tmp_path):
    """A forged type made NumPy take bytes for addresses; ours knows numbers alone."""
    python = Python2()
    python.objects((1,), [lambda: python.array((1,), b"O8", b"|", lambda: python.text(b"\x41" * 8))])
    (tmp_path / "x.npy").write_bytes(object_array(python.done(), (1,)))
    with pytest.raises(ValueError, match="values of NumPy's type O8, not numbers"):
        arrays.numbers(arrays.open_rows(tmp_path / "x.npy", allow_pickle=True)[0])


@pytest.mark.parametrize("payload", [pickle.dumps(OrderedDict()), b"]q\x01h\x01a.", b"garbage", b""])
def test_a_pickle_of_something_else_is_told(tmp_path, payload):
    (tmp_path / "x.npy").write_bytes(object_array(payload, (1,)))
    with pytest.raises(ValueError, match=r"x\.npy (holds a|is damaged).*download it again\."):
        arrays.open_rows(tmp_path / "x.npy", allow_pickle=True)


@pytest.mark.parametrize("name", ["uni_skip.npz", "bi_skip.npz", "utable.npy", "btable.npy", "dictionary.txt"])
def test_a_missing_file_is_named_with_its_address(files, name):
    (files / name).unlink()
    with pytest.raises(
        ValueError, match=rf"has no {name}; download it from http://www\.cs\.toronto\.edu/~rkiros/models/"
    ):
        convert(files, words())


@pytest.mark.parametrize("name", ["uni_skip.npz", "bi_skip.npz", "utable.npy", "btable.npy"])
@pytest.mark.parametrize("left", [0, 7, 90, -9])
def test_a_file_cut_short_is_damaged(files, name, left):
    (files / name).write_bytes((files / name).read_bytes()[:left])
    with pytest.raises(ValueError, match=rf"{name} is damaged \(.+\); download it again\."):
        convert(files, words())


def test_a_pickle_cut_anywhere_is_damaged(files):
    whole = rows_pickled(tables()["utable.npy"])
    for left in range(90, len(whole), 40):
        (files / "utable.npy").write_bytes(whole[:left])
        with pytest.raises(ValueError, match=r"utable\.npy (is damaged|holds)"):
            convert(files, words(), allow_pickle=True)


def test_a_file_written_over_is_damaged(files):
    whole = bytearray((files / "uni_skip.npz").read_bytes())
    place = whole.index(b"encoder_Ux.npy") + 200
    whole[place : place + 4] = b"oops"
    (files / "uni_skip.npz").write_bytes(whole)
    with pytest.raises(ValueError, match=r"uni_skip\.npz is damaged \(Bad CRC-32"):
        convert(files, words())


@pytest.mark.parametrize("part", ["W", "U", "b", "Wx", "Ux", "bx"])
def test_a_wrong_shape_is_told(files, part):
    parts = networks()["bi_skip.npz"]
    parts[f"encoder_r_{part}"] = parts[f"encoder_r_{part}"][:-1]
    np.savez(files / "bi_skip.npz", **parts)
    with pytest.raises(
        ValueError, match=r"bi_skip\.npz: encoder_r_\w+ has shape \(.*\), not \(.*\); give the files of"
    ):
        convert(files, words())


def test_a_network_of_another_kind_is_told(files):
    (files / "bi_skip.npz").write_bytes((files / "uni_skip.npz").read_bytes())
    with pytest.raises(ValueError, match=r"bi_skip\.npz has no encoder_r_W; give the encoder's own file\."):
        convert(files, words())


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (np.zeros((len(WORDS) - 1, WORD_SIZE), "f4"), r"has 11 rows but dictionary\.txt 12 lines; take both from http"),
        (np.zeros(len(WORDS), "f4"), r"has rows of the shapes \[\(\)\]; each must be one vector"),
        (np.zeros((len(WORDS), 2, 2), "f4"), r"has rows of the shapes \[\(2, 2\)\]; each must be one vector"),
        (np.zeros((len(WORDS), WORD_SIZE + 1), "f4"), r"two lengths"),
        (np.full((len(WORDS), WORD_SIZE), "x"), r"is damaged \(could not convert"),
    ],
    ids=["rows", "scalars", "cube", "length", "text"],
)
def test_a_table_that_does_not_fit_is_told(files, table, told):
    np.save(files / "btable.npy", table)
    with pytest.raises(ValueError, match=told):
        convert(files, words())


def test_a_pickled_table_that_does_not_fit_is_told(files):
    (files / "utable.npy").write_bytes(
        words_pickled(tables()["utable.npy"], ["Flower" if w == "flower" else w for w in WORDS])
    )
    with pytest.raises(ValueError, match=r"lacks the word flower, which dictionary\.txt has"):
        convert(files, words(), allow_pickle=True)
    python = Python2()
    rows = [*tables()["utable.npy"][:-1], np.zeros(2, "f4")]
    python.objects((len(rows),), [lambda row=row: python.numbers(row) for row in rows])
    (files / "utable.npy").write_bytes(object_array(python.done(), (len(rows),)))
    convert(files, words(), allow_pickle=True)
    with pytest.raises(ValueError, match=r"rows of the shapes \[\(2,\), \(5,\)\]"):
        convert(files, ["the", ""], allow_pickle=True)


def test_a_dictionary_that_does_not_fit_is_told(files):
    file = files / "dictionary.txt"
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"petals", b"petal\xe9"))
    with pytest.raises(ValueError, match=r"dictionary\.txt: line 7 is not UTF-8"):
        convert(files, words())
    file.write_bytes(whole.replace(b"UNK\n", b"unk\n"))
    with pytest.raises(ValueError, match=r"dictionary\.txt lacks the word UNK"):
        convert(files, words())


def test_a_text_of_which_no_word_is_known_is_told(files):
    with pytest.raises(ValueError, match=r"has no word of the text; give English text\."):
        convert(files, ["fleur", "rosée", "FLEUR"])


def test_of_a_table_of_the_released_size_only_the_needed_rows_are_read(files):
    lines = [*WORDS, *(f"word{k}" for k in range(930_913 - len(WORDS)))]
    (files / "dictionary.txt").write_bytes("".join(line + "\n" for line in lines).encode())
    for name, table in tables().items():
        sparse = np.lib.format.open_memmap(files / name, "w+", "f4", (len(lines), WORD_SIZE * 124))
        sparse[: len(WORDS)] = np.tile(table, 124)
    parts = {name: {k: np.tile(v, (124, 1)) if "W" in k else v for k, v in p.items()} for name, p in networks().items()}
    for name, values in parts.items():
        np.savez(files / name, **values)
    before = resident()
    encoder = convert(files, [*words(), "word900000"])
    assert encoder.uni_words.weight.shape == (10, 620) and encoder.vocabulary.words[-1] == "word900000"
    assert resident() - before < 50e6


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_the_command_leaves_a_folder_to_load(files, tmp_path, capsys):
    (tmp_path / "text.txt").write_text("\n".join(TEXT) + "\nThe flower is bold.\n", encoding="utf-8")
    main(["--files", str(files), "--words", str(tmp_path / "text.txt"), "-o", str(tmp_path / "out")])
    told = capsys.readouterr().out
    assert "7 words kept; 3 of 11 words of the text (23.08% of it) read as UNK." in told
    encoder, built = load_trained_encoder(tmp_path / "out"), convert(files, words())
    assert encoder.uni.weight_hh_l0.dtype == torch.float32
    assert all(torch.equal(a, b) for a, b in zip(encoder.state_dict().values(), built.state_dict().values()))
    torch.testing.assert_close(encode(encoder, TEXT), encode(built, TEXT), rtol=0, atol=1e-6)
    assert sorted(f.name for f in (tmp_path / "out").iterdir()) == [
        "text_encoder.json",
        "text_encoder.safetensors",
        "vocabulary.json",
    ]


def test_the_words_of_a_data_set_count(files, tmp_path, capsys):
    main(["--files", str(files), "--data", "synthetic", "-o", str(tmp_path / "out")])
    assert load_trained_encoder(tmp_path / "out").vocabulary.words[2:] == ("the", "flower", "pink", "petals")
    with pytest.raises(SystemExit):
        main(["--files", str(files), "-o", str(tmp_path / "out")])
    assert "one of the arguments --words --data is required" in capsys.readouterr().err


def test_a_text_without_words_is_told(tmp_path):
    (tmp_path / "empty.txt").write_text("\n\n")
    with pytest.raises(ValueError, match=r"empty\.txt has no words"):
        count_text(argparse.Namespace(words=tmp_path / "empty.txt"))
