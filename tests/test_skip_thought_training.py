"""Training of skip-thoughts: it learns, resumes exactly, reads any text, and tells what is wrong with one."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.resuming import check_resumed_equals_straight

from t2i.networks.skip_thoughts import END, UNKNOWN, Vocabulary
from training.run.loop import train
from training.skip_thoughts import PRESETS, build_trainer, main, train_skip_thoughts
from training.text.beginnings import beginnings, with_beginnings
from training.text.corpus import Corpus, read_corpus
from training.text.decoders import hide
from training.text.embeddings import encode, load_trained_encoder

pytestmark = pytest.mark.usefixtures("one_thread")
SMOKE = replace(PRESETS["smoke"], precision="fp32")


@pytest.fixture(scope="module")
def parts(synthetic):
    """Captions to train on and captions held out, a document an image."""
    return [list(map(list, synthetic.split(name).captions)) for name in ("trainval", "test")]


def trainer_of(parts, classes=None, **changes):
    return build_trainer(parts[0], parts[1][:64], classes, replace(SMOKE, **changes), "cpu")


def test_training_lowers_the_loss_on_captions_held_out(parts, tmp_path):
    trainer = trainer_of(parts, lr=5e-3, epochs=2)
    before = trainer.tick(0, tmp_path)
    assert train_skip_thoughts(trainer, "synthetic", tmp_path)
    stats = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert {"images", "uni", "bi", "held_out_uni", "held_out_bi"} <= stats[-1].keys()
    for name, loss in before.items():
        assert loss == pytest.approx(np.log(len(trainer.encoder.vocabulary)), rel=0.1)  # no word is likelier yet
        assert stats[-1][name] < 0.8 * loss
    loaded = load_trained_encoder(tmp_path)
    assert loaded.vocabulary.words == trainer.encoder.vocabulary.words
    captions = ["a red flower", "a blue flower"]
    torch.testing.assert_close(encode(loaded, captions), encode(trainer.encoder, captions), rtol=0, atol=5e-3)


@pytest.mark.parametrize("changes", [{}, {"word_dropout": 0.5, "of_class": 0.5}])
def test_stopped_and_resumed_equals_a_straight_run(parts, synthetic, changes, tmp_path):
    classes = synthetic.split("trainval").labels.tolist() if changes else None
    check_resumed_equals_straight(lambda: trainer_of(parts, classes, anneal=0.5, **changes), tmp_path)


def test_a_run_out_of_time_goes_on_where_it_stopped(parts, tmp_path):
    assert not train_skip_thoughts(trainer_of(parts), "synthetic", tmp_path, max_minutes=0)
    assert not (tmp_path / "text_encoder.safetensors").exists()
    trainer = trainer_of(parts)
    assert train_skip_thoughts(trainer, "synthetic", tmp_path)
    straight = trainer_of(parts)
    train(straight, tmp_path, 0, 1, 1)  # loads the last state
    assert all(torch.equal(a, b) for a, b in zip(trainer.parameters, straight.parameters))
    with pytest.raises(ValueError, match="holds a run with another text, words"):
        train_skip_thoughts(trainer_of(parts, words=9), "synthetic", tmp_path)


def test_the_learning_rate_falls_over_the_last_part_of_the_run(parts):
    trainer = trainer_of(parts, anneal=0.5, epochs=4)
    steps, rates = trainer.total_images / trainer.batch_size, []
    for part in (0, 0.5, 0.75):
        trainer.step(int(part * steps))
        rates.append(trainer.optimizer.param_groups[0]["lr"] / SMOKE.lr)
    assert rates == pytest.approx([1, 1, 0.5], abs=0.02)


def test_decoders_read_each_neighbour_to_its_end_and_no_further(parts):
    """Padding counts for nothing: a batch's loss is the mean over the words of its sentences and their ends."""
    trainer = trainer_of(parts)
    triple = trainer.corpus.draw(3, np.random.default_rng(0))
    counts, losses = [], []
    for k in range(3):
        single = tuple(part[k : k + 1] for part in triple)
        losses.append(torch.stack(list(trainer.losses(single).values())))
        counts.append(sum(int((part > 0).sum()) + 1 for part in (single[0], single[2])))
    weights = torch.tensor(counts) / sum(counts)
    together = torch.stack(list(trainer.losses(triple).values()))
    torch.testing.assert_close(together, weights @ torch.stack(losses))


def test_decoders_see_only_some_words_in_training_and_all_of_held_out_captions(parts):
    trainer = trainer_of(parts, word_dropout=0.75)
    words, rng = trainer.corpus.words[:200].long(), np.random.default_rng(0)
    seen = hide(words, 0.75, 1, rng)
    hidden = seen != words
    assert (seen[hidden] == 1).all() and not hidden[words == 0].any()
    assert hidden[words > 1].float().mean() == pytest.approx(0.75, abs=0.05)
    triple = trainer.corpus.draw(8, rng)
    with torch.no_grad():
        whole, some = trainer.losses(triple), trainer.losses(triple, np.random.default_rng(0))
    assert all(whole[name] != some[name] for name in whole)


def test_captions_stand_beside_others_of_their_image_and_of_their_class():
    vocabulary = Vocabulary([END, UNKNOWN, *"abcdefghi"])
    documents, classes = [["a", "b", "c"], ["d", "e"], ["f", "g", "h"], ["i"]], [7, 3, 7, 7]
    for share, beside in {0.0: {"a": "bc", "b": "ac", "g": "fh"}, 1.0: {"a": "bcfghi", "g": "abcfhi"}}.items():
        before, middle, after = Corpus.of(documents, vocabulary, 3, classes, share).draw(400, np.random.default_rng(0))
        middles, *others = ("".join(vocabulary.words[k] for k in rows[:, 0]) for rows in (middle, before, after))
        assert set(middles) == set("abcfgh")  # of images with three captions
        for one, expected in beside.items():
            places = [k for k, word in enumerate(middles) if word == one]
            assert all({words[k] for k in places} == set(expected) for words in others)


def test_captions_begin_with_short_sentences(synthetic):
    caption = "This flower is pink, with petals that are long and a yellow center in the middle of it"
    assert beginnings(caption) == ["This flower is pink", "This flower is pink, with petals"]
    assert beginnings("a flower with wide petals") == ["a flower"] and not beginnings("pink and white")
    few = replace(synthetic.thin(3), captions=((caption, "a rose with thorns"), ("a rose",), ("a b, c", "a b.")))
    assert with_beginnings(few, 0).captions == few.captions
    assert with_beginnings(few, 9).captions == (
        (*few.captions[0], *beginnings(caption), "a rose"), ("a rose",), ("a b, c", "a b.", "a b"),
    )  # fmt: skip
    one, again = (with_beginnings(few, 1).captions for _ in range(2))
    assert [len(captions) for captions in one] == [3, 1, 3] and one == again


def test_the_most_frequent_words_are_known(parts):
    assert trainer_of(parts, words=5).encoder.vocabulary.words[:4] == (END, UNKNOWN, "a", "flower")
    words = trainer_of([[["UNK <eos> the", "the rose", "the rose"]], []]).encoder.vocabulary.words
    assert words.count(UNKNOWN) == 1 and words[2:4] == ("the", "rose")


def test_a_text_file_is_trained_on(tmp_path, capsys):
    lines = ["The sun rose.", "It was red.", "Birds sang.", "Nobody heard them."]
    (tmp_path / "book.txt").write_text("\n".join(lines) + "\n\n\n" + "\n".join(reversed(lines)) + "\n")
    arguments = ["--preset", "smoke", "--text", str(tmp_path / "book.txt"), "--epochs", "3"]
    arguments += ["--out", str(tmp_path / "run"), "--device", "cpu"]
    main([*arguments, "--dry-run"])
    assert "vectors of 32" in capsys.readouterr().out and not (tmp_path / "run").exists()
    main(arguments)
    assert "Birds" in load_trained_encoder(tmp_path / "run").vocabulary.words
    assert json.loads((tmp_path / "run" / "config.json").read_text())["sentences"] == 4


def test_captions_are_measured_with_photographs(tmp_path, capsys):
    arguments = ["--preset", "smoke", "--data", "synthetic", "--features", "pixels", "--out", str(tmp_path / "run")]
    main([*arguments, "--device", "cpu"])
    figures = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert figures["zero_shot_accuracy"] > 2 / 8  # chance is 1 in 8
    assert 0 < figures["ap_at_50"] <= 1 and figures["epochs"] == SMOKE.epochs


def test_features_that_are_missing_are_told_before_the_training(tmp_path):
    arguments = [
        "--preset",
        "smoke",
        "--data",
        "synthetic",
        "--features",
        "none.safetensors",
        "--out",
        str(tmp_path / "run"),
    ]
    with pytest.raises(ValueError, match="holds no image_id"):
        main([*arguments, "--device", "cpu"])
    assert not (tmp_path / "run").exists()


def test_documents_are_lines_between_empty_ones(tmp_path):
    (tmp_path / "t.txt").write_bytes("\ufeff\n one \r\ntwo\n \n\nthree\n".encode())
    assert read_corpus(tmp_path / "t.txt") == [["one", "two"], ["three"]]


def test_a_text_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"none\.txt is no readable UTF-8 text .*; give a file with a sentence a line"):
        read_corpus(tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes("rosée".encode("latin1"))
    with pytest.raises(ValueError, match=r"latin\.txt is no readable UTF-8 text"):
        read_corpus(tmp_path / "latin.txt")


@pytest.mark.parametrize("text", ["", "one\ntwo\n\nthree\nfour\n"])
def test_a_text_without_three_sentences_in_a_row_is_told(tmp_path, text):
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(ValueError, match="No document has three sentences, which skip-thoughts need"):
        main(
            ["--preset", "smoke", "--text", str(tmp_path / "t.txt"), "--out", str(tmp_path / "run"), "--device", "cpu"]
        )


def test_neighbours_are_of_the_same_document_and_as_long_as_the_longest():
    vocabulary = Vocabulary([END, UNKNOWN, *"abcdefgh"])
    corpus = Corpus.of([["a", "b"], ["c", "d d d", "e", "f f f f"], ["g"], [], ["h"]], vocabulary, longest=3)
    assert corpus.middles.tolist() == [3, 4]
    before, middle, after = corpus.draw(20, np.random.default_rng(0))
    seen = {tuple(vocabulary.words[row[0]] for row in rows) for rows in zip(before, middle, after)}
    assert seen == {("c", "d", "e"), ("d", "e", "f")}
    assert [part.shape[1] for part in (before, middle, after)] == [3, 3, 3]
