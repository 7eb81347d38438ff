"""Sentence vectors as Kiros et al. 2015 define them: the GRU, the tokens, words that are not known, the cost."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.encoder_cost import write_large_encoder
from support.forked import run_python
from support.released import BI, UNI, networks, tables, write_release
from torch.nn.functional import normalize

from t2i.config import SkipThoughtConfig, text_config
from t2i.networks.skip_thoughts import END, UNKNOWN, SkipThoughts, Vocabulary, empty_encoder, tokenize
from t2i.snapshot import TEXT_ENCODER, VOCABULARY, load_text_encoder
from training.convert import convert
from training.run.export import save_text_encoder
from training.text.embeddings import encode

pytestmark = pytest.mark.usefixtures("one_thread")
SENTENCES = ["the flower does n't", "pink petals .", "the", "the flower does n't the pink petals . .", "unheard flower"]
CONFIG = SkipThoughtConfig(words=6, word_size=5, uni_size=6, bi_size=4)


@pytest.fixture(scope="module")
def converted(tmp_path_factory) -> SkipThoughts:
    """The release in small, in double precision."""
    words = {word for sentence in SENTENCES for word in sentence.split()}
    return convert(write_release(tmp_path_factory.mktemp("files")), words).double()


@pytest.fixture
def small() -> SkipThoughts:
    torch.manual_seed(0)
    return SkipThoughts(CONFIG, Vocabulary([END, UNKNOWN, "the", "flower", "The", "petals"])).eval()


def published_gru(parts: dict[str, np.ndarray], prefix: str, sentence: np.ndarray) -> np.ndarray:
    """The last state for a sentence (T, D), from the equations of section 2.1, in double precision.

    r = sigmoid(W_r x + U_r h), z = sigmoid(W_z x + U_z h), candidate tanh(W x + r (U h)) as the released code
    has it, and its sense of z: h' = z h + (1 - z) candidate.
    """
    W, U, b, Wx, Ux, bx = (parts[f"{prefix}_{k}"].astype(np.float64) for k in ("W", "U", "b", "Wx", "Ux", "bx"))
    size = len(bx)
    h = np.zeros(size)
    for x in sentence:
        gates = 1 / (1 + np.exp(-(x @ W + h @ U + b)))
        r, z = gates[:size], gates[size:]
        candidate = np.tanh(x @ Wx + bx + r * (h @ Ux))
        h = z * h + (1 - z) * candidate
    return h


def published_states(encoder: SkipThoughts, sentence: str) -> tuple[np.ndarray, np.ndarray]:
    """Of uni-skip and of bi-skip, whose second half reads from the end."""
    places = encoder.vocabulary.read([sentence])[0]
    uni, bi = (table.weight[places].numpy() for table in (encoder.uni_words, encoder.bi_words))
    files = networks()
    both = [
        published_gru(files["bi_skip.npz"], "encoder", bi),
        published_gru(files["bi_skip.npz"], "encoder_r", bi[::-1]),
    ]
    return published_gru(files["uni_skip.npz"], "encoder", uni), np.concatenate(both)


def test_sentences_of_different_lengths_in_one_batch_follow_the_published_equations(converted):
    uni, bi = (states.numpy() for states in converted.encode(converted.read(SENTENCES)))
    assert uni.shape == (len(SENTENCES), UNI) and bi.shape == (len(SENTENCES), 2 * BI)
    for k, sentence in enumerate(SENTENCES):
        for ours, published in zip((uni[k], bi[k]), published_states(converted, sentence)):
            np.testing.assert_allclose(ours, published, rtol=0, atol=1e-10)


def test_both_halves_have_length_one_and_uni_skip_comes_first(converted):
    vectors = converted(converted.read(SENTENCES))
    assert vectors.shape == (len(SENTENCES), converted.config.text_size) and converted.config.text_size == UNI + 2 * BI
    for half, states in zip((vectors[:, :UNI], vectors[:, UNI:]), converted.encode(converted.read(SENTENCES))):
        torch.testing.assert_close(half.norm(dim=1), torch.ones(len(half)).double())
        torch.testing.assert_close(half, normalize(states))


def test_a_sentence_alone_has_the_vector_that_it_has_among_others(converted):
    together = converted(converted.read(SENTENCES))
    alone = torch.cat([converted(converted.read([sentence])) for sentence in SENTENCES])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)
    single = converted.float()
    torch.testing.assert_close(encode(single, SENTENCES), alone.float(), rtol=0, atol=1e-6)
    converted.double()


def test_pooled_a_sentence_is_the_mean_of_what_its_beginnings_leave(converted):
    """Of uni-skip, and of bi-skip's first half; its second half starts from the end."""
    pooled = SkipThoughts(replace(converted.config, pooling="mean"), converted.vocabulary).double()
    pooled.load_state_dict(converted.state_dict())
    uni, bi = pooled.encode(pooled.read(SENTENCES))
    assert uni.shape == (len(SENTENCES), UNI) and bi.shape == (len(SENTENCES), 2 * BI)
    for k, sentence in enumerate(SENTENCES):
        words = sentence.split()
        first, second = converted.encode(converted.read([" ".join(words[: n + 1]) for n in range(len(words))]))
        torch.testing.assert_close(uni[k], first.mean(0), rtol=0, atol=1e-12)
        torch.testing.assert_close(bi[k, :BI], second[:, :BI].mean(0), rtol=0, atol=1e-12)
        _, ends = converted.encode(converted.read([" ".join(words[n:]) for n in range(len(words))]))
        torch.testing.assert_close(bi[k, BI:], ends[:, BI:].mean(0), rtol=0, atol=1e-12)


def test_unknown_words_have_the_vector_of_UNK(converted):
    unknown = converted.vocabulary.words.index(UNKNOWN)
    assert np.array_equal(converted.uni_words.weight[unknown].float(), tables()["utable.npy"][2])
    first, second = converted(converted.read(["unheard flower", "UNK flower"]))
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("this flower doesn't have petals", "this flower does n't have petals"),
        ("It's white; they're red, can't tell", "It 's white ; they 're red , ca n't tell"),
        ('a "pink" flower', "a `` pink '' flower"),
        ("It has petals. They are red! Are they? Yes.", "It has petals . They are red ! Are they ? Yes ."),
        ('It has "thin petals." They are red.', "It has `` thin petals . '' They are red ."),
        ("5 petals, 3.5 cm wide", "5 petals , 3.5 cm wide"),
        ("a red-and-white flower (large)", "a red-and-white flower ( large )"),
        ("The flower's PETALS", "The flower 's PETALS"),
        ("  petals...\n and more  ", "petals ... and more"),
        ("<eos>", "< eos >"),
        ("", ""),
    ],
)
def test_tokens_are_those_of_the_penn_treebank_in_their_case(text, tokens):
    assert tokenize(text) == tokens.split()


def test_a_word_is_read_as_it_stands_else_in_lower_case_else_as_UNK():
    vocabulary = Vocabulary([END, UNKNOWN, "the", "The", "flower"])
    words = ["The", "the", "THE", "Flower", "rose", UNKNOWN, "unk"]
    assert [vocabulary.place(word) for word in words] == [3, 2, 2, 4, 1, 1, 1]


@pytest.mark.parametrize("word", [END, "<EOS>", "<Eos>"])
def test_no_text_reads_as_padding(word):
    vocabulary = Vocabulary([END, UNKNOWN, "the"])
    assert vocabulary.place(word) == vocabulary.place("unheard") != 0
    assert (vocabulary.read([f"the {word} the"]) > 0).all()


def test_punctuation_is_read_if_it_is_known_and_left_out_otherwise():
    texts = ["the, rose.", "the rose", "..."]
    assert Vocabulary([END, UNKNOWN, "the"]).read(texts).tolist() == [[2, 1], [2, 1], [1, 0]]
    assert Vocabulary([END, UNKNOWN, "the", "."]).read(texts[:2]).tolist() == [[2, 1, 3], [2, 1, 0]]


def test_texts_are_filled_up_with_zeros_and_cut_to_the_longest():
    vocabulary = Vocabulary([END, UNKNOWN, "the", "flower"])
    texts = ["the flower", "the", "", "flower the flower the"]
    assert vocabulary.read(texts).tolist() == [[2, 3, 0, 0], [2, 0, 0, 0], [1, 0, 0, 0], [3, 2, 3, 2]]
    assert vocabulary.read(texts, longest=2).tolist() == [[2, 3], [2, 0], [1, 0], [3, 2]]
    assert vocabulary.read([]).shape == (0, 1)


def test_a_text_without_words_has_the_vector_of_one_unknown_word(small):
    empty, unknown = small(small.read(["", "rose"]))
    torch.testing.assert_close(empty, unknown)
    assert empty.isfinite().all()


def test_padding_does_not_change_a_vector(small):
    words = small.read(["the flower", "petals"])
    wider = torch.nn.functional.pad(words, (0, 3))
    torch.testing.assert_close(small(words), small(wider))


@pytest.mark.parametrize("words", [[], ["the"], [UNKNOWN, END, "the"], [END, "the", UNKNOWN]])
def test_a_vocabulary_starts_with_the_end_and_the_unknown_word(words):
    with pytest.raises(ValueError, match="its first words must be <eos> and UNK"):
        Vocabulary(words)


def test_a_vocabulary_has_no_word_twice():
    with pytest.raises(ValueError, match="has a word twice"):
        Vocabulary([END, UNKNOWN, "the", "the"])


@pytest.mark.parametrize("sizes", [{"words": 1}, {"word_size": 0}, {"uni_size": 1}, {"bi_size": 5}, {"bi_size": 0}])
def test_sizes_that_no_encoder_has_are_told(sizes):
    (name, value), *_ = sizes.items()
    with pytest.raises(ValueError, match=rf"{name} is {value}; (it must be a whole number of at least 2|give an even)"):
        replace(CONFIG, **sizes)


def test_a_pooling_that_no_encoder_has_is_told():
    with pytest.raises(ValueError, match="pooling is 'sum'; choose last or mean"):
        replace(CONFIG, pooling="sum")


def test_the_default_sizes_are_those_of_the_release():
    config = SkipThoughtConfig()
    assert (config.words, config.word_size, config.text_size) == (930_913, 620, 4800)
    assert text_config(vars(config)) == config


def test_a_vocabulary_of_another_size_than_the_config_is_told(small):
    with pytest.raises(ValueError, match=r"The vocabulary has 6 words, config\.json tells 7"):
        SkipThoughts(replace(CONFIG, words=7), small.vocabulary)


def test_an_empty_encoder_has_the_shapes_and_no_values(small):
    empty = empty_encoder(CONFIG, small.vocabulary)
    assert all(value.is_meta for value in empty.state_dict().values())
    shapes = [{name: value.shape for name, value in e.state_dict().items()} for e in (small, empty)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(("kind", "error"), [(torch.float32, 0), (torch.float16, 1e-3)])
def test_saved_and_loaded_it_is_the_same_encoder(small, tmp_path, kind, error):
    save_text_encoder(small, tmp_path, kind)
    loaded = load_text_encoder(tmp_path, CONFIG)
    assert loaded.vocabulary.words == small.vocabulary.words and not loaded.training
    for name, value in loaded.state_dict().items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, small.state_dict()[name], rtol=0, atol=error)
    torch.testing.assert_close(
        encode(loaded, ["The flower"]), encode(small, ["The flower"]), rtol=0, atol=10 * error + 1e-6
    )


def test_what_is_wrong_with_a_folder_is_told(small, tmp_path):
    save_text_encoder(small, tmp_path)
    with pytest.raises(ValueError, match=r"The vocabulary has 6 words, config\.json tells 9"):
        load_text_encoder(tmp_path, replace(CONFIG, words=9))
    with pytest.raises(ValueError, match=r"does not fit the sizes in config\.json"):
        load_text_encoder(tmp_path, replace(CONFIG, uni_size=8))
    for words in (b'["<eos>", "UNK", "\xff"]', b"<eos>\nUNK\n", b"[" * 9_999, None):
        (tmp_path / VOCABULARY).unlink() if words is None else (tmp_path / VOCABULARY).write_bytes(words)
        with pytest.raises(ValueError, match=r"vocabulary\.json can't be read .* export the snapshot again"):
            load_text_encoder(tmp_path, CONFIG)
    for words in (b'{"<eos>": 0}', b'["<eos>", "UNK", 7]'):
        (tmp_path / VOCABULARY).write_bytes(words)
        with pytest.raises(ValueError, match=r"vocabulary\.json is no list of words"):
            load_text_encoder(tmp_path, CONFIG)
    save_text_encoder(small, tmp_path)
    (tmp_path / TEXT_ENCODER).write_bytes((tmp_path / TEXT_ENCODER).read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"text_encoder\.safetensors is damaged"):
        load_text_encoder(tmp_path, CONFIG)


def test_an_encoder_of_the_released_size_is_read_where_it_is_mapped_into_memory(tmp_path):
    write_large_encoder(tmp_path)
    assert (tmp_path / TEXT_ENCODER).stat().st_size > 150e6
    ran = run_python("-m", "support.encoder_cost", tmp_path, 20)
    assert ran.returncode == 0, ran.stderr
    cost = json.loads(ran.stdout)
    assert cost["load_peak_bytes"] < 200e6 and cost["captions"] == 20 and cost["size"] == 4800
