"""Sets without classes and sets that are small: every stage runs on them, from captions to figures."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image
from support.layouts import draw_coco, draw_pairs, draw_table, rows_of
from support.resuming import check_resumed_equals_straight

from t2i import Synthesizer
from t2i.config import SnapshotConfig
from training import gan, match, style, text_encoder
from training.data import DATASETS, load_data
from training.data.sources import SOURCES
from training.evaluate import Plan, evaluate
from training.gans.presets import PRESETS
from training.hub.card import encoder_rows, write_card
from training.hub.companions import style_table
from training.measure.metrics import caption_retrieval
from training.measure.report import figures_table
from training.release import __main__ as release
from training.text.features import image_features

CPU = torch.device("cpu")
CAPTIONS = dataclasses.replace(
    text_encoder.PRESETS["smoke"], features="captions", recurrence="gru", optimizer="adam", lr=2e-4, precision="fp32"
)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A folder of twelve pictures, two captions each."""
    return draw_pairs(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def trained(own, tmp_path_factory):
    """Run of the GAN on them, by the two commands."""
    runs = tmp_path_factory.mktemp("runs")
    data = ["--data", "folder", "--root", str(own), "--preset", "smoke", "--device", "cpu"]
    recipe = ["--features", "captions", "--recurrence", "gru", "--optimizer", "adam", "--lr", "2e-4"]
    text_encoder.main([*data, *recipe, "--out", str(runs / "text")])
    gan.main([*data, "--text-encoder", str(runs / "text"), "--epochs", "4", "--out", str(runs / "gan")])
    return runs


def test_two_commands_go_from_a_folder_to_a_model(trained):
    figures = json.loads((trained / "text" / "metrics.json").read_text())
    assert figures["captions"] == 2 and 0 <= figures["caption_recall_at_1"] <= figures["caption_recall_at_10"] == 1
    synthesizer = Synthesizer.from_pretrained(trained / "gan" / "snapshot")
    assert synthesizer.name.startswith("folder-int-cls@") and synthesizer.config.model.text_size == 1024
    assert len(synthesizer.examples) == 8 and synthesizer.examples[0] == "a red wall, number 0"
    assert synthesizer.generate(synthesizer.examples[0], 1)[0].size == (64, 64)
    with Image.open(synthesizer.timelapse) as film:
        assert film.n_frames == len(list((trained / "gan").glob("fakes-*.png")))


def test_style_and_match_learn_on_a_set_smaller_than_a_batch(trained, own):
    snapshot, data = trained / "gan" / "snapshot", load_data("folder", own, 64)
    assert style.build_trainer(data, snapshot, style.PRESETS["smoke"], "cpu").step(0)["loss"].isfinite()
    assert match.build_trainer(data, snapshot, match.PRESETS["smoke"], "cpu").step(0)["drawn"].isfinite()


def test_what_needs_colours_or_classes_is_told_to_be_missing(trained, own):
    synthesizer = Synthesizer.from_pretrained(trained / "gan" / "snapshot")
    figures = evaluate(synthesizer, load_data("folder", own, 64), Plan(features=("pixels",)))
    assert figures["colour"] is None and figures["spaces"][0]["diversity"]["photographs"] is None
    table = figures_table(figures)
    assert "not measured: too few captions name a petal colour" in table and "one class's photographs" not in table
    assert "R-precision of drawn pictures" in table and "nan" not in table


def test_captions_of_one_image_attract_each_other(synthetic):
    trainer = text_encoder.TextEncoderTrainer(synthetic, None, dataclasses.replace(CAPTIONS, batch_size=8), CPU)
    losses = [trainer.step(k)["loss"].item() for k in range(20)]
    assert sum(losses[-5:]) < sum(losses[:5])


def test_two_different_captions_of_one_image_of_different_classes_are_drawn(synthetic):
    texts = text_encoder.TextSet(synthetic, None, synthetic.rows("trainval"))
    numbers = np.repeat(np.arange(len(texts.labels)), texts.caption_counts)
    texts.indices = torch.from_numpy(np.stack([numbers, np.arange(len(numbers))], 1))  # each tells image and caption
    first, second = texts.draw(30, np.random.default_rng(0))
    assert torch.equal(first[:, 0], second[:, 0]) and (first[:, 1] != second[:, 1]).all()
    assert len(set(texts.labels[first[:, 0].numpy()].tolist())) == 30


def test_text_encoder_of_captions_stopped_and_resumed_equals_a_straight_run(synthetic, tmp_path):
    config = dataclasses.replace(CAPTIONS, batch_size=4)
    few = synthetic.thin(100)
    check_resumed_equals_straight(lambda: text_encoder.TextEncoderTrainer(few, None, config, CPU), tmp_path)


def test_images_with_a_single_caption_can_not_teach_by_captions(tmp_path):
    data = load_data("folder", draw_table(tmp_path, rows_of(12)), 16)
    with pytest.raises(ValueError, match="has 0 class with two captions of an image; the text encoder needs two"):
        text_encoder.TextEncoderTrainer(data, None, CAPTIONS, CPU)


def test_without_classes_an_epoch_shows_each_image_once(own, tmp_path):
    data = load_data("coco", draw_coco(tmp_path, train=6), 16)
    config = dataclasses.replace(CAPTIONS, batch_size=4, epochs=5)
    trainer = text_encoder.TextEncoderTrainer(data, image_features("pixels", data, None), config, CPU)
    assert trainer.epoch_steps == 2 and trainer.total_images == 5 * 2 * 4
    assert text_encoder.evaluate(trainer.model, trainer.test_set).keys() == {"zero_shot_accuracy", "ap_at_50"}


def test_of_few_classes_each_image_is_its_own_to_the_text_encoder(tmp_path):
    for name in ("rose", "tulip"):
        draw_pairs(tmp_path / name)
    data = load_data("folder", tmp_path, 16)
    trainer = text_encoder.TextEncoderTrainer(data, None, dataclasses.replace(CAPTIONS, batch_size=8), CPU)
    assert not data.classless and trainer.batch_size == 8 and trainer.epoch_steps == -(-len(data.rows("trainval")) // 8)


def test_retrieval_counts_how_many_captions_are_as_near():
    first = torch.eye(12)
    assert caption_retrieval(first, first) == {"caption_recall_at_1": 1, "caption_recall_at_10": 1, "captions": 12}
    assert caption_retrieval(first, first.roll(1, 0))["caption_recall_at_1"] == 0
    assert caption_retrieval(first, torch.ones(12, 12))["caption_recall_at_10"] == 0  # a tie is a miss


@pytest.mark.parametrize("count", [12, 40, 100])
def test_the_sample_grid_has_eight_captions_of_any_set(tmp_path, count, synthetic):
    captions = gan.grid_captions(load_data("folder", draw_pairs(tmp_path, count), 16))
    assert len(captions) == 8 and len(set(captions)) == min(8, 2 * max(2, count // 10))
    test = synthetic.split("test")
    of_classes = [test.captions[int((test.labels == c).argmax())][0] for c in sorted(set(test.labels.tolist()))]
    assert gan.grid_captions(synthetic) == of_classes


def test_presets_of_birds_and_coco_are_the_papers():
    sizes = PRESETS["coco"].model(1024)
    assert (sizes.generator_channels, sizes.discriminator_channels, PRESETS["coco"].variant) == (196, 196, "cls")
    assert PRESETS["birds"].variant == "int-cls" and text_encoder.PRESETS["birds"].recurrence == "gru"
    job, _ = release.parse(["--preset", "coco", "--data", "coco", "--root", "DIR", "-o", "weights"])
    assert job.gan == PRESETS["coco"] and job.text.features == "captions" and job.plan.image_side is None
    other, _ = release.parse(["--preset", "coco", "--data", "coco", "--variant", "gan", "-o", "weights"])
    assert other.gan.variant == "gan" and "--variant gan" in other.command


def test_every_set_has_its_words_in_the_card(trained, own):
    assert set(DATASETS) - {"packed"} == SOURCES.keys()  # a pack has the name of what was packed
    facts = {"features": "captions", "evaluation": {"photographs": {"n": 2}}}
    rows = encoder_rows(facts | {"text_encoder": json.loads((trained / "text" / "metrics.json").read_text())})
    assert len(rows) == 2 and rows[1].value == "100.0%"
    row = {"r2_held_out": 0, "style": 0, "style_deviation": 0, "caption": 0, "caption_deviation": 0}
    assert "| – |" in style_table(row, {"gan": row | {"colour": None}})


def test_the_card_of_your_own_set_speaks_of_no_flowers(trained, own):
    snapshot = trained / "gan" / "snapshot"
    synthesizer, data = Synthesizer.from_pretrained(snapshot), load_data("folder", own, 64)
    row = {"r2_held_out": 0, "style": 0, "style_deviation": 0, "caption": 0, "caption_deviation": 0, "n": 1, "pairs": 1,
           "photographs": 1, "clusters": 1, "images": 1}  # fmt: skip
    facts = {
        "data": "folder", "images_seen": 40, "epochs": 4, "captions": gan.grid_captions(data), "features": "captions",
        "text_encoder": {}, "style": row, "variants": {},
        "skip_thoughts": {"images_seen": 1, "colour": None}, "evaluation": evaluate(synthesizer, data, Plan()),
        "match": {f"top1_{k}{b}": 0 for k in ("photographs", "drawn") for b in ("", "_before")},
    }  # fmt: skip
    facts["match"] |= {"choices": 8, "n": 1}
    card = write_card(SnapshotConfig.from_json(json.loads((snapshot / "config.json").read_text())), facts)
    assert "It knows what it was shown" in card and "flower" not in card and "Petal colour follows" not in card
