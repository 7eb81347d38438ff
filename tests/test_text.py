import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from t2i.config import TextEncoderConfig
from t2i.networks.text import (
    ALPHABET,
    MAX_CHARACTERS,
    PADDING,
    CharCnnRnn,
    characters_to_indices,
    clean_caption,
    legible,
    one_hot,
)


def test_alphabet_is_the_published_one():
    assert len(ALPHABET) == 70
    assert ALPHABET.count("-") == 2
    assert characters_to_indices("-")[0] == ALPHABET.rindex("-")


def test_padding_is_an_all_zero_column():
    rows = one_hot(torch.from_numpy(characters_to_indices("ab")))
    assert rows.shape == (201, 70) and rows[:2].sum(1).tolist() == [1, 1]
    assert rows[2:].abs().sum() == 0


@pytest.mark.parametrize(("recurrence", "steps"), [("relu", 8), ("gru", 18)])
def test_recurrence_runs_over_the_published_number_of_steps(recurrence, steps):
    encoder = CharCnnRnn(TextEncoderConfig(recurrence=recurrence, first_channels=8, channels=8))
    x = torch.zeros(1, len(ALPHABET), MAX_CHARACTERS)
    assert encoder.convolutions(x).shape == (1, 8, steps)
    assert encoder(encoder.read(["a flower"])).shape == (1, 1024)


def test_captions_are_read_in_lower_case_without_accents():
    assert clean_caption("  A  Pink\nFLOWER ") == "a pink flower"
    assert clean_caption("une fleur rosée “très” belle") == 'une fleur rosee "tres" belle'
    assert clean_caption("a 🌸 pink flower") == "a pink flower"


@pytest.mark.parametrize(
    ("caption", "sentence"),
    [
        ("", "caption is empty"),
        (" \n\t", "caption is empty"),
        ("🌸🌼", "no Latin letters"),
        ("красный цветок", "no Latin letters"),
        ("12345 !!", "no Latin letters"),
        ("a" * 202, "shorten it by 1"),
        (None, "must be text"),
    ],
)
def test_captions_that_cannot_be_read_are_refused(caption, sentence):
    with pytest.raises(ValueError, match=sentence):
        clean_caption(caption)


def test_what_is_legible_is_counted_however_long_it_is():
    assert legible(" “Rosé” 🌸\x85petals — ½ ") == '"Rose" petals - 12'
    assert legible("x" * 300 + "é") == "x" * 300 + "e" and legible("цветок") == ""


@given(st.text(max_size=300))
def test_any_text_is_either_read_or_refused_with_a_sentence(caption):
    try:
        readable = clean_caption(caption)
    except ValueError as error:
        assert str(error).count("\n") == 0
        return
    assert clean_caption(readable) == readable
    indices = characters_to_indices(readable)
    assert "".join(ALPHABET[k] for k in indices if k != PADDING) == readable
