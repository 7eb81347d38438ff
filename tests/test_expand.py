"""Words that an encoder lacks get vectors by a linear map from word2vec's space."""

import json

import numpy as np
import pytest
import torch

from t2i.config import SkipThoughtConfig, TextEncoderConfig
from t2i.networks.skip_thoughts import END, UNKNOWN, SkipThoughts, Vocabulary
from t2i.networks.text import CharCnnRnn
from t2i.snapshot import TEXT_ENCODER
from training.expand import expand, main
from training.run.export import ENCODER_CONFIG, save_network, write_text_encoder
from training.text.embeddings import load_trained_encoder
from training.text.word_vectors import read_vectors

SIZE = 7
KNOWN = [f"word{k}" for k in range(60)] + ["flower"]
NEW = ["sepal", "corolla", "Tepal"]
BINARY_END = {"binary": b"", "binary with newlines": b"\n"}


def vectors_of(words: list[str], seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {word: rng.standard_normal(SIZE).astype(np.float32) for word in words}


def write_vectors(file, vectors: dict[str, np.ndarray], layout: str = "text"):
    """The file in word2vec's layout, with the space that its text has at the end of a line."""
    parts = [f"{len(vectors)} {SIZE}\n".encode()]
    for word, vector in vectors.items():
        if layout == "text":
            parts.append(f"{word} {' '.join(repr(float(x)) for x in vector)} \n".encode())
        else:
            parts.append(word.encode() + b" " + vector.tobytes() + BINARY_END[layout])
    file.write_bytes(b"".join(parts))
    return file


@pytest.fixture
def encoder() -> SkipThoughts:
    """Its words are an exact affine image of their vectors."""
    torch.manual_seed(0)
    vocabulary = Vocabulary([END, UNKNOWN, *KNOWN])
    encoder = SkipThoughts(SkipThoughtConfig(len(vocabulary), 5, 6, 4), vocabulary).requires_grad_(False).eval()
    source = torch.from_numpy(np.stack(list(vectors_of(KNOWN + NEW).values())))
    for table, (weight, constant) in zip((encoder.uni_words, encoder.bi_words), relations()):
        table.weight[2:] = (source @ weight + constant)[: len(KNOWN)]
    return encoder


def relations() -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [(torch.randn(SIZE, 5, generator=generator), torch.randn(5, generator=generator)) for _ in range(2)]


@pytest.mark.parametrize("layout", ["text", *BINARY_END])
def test_only_wanted_words_are_kept_of_each_format(tmp_path, layout):
    vectors = vectors_of(["the", "née", "flower", "\u2028", "New_York"])
    read = read_vectors(write_vectors(tmp_path / "v", vectors, layout), {"née", "flower", "\u2028", "none"})
    assert read.keys() == {"née", "flower", "\u2028"}
    assert all(np.array_equal(read[word], vectors[word]) for word in read)


def test_an_exact_relation_is_recovered(encoder):
    vectors = vectors_of(KNOWN + NEW)
    larger, figures = expand(encoder, vectors, NEW)
    for table, (weight, constant) in zip((larger.uni_words, larger.bi_words), relations()):
        for k, word in enumerate(NEW, start=len(encoder.vocabulary)):
            torch.testing.assert_close(table.weight[k], torch.from_numpy(vectors[word]) @ weight + constant)
    assert figures.keys() == {"uni_r2", "uni_cosine", "bi_r2", "bi_cosine"}
    assert all(value == pytest.approx(1, abs=1e-5) for value in figures.values())


def test_vectors_that_tell_nothing_are_measured_as_such(encoder):
    figures = expand(encoder, vectors_of(KNOWN, seed=5), [])[1]
    assert figures["uni_r2"] < 0.3 and figures["bi_r2"] < 0.3


def test_known_words_and_networks_stay_as_they_are(encoder):
    before, after = encoder.state_dict(), expand(encoder, vectors_of(KNOWN + NEW), NEW)[0].state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name][: len(value)]) for name, value in before.items())


def test_new_words_encode_differently_from_unknown_ones(encoder):
    larger = expand(encoder, vectors_of(KNOWN + NEW), [*NEW, "calyx"])[0]
    texts = ["a sepal", "a corolla", "a Tepal", "a calyx"]
    first = encoder(encoder.read(texts))
    torch.testing.assert_close(first, first[:1].expand_as(first))
    vectors = larger(larger.read(texts))
    assert torch.cdist(vectors, vectors)[~torch.eye(4, dtype=bool)].min() > 0.01
    torch.testing.assert_close(vectors[3], first[3])


def test_words_are_added_once_and_in_lower_case_only_where_their_own_is_missing(encoder):
    words = ["Sepal", "sepal", "Tepal", "tepal", "Flower", "flower", UNKNOWN, END, "<EOS>"]
    vectors = vectors_of([*KNOWN, *NEW, "Flower", UNKNOWN, END])
    larger = expand(encoder, vectors, words)[0]
    assert larger.vocabulary.words[len(encoder.vocabulary) :] == ("sepal", "Tepal")


def test_the_command_leaves_a_folder_to_load(encoder, tmp_path, capsys):
    write_text_encoder(tmp_path / "run", encoder)
    write_vectors(tmp_path / "v.bin", vectors_of([*KNOWN, *NEW, "other"]), "binary")
    (tmp_path / "text.txt").write_text("a sepal and a corolla and a flower")
    command = ["--model", str(tmp_path / "run"), "--vectors", str(tmp_path / "v.bin")]
    command += ["--words", str(tmp_path / "text.txt")]
    main([*command, "-o", str(tmp_path / "out")])
    told = capsys.readouterr().out
    assert "2 words added; 2 of 5 words of the text (62.50% of it) read as UNK." in told
    assert "uni_r2 1.000  uni_cosine 1.000" in told
    larger = load_trained_encoder(tmp_path / "out")
    assert larger.vocabulary.words == (*encoder.vocabulary.words, "sepal", "corolla")
    assert torch.equal(larger.uni_words.weight[: len(encoder.vocabulary)], encoder.uni_words.weight)
    with pytest.raises(ValueError, match="holds the encoder to expand; choose another --out folder"):
        main([*command, "-o", str(tmp_path / "out" / ".." / "run")])


def test_a_character_encoder_is_told_apart(tmp_path):
    config = TextEncoderConfig(first_channels=8, channels=8, text_size=8)
    save_network(CharCnnRnn(config), tmp_path / TEXT_ENCODER)
    (tmp_path / ENCODER_CONFIG).write_text(json.dumps(vars(config)))
    with pytest.raises(ValueError, match="has no skip-thought encoder"):
        main(["--model", str(tmp_path), "--vectors", "none", "--data", "synthetic", "-o", str(tmp_path / "out")])


@pytest.mark.parametrize("head", [b"", b"word 0.5 0.25\n", b"10\n", b"0 7\n", b"ten 7\n", b"10 7 3\n", b"\x80\x02"])
def test_a_damaged_header_is_told(tmp_path, head):
    (tmp_path / "v").write_bytes(head + b"the 1 2 3 4 5 6 7\n")
    with pytest.raises(ValueError, match='does not start with a line "N D" as word2vec writes it'):
        read_vectors(tmp_path / "v", {"the"})


@pytest.mark.parametrize("layout", ["text", *BINARY_END])
def test_a_file_cut_short_is_told(tmp_path, layout):
    file = write_vectors(tmp_path / "v", vectors_of(["one", "two", "three"]), layout)
    whole = file.read_bytes()
    third = whole.index(b"three")
    for left in (third, third + 3, *([third + 9, len(whole) - 3] if layout != "text" else [])):
        file.write_bytes(whole[:left])
        with pytest.raises(ValueError, match="damaged or cut off after 2 of its 3 words"):
            read_vectors(file, {"one"})


def test_a_binary_file_read_out_of_step_is_told(tmp_path):
    (tmp_path / "v").write_bytes(b"2 3\nword " + b"\x01" * 12 + b"\xff" * 5000)
    with pytest.raises(ValueError, match="damaged or cut off after 1 of its 2 words"):
        read_vectors(tmp_path / "v", {"word"})


def test_a_line_of_other_length_or_without_numbers_is_named(tmp_path):
    (tmp_path / "v").write_text("3 2\none 1 2\ntwo 1 2 3\nthree 1 2\n")
    with pytest.raises(ValueError, match="line 3 has 3 numbers, not 2"):
        read_vectors(tmp_path / "v", {"one"})
    (tmp_path / "v").write_text("2 2\none 1 2\ntwo 1 x\n")
    assert read_vectors(tmp_path / "v", {"one"}).keys() == {"one"}
    with pytest.raises(ValueError, match="line 3 has what is no number"):
        read_vectors(tmp_path / "v", {"two"})


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ValueError, match="can't be read"):
        read_vectors(tmp_path / "none", {"one"})


def test_no_shared_words_and_too_few_are_told(encoder):
    with pytest.raises(ValueError, match=r"share no word; give vectors of words of its language\."):
        expand(encoder, vectors_of(NEW), NEW)
    with pytest.raises(ValueError, match="share 7 words, too few for a map from 7 numbers"):
        expand(encoder, vectors_of(KNOWN[:SIZE] + NEW), NEW)
