"""The model card comes out for any run, and the Hub's library reads its front matter back."""

import json
import re
from dataclasses import asdict, replace

import pytest
from conftest import ROOT
from huggingface_hub import ModelCard
from support.snapshots import EXAMPLES

from t2i.config import SkipThoughtConfig, SnapshotConfig
from t2i.snapshot import read_config
from t2i.synthesizer import Synthesizer
from training.data.sources import SOURCES
from training.gans.presets import PRESETS, GanConfig
from training.hub.card import EVALUATION, LARGE_SAMPLES, read_facts, write_card
from training.hub.markdown import WIDTH

WEIGHTS = ROOT / "weights"


def metrics(card: str) -> dict[str, float]:
    """The figures of a card's front matter, the first of each type."""
    results = ModelCard(card).data.eval_results
    return {result.metric_type: result.metric_value for result in reversed(results)}


def headings(card: str) -> list[str]:
    return [line.removeprefix("## ") for line in card.splitlines() if line.startswith("## ")]


def test_a_card_of_nothing_but_sizes_has_no_empty_sections():
    card = write_card(SnapshotConfig(), {})
    assert headings(card) == ["Use", "Limits"] and "![samples]" not in card
    data = ModelCard(card).data
    assert (data.license, data.datasets, data.eval_results) == ("unknown", None, None)


@pytest.mark.parametrize("name", SOURCES)
def test_a_plain_run_tells_data_terms_and_recipe(name):
    training = vars(PRESETS["modern"]) | {"data": name, "images_seen": 1200, "history": []}
    config = SnapshotConfig(name=name, examples=EXAMPLES, training=training)
    card = write_card(config, {}, "us/flowers", EXAMPLES)
    assert headings(card) == ["Use", "Training", "Limits"]
    assert "Seen: 1,200 images" in card and "half-life" in card and 'from_pretrained("us/flowers")' in card
    assert all(f"\n{k}. {caption}\n" in card for k, caption in enumerate(EXAMPLES, start=1))
    data, source = ModelCard(card).data, SOURCES[name]
    assert (data.license, data.license_name) == (source.license, source.license_name)
    assert (data.license == "other") == bool(data.license_name) and data.datasets == [source.key]


def test_a_skip_thought_model_is_not_told_to_read_letters():
    config = SnapshotConfig(text_encoder=SkipThoughtConfig(bi_size=2400), variant="skip-thought",
                            model=replace(SnapshotConfig().model, text_size=4800))  # fmt: skip
    card = write_card(config, {})
    assert "Kiros" in card and "CNN-RNN" not in card


def test_bare_figures_and_a_releases_facts_give_the_same_figures(tmp_path):
    facts = read_facts(WEIGHTS)
    (tmp_path / EVALUATION).write_text(json.dumps(facts["evaluation"]))
    bare = read_facts(tmp_path)
    assert bare == {"data": "oxford102", "evaluation": facts["evaluation"]}
    config = read_config(WEIGHTS)
    ours, plain = write_card(config, facts), write_card(config, bare)
    assert "## Figures" in plain and "## Style" not in plain
    assert metrics(ours) == metrics(plain)


def test_the_front_matter_states_what_was_measured():
    figures, card = read_facts(WEIGHTS)["evaluation"], ModelCard.load(WEIGHTS / "README.md")
    found = metrics(str(card))
    fids = [result.metric_value for result in card.data.eval_results if result.metric_type == "fid"]
    spaces = [*figures["spaces"], *figures["large"]["spaces"]]
    assert fids == pytest.approx([space["drawn"]["fid"] for space in spaces], abs=1e-3)
    assert found["colour-fidelity"] == figures["colour"]["drawn"]
    assert {"kid", "inception-score", "diversity", "nearest", "r-precision", "seed-change"} <= found.keys()
    for result in card.data.eval_results:
        assert result.dataset_split == "test" and re.search("test split, (64|256) pixels$", result.metric_name)
        if result.metric_type in ("fid", "kid", "diversity"):
            assert any(space["name"] in result.metric_name for space in figures["spaces"])


def test_the_bundled_card_is_what_its_facts_give():
    facts = read_facts(WEIGHTS)
    sizes = Synthesizer.from_pretrained(WEIGHTS).sizes
    card = write_card(read_config(WEIGHTS), facts, samples=facts["captions"], sizes=sizes)
    assert (WEIGHTS / "README.md").read_text() == card


def test_a_residual_generator_and_a_judge_are_told():
    training = asdict(GanConfig(generator="residual", judge="maps.py")) | {"precision": "fp32"}
    config = SnapshotConfig("a", model=replace(SnapshotConfig().model, generator="residual"), training=training)
    shown = write_card(config, {})
    assert (
        "residual blocks" in shown and "judges the feature maps of maps.py on pictures enlarged to 96 pixels" in shown
    )
    plain = SnapshotConfig("a", training=asdict(GanConfig()) | {"precision": "fp32"})
    assert "residual" not in write_card(plain, {}) and "judges" not in write_card(plain, {})


def test_a_model_of_two_sizes_tells_and_shows_both():
    shown = write_card(SnapshotConfig("a", examples=EXAMPLES), {}, "us/flowers", EXAMPLES, (64, 256))
    assert "which a second stage" in shown and "size=256)[0]" in shown and " --size 256 -o" in shown
    assert shown.index(LARGE_SAMPLES) < shown.index("(samples.png)") and "what 256x256 show beyond it" in shown
    alone = write_card(SnapshotConfig("a", examples=EXAMPLES), {}, "us/flowers", EXAMPLES, (64,))
    assert "256" not in alone and LARGE_SAMPLES not in alone


def test_paragraphs_are_wrapped():
    text = (WEIGHTS / "README.md").read_text().split("\n---\n")[1]
    lines = [line for line in text.splitlines() if not line.startswith(("|", "python -m", "Measured"))]
    assert max(map(len, lines)) <= WIDTH


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"data": "cub"}', '{"evaluation": {}}'])
def test_an_evaluation_that_is_none_is_refused(tmp_path, text):
    (tmp_path / EVALUATION).write_text(text)
    with pytest.raises(ValueError, match="measure again"):
        read_facts(tmp_path)
