"""Measuring a snapshot: feature spaces, the command end to end, its table, and what it refuses."""

import dataclasses
import json
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from PIL import Image
from support.figures import measure_fewer

from t2i import Synthesizer
from training.data import load_data
from training.evaluate import Plan, evaluate, main, trained_split, why_not_embedded
from training.measure.report import figures_table
from training.measure.spaces import FeatureSpace, load_space
from training.text.features import image_features

TRUNK = """
import torch

class Trunk(torch.nn.Module):
    def forward(self, images):
        assert images.dtype == torch.float32 and -1 <= images.min() and images.max() <= 1
        return torch.nn.functional.adaptive_avg_pool2d(images + 1, 2).flatten(1)

def load_trunk(device):
    return Trunk().to(device)
"""


@pytest.fixture(scope="module", autouse=True)
def fewer() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        measure_fewer(patch)
        yield


@pytest.fixture(scope="module")
def trunk(tmp_path_factory):
    file = tmp_path_factory.mktemp("trunk") / "pooled.py"
    file.write_text(TRUNK)
    return str(file)


@pytest.fixture(scope="module")
def measured(snapshot, trunk, tmp_path_factory):
    """The figures, the table and the picture of one command."""
    out = tmp_path_factory.mktemp("measured")
    arguments = [
        "--model",
        str(snapshot),
        "--data",
        "synthetic",
        "--features",
        trunk,
        "pixels",
        "--image-side",
        "pixels",
    ]
    arguments += ["--out", str(out / "a.json"), "--table", str(out / "a.md"), "--nearest", str(out / "a.png")]
    main([*arguments, "--device", "cpu"])
    with Image.open(out / "a.png") as picture:
        picture.load()
    return json.loads((out / "a.json").read_text()), (out / "a.md").read_text(), picture


def test_one_command_measures_everything(measured):
    figures, _, picture = measured
    assert figures["split"] == "test" and figures["resolution"] == 64
    assert [space["name"] for space in figures["spaces"]] == ["pooled.py", "pixels"]
    for space in figures["spaces"]:
        assert "no class posterior" in space["inception_score_of"]
        assert space["drawn"]["n"] == 192 and space["drawn"]["n_photographs"] == 96  # 8 classes of 12, 2 captions each
        for part in ("drawn", "training_photographs"):
            assert space[part]["fid"] >= 0 and space[part]["inception_score"] >= 1
        assert space["training_photographs"]["fid"] < space["drawn"]["fid"]  # untrained G
        assert space["diversity"]["drawn"]["groups"] == 8 and space["diversity"]["photographs"]["groups"] == 8
        assert space["nearest"]["n_training_photographs"] == 34 * 12
    assert figures["r_precision"]["image_side"] == "pixels" and figures["r_precision"]["any"]["drawn"]["choices"] == 100
    assert picture.width > picture.height > 4 * 64


def test_the_table_has_every_figure_and_no_path_of_this_machine(measured, tmp_path_factory):
    figures, table, _ = measured
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")]
    assert {len(row) for row in rows} == {6} and all(row[3:5] == ["test", "64"] for row in rows[1:])
    for name in ("FID", "KID", "IS", "R-precision", "Diversity", "nearest", "Colour"):
        assert any(name in row[0] for row in rows), name
    for space in figures["spaces"]:
        (row,) = (row for row in rows if row[0] == "| FID of drawn pictures" and row[5] == f"{space['name']} |")
        assert row[1] == f"{space['drawn']['fid']:.1f}"
    assert figures["command"] in table
    assert str(tmp_path_factory.getbasetemp()) not in table + json.dumps(figures)
    assert "--features pooled.py pixels --image-side pixels" in figures["command"]


def test_the_same_command_gives_the_same_figures_and_photographs_are_looked_at_once(tiny, trunk, measured, monkeypatch):
    data, photographed, looked = load_data("synthetic", None, 64), {}, []
    plan = Plan(features=(trunk, "pixels"), image_side="pixels")
    extract = FeatureSpace.extract
    monkeypatch.setattr(FeatureSpace, "extract", lambda *a: looked.append(len(a[1])) or extract(*a))
    for _ in range(2):
        again = evaluate(tiny, data, plan, model="snapshot", photographed=photographed)
        assert json.loads(json.dumps(again)) | {"command": ""} == measured[0] | {"command": ""}
    assert looked.count(34 * 12) == looked.count(96) == 2  # training and unseen photographs, in two spaces, once


def test_r_precision_tells_why_it_is_missing(synthetic, trunk, snapshot, capsys):
    told = why_not_embedded(load_space(trunk), synthetic, 1024)
    assert told == "pooled.py gives 12 numbers, the text encoder 1024: not the image side of its training"
    main(["--model", str(snapshot), "--data", "synthetic", "--device", "cpu"])
    table = capsys.readouterr().out
    assert "| R-precision | not measured: no features given |" in table and "FID" not in table


def test_validation_classes_are_measured_only_where_unseen(tiny, synthetic):
    assert trained_split(tiny, synthetic, "val") == "train" and trained_split(tiny, synthetic, "test") == "trainval"
    config = dataclasses.replace(tiny.config, training={"split": "trainval"})
    seen = Synthesizer(tiny._generator, tiny._text_encoder, config, "seen")
    with pytest.raises(ValueError, match="was trained on trainval, which has classes of val"):
        evaluate(seen, synthetic, Plan(split="val"))


def test_all_figures_come_from_the_split_asked_for(tiny, trunk, measured):
    of_val = evaluate(tiny, load_data("synthetic", None, 64), Plan(split="val", features=(trunk,)))
    assert of_val["split"] == "val" and "--split val" in of_val["command"]
    (space,), (first, _) = of_val["spaces"], measured[0]["spaces"]
    assert space["nearest"]["n_training_photographs"] == 26 * 12  # of train alone
    assert of_val["r_precision"] is None and "pooled.py gives 12" in figures_table(of_val)
    for part in ("photographs", "drawn", "diversity"):
        assert space[part] != first[part], part
    for part in ("seeds", "colour"):
        assert of_val[part] != measured[0][part], part


def test_a_picture_of_photographs_stays_out_of_snapshots(snapshot, trunk):
    with pytest.raises(ValueError, match="is a snapshot"):
        main(["--data", "synthetic", "--features", trunk, "--nearest", str(snapshot / "nearest.png")])
    with pytest.raises(ValueError, match="give --features"):
        main(["--data", "synthetic", "--nearest", str(snapshot / "nearest.png")])


def test_inception_that_can_not_be_fetched_asks_for_a_file(monkeypatch, tmp_path):
    def offline(*arguments, **more):
        raise OSError("Name or service not known")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(ValueError, match=r"could not be downloaded .*; give a Python file") as told:
        load_space("inception")
    assert "\n" not in str(told.value)


def test_inception_gives_2048_features_and_the_logits_of_its_classes(monkeypatch):
    """With random weights: what is checked are shapes and the one pass."""
    inception = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    monkeypatch.setattr(inception, "load_state_dict_from_url", lambda *a, **k: None)
    monkeypatch.setattr(inception.FeatureExtractorInceptionV3, "load_state_dict", lambda *a, **k: None)
    space = load_space("inception")
    features = space.extract(np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8))
    assert features.shape == (2, 2048) and space.logits(features).shape == (2, 1008)
    assert space.score_of == "class logits"


def test_files_that_are_no_feature_space_are_named(tmp_path):
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(ValueError, match="no function load_trunk"):
        load_space(str(tmp_path / "empty.py"))
    with pytest.raises(ValueError, match="is no Python file; choose inception"):
        load_space("inceptoin")


def test_pixels_are_the_text_encoders_own_features(synthetic):
    part = synthetic.thin(20)
    torch.testing.assert_close(load_space("pixels").extract(part.images), image_features("pixels", part, None)[:, 0])
