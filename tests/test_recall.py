"""Links, clicks and dropped files set the page as it was."""

import re

import gradio as gr
import pytest
from support.app_server import CAPTION

from t2i.images import parameters_text, save_png
from t2i.page.endpoints import Endpoints
from t2i.page.recall import Recall
from t2i.serving.shelf import Shelf
from t2i.synthesizer import MAX_SEED


def test_a_link_opens_its_pictures_and_refuses_in_a_sentence(synth):
    recall = Recall(Endpoints(Shelf(synth)))
    caption, seed, renew, *near, model, drawn = recall.open_link("?caption=a+red+%26+blue+flower&seed=5")
    assert (caption, seed, renew, model) == ("a red & blue flower", 5, False, synth.name)
    assert near == [None, gr.skip()]
    *_, near, strength, model, drawn_near = recall.open_link("?caption=a+red+flower&seed=5&near=9&strength=0.4")
    assert (near, strength, drawn_near[0][1]) == (9, 0.4, "seed 5 near 9")
    assert [text for _, text in drawn] == [f"seed {5 + k}" for k in range(8)]
    assert recall.open_link("?seed=3")[0] == synth.examples[0]
    other = synth.variants["skip-thought"].name
    assert recall.open_link(f"?seed=3&model={other}")[5] == other
    with pytest.warns(UserWarning, match="no longer here"):
        assert recall.open_link("?seed=3&model=gone@1234")[5] == synth.name
    assert recall.open_link("?__theme=dark") == recall.open_link("") == gr.skip()
    for search, sentence in (
        ("?seed=seven", "The link's seed is 'seven'"),
        (f"?seed={MAX_SEED + 1}", "The link's seed is '4294967296'"),
        ("?seed=-1", "The link's seed is '-1'"),
        ("?seed=1&near=x", "The link's seed is 'x'"),
        ("?seed=1&near=2&strength=-1", "The link's strength is '-1'"),
        ("?caption=", "The caption is empty"),
        ("?caption=" + "x" * 300, "shorten it by 99"),
        ("?caption=%ff%fe&seed=1", "The caption has no Latin letters"),
    ):
        with pytest.raises(gr.Error, match=re.escape(sentence)):
            recall.open_link(search)


def test_a_picture_gives_its_settings_back_and_a_model_that_is_not_here_is_told(synth, tmp_path):
    recall, other = Recall(Endpoints(Shelf(synth))), synth.variants["skip-thought"]
    for model in (synth, other):
        save_png(image := model.generate(CAPTION, 5)[0], tmp_path / "here.png", image.info["parameters"])
        assert recall.restore(str(tmp_path / "here.png")) == (CAPTION, 5, False, None, gr.skip(), model.name)
    save_png(image, tmp_path / "lost.png", parameters_text(CAPTION, 5, image.size, "lost@1234"))
    with pytest.warns(UserWarning, match="lost@1234, which drew this picture, is not here; the model chosen above"):
        assert recall.restore(str(tmp_path / "lost.png")) == (CAPTION, 5, False, None, gr.skip(), gr.skip())
    save_png(image := synth.vary(CAPTION, 5, 9, 0.4)[0], tmp_path / "near.png", image.info["parameters"])
    assert recall.restore(str(tmp_path / "near.png")) == (CAPTION, 5, False, 9, 0.4, synth.name)


def test_the_picture_clicked_is_the_one_that_was_shown_there(synth, tmp_path):
    recall = Recall(Endpoints(Shelf(synth)))
    for seed in (5, 6):
        image = synth.generate(CAPTION, seed)[0]
        save_png(image, tmp_path / f"{seed}.png", image.info["parameters"])
    pictures = [(str(tmp_path / f"{seed}.png"), f"seed {seed}") for seed in (6, 5)]  # 6 has come since
    told = {"index": 0, "value": {"image": {"path": str(tmp_path / "5.png")}, "caption": "seed 5"}}
    assert recall.reuse(pictures, gr.SelectData(None, told))[1] == 5
    for value in (None, {"image": {"path": "/etc/passwd"}}):
        assert recall.reuse(pictures, gr.SelectData(None, {"index": 0, "value": value}))[1] == 6
    for value in ({}, {"image": None}, {"image": {}}):
        with pytest.raises(gr.Error, match="no longer kept here"):
            recall.reuse(pictures, gr.SelectData(None, {"index": 0, "value": value}))
