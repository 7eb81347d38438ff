"""A release that fits minutes: one budget, what it leaves to bring home, and going on from that."""

import json
import shutil
import time
from dataclasses import replace

import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image
from support.figures import measure_fewer

from t2i import Synthesizer
from t2i.config import ModelConfig, SnapshotConfig, TextEncoderConfig
from t2i.networks.text import CharCnnRnn
from t2i.snapshot import SECOND_STAGE
from training.data import load_data, side_of_squares
from training.evaluate import Plan
from training.gan import train_gan
from training.gans.presets import PRESETS
from training.hub.card import CARD, EVALUATION, LARGE_SAMPLES, SPECTRUM, write_card
from training.hub.companions import style_section
from training.match import PRESETS as MATCH
from training.measure.large import resized
from training.release import __main__ as release
from training.release import job as jobs
from training.release import stages
from training.run import parts as parts_of_files
from training.run.export import install
from training.run.state import newest_state, state_files
from training.second_stage import why_not_large
from training.style import PRESETS as STYLE
from training.text_encoder import PRESETS as TEXT

LARGEST = 16 * 2**20


@pytest.fixture
def arguments(tmp_path):
    folders = ["--run", str(tmp_path / "run"), "-o", str(tmp_path / "weights")]
    return ["--preset=smoke", "--data=synthetic", "--device=cpu", "--max-minutes=0", *folders]


def test_out_of_time_states_lie_in_parts_and_the_same_command_goes_on(arguments, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(parts_of_files, "PART", 2**16)  # this encoder is small
    run, seen = tmp_path / "run" / "text_encoder", []
    for _ in range(2):
        release.main(arguments)
        assert "Stopped; the same command goes on" in capsys.readouterr().out
        parts = sorted(run.glob("state-*"))
        assert len(parts) > 1 and all(".part-" in part.name for part in parts)
        seen.append(int(parts[0].name.split(".")[0][6:]))
        assert all(f.stat().st_size <= LARGEST for f in (tmp_path / "run").rglob("*") if f.is_file())
        assert not state_files(run)
    assert 0 < 2 * seen[0] == seen[1]


def test_an_unfinished_gan_leaves_the_snapshot_so_far(arguments, synthetic, tmp_path, monkeypatch):
    monkeypatch.setattr(stages, "load_data", lambda *_: synthetic.thin(128))
    torch.manual_seed(0)
    encoder = CharCnnRnn(TextEncoderConfig(first_channels=16, channels=16)).eval()
    job, _ = release.parse(arguments)
    assert not stages.train_and_export(job, encoder, job.gan, tmp_path / "gan").finished
    synthesizer = Synthesizer.from_pretrained(tmp_path / "gan" / "snapshot")
    assert synthesizer.config.training["images_seen"] == job.gan.batch_size
    assert synthesizer.generate("a red flower", 1)[0].size == (64, 64)


def test_compared_variants_go_on_from_one_start_as_if_each_were_a_run_of_its_own(
    arguments, synthetic, tmp_path, monkeypatch
):
    few = synthetic.thin(128)
    monkeypatch.setattr(stages, "load_data", lambda *_: few)
    encoder = CharCnnRnn(TextEncoderConfig(first_channels=16, channels=16)).eval()
    job = release.parse(arguments)[0]
    compared = replace(job.compared, variant="cls", epochs=2, plain=0.5, anneal=0.25, precision="fp32")
    job = replace(job, deadline=None, compared=compared)
    assert stages.train_common_start(job, encoder, tmp_path / "start")
    start = newest_state(tmp_path / "start")
    install(start, tmp_path / "cls")
    ends = [train_gan(few, encoder, compared, tmp_path / name) for name in ("cls", "alone")]
    assert int(start.stem.split("-")[1]) < ends[0].images_seen == ends[1].images_seen
    ours, theirs = (end.ema.module.state_dict() for end in ends)
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert "history" not in json.loads((tmp_path / "cls" / "config.json").read_text())


def test_finished_stages_of_other_data_are_refused(arguments, synthetic, monkeypatch):
    job, _ = release.parse(arguments)
    job, few = replace(job, missing={"skip_thoughts": ""}), synthetic.thin(128)
    monkeypatch.setattr(stages, "load_data", lambda *_: few)
    all_stages = {"text_encoder": stages.text_stage, "skip_thoughts": stages.skip_stage}
    for name, stage in all_stages.items():
        assert stage(job) is None  # out of time
        (job.run / name / "metrics.json").write_text("{}")
    assert stages.text_stage(job) == {}
    first, second, *rest = few.captions
    few = replace(few, captions=(second, first, *rest))
    for name, stage in all_stages.items():
        with pytest.raises(ValueError, match=f"{name} holds a run with another"):
            stage(job)


def test_minutes_are_one_budget(arguments):
    job, _ = release.parse(arguments[:3] + arguments[4:])
    assert job.minutes_left() is None
    job, _ = release.parse([*arguments, "--max-minutes=9"])
    before = job.minutes_left()
    time.sleep(0.01)
    assert 8 < job.minutes_left() < before <= 9


def test_one_judge_serves_all_gans_and_the_command_tells_it_without_this_machines_folders(arguments, tmp_path):
    job, _ = release.parse([*arguments, f"--judge={tmp_path / 'maps.py'}"])
    assert {config.judge for config in (job.gan, job.compared, job.skip_gan)} == {str(tmp_path / "maps.py")}
    assert job.command.endswith(" --judge maps.py")
    assert release.parse(arguments)[0].gan == PRESETS["smoke"]
    with pytest.raises(ValueError, match="is no Python file"):  # before anything is trained
        release.main([*arguments, f"--judge={tmp_path / 'maps.py'}"])


def test_a_release_without_its_presets_judge_says_so_in_its_command(arguments, monkeypatch, capsys):
    def offline(*_, **__):
        raise OSError("no route")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    job, _ = release.parse(["--preset=modern", *arguments[1:]])
    settled = jobs.with_judges(job)
    assert (settled.gan.judge, settled.second_stage.judge) == ("", "") and settled.command.endswith(" --judge ''")
    judged = (job.gan, job.compared, job.skip_gan, job.second_stage)
    assert capsys.readouterr().out.count("Trains without a judge") == sum(bool(config.judge) for config in judged) == 4
    asked, _ = release.parse(["--preset=modern", *arguments[1:], "--judge="])
    assert jobs.with_judges(asked) == asked and asked.command == settled.command
    kept, _ = release.parse(arguments)
    assert jobs.with_judges(kept) == kept


def test_the_gpu_has_presets_of_every_stage():
    for presets in (PRESETS, STYLE, MATCH):
        assert presets["gpu"].batch_size >= 256
    assert PRESETS["gpu"].ema_images == PRESETS["modern"].ema_images and "gpu" in TEXT


def test_what_data_is_too_small_for_is_known_and_told_before_training(arguments, synthetic, tmp_path, capsys):
    for k in range(24):
        Image.effect_noise((80, 80), 90).convert("RGB").save(tmp_path / f"{k}.png")
        (tmp_path / f"{k}.txt").write_text(f"a {'red' if k % 2 else 'blue'} rose\n")
    job, _ = release.parse(arguments)
    assert not any(jobs.left_out(job, synthetic).values())
    job = replace(job, data="folder", root=tmp_path)
    told = jobs.left_out(job, load_data("folder", tmp_path, 64))
    assert told["verification"].startswith("Backgrounds are not verified: 2 photographs")
    assert told["skip_thoughts"].startswith("Skip-thoughts are left out: no training image has three captions")
    release.main(["--preset=smoke", "--data=folder", f"--root={tmp_path}", "-o", str(tmp_path / "w"), "--dry-run"])
    assert told["second_stage"].startswith("The second stage is left out: the photographs have 80 pixels")
    assert capsys.readouterr().out.splitlines()[-3:] == list(told.values())


def test_photographs_smaller_than_large_pictures_teach_no_second_stage(tmp_path):
    for k, side in enumerate((200, 255, 300)):
        Image.effect_noise((side + 44, side), 90).convert("RGB").save(tmp_path / f"{k}.png")
        (tmp_path / f"{k}.txt").write_text("a red rose\n")
    assert (side_of_squares("folder", tmp_path), side_of_squares("synthetic", None)) == (255, None)
    assert not why_not_large(256, 256) and not why_not_large(256, None)
    assert why_not_large(256, 255).endswith("the photographs have 255 pixels, its pictures would have 256.")


def test_a_second_stage_is_trained_for_the_snapshot_shown_and_measured(
    arguments, synthetic, full_snapshot, tmp_path, monkeypatch
):
    few = synthetic.thin(40)
    measure_fewer(monkeypatch)
    monkeypatch.setattr(stages, "load_data", lambda name, root, side: replace(few, images=resized(few.images, side)))
    job, _ = release.parse([*arguments, "--max-minutes=100"])
    job = replace(job, missing={"second_stage": "Too small."}, plan=Plan(features=("pixels",)))
    shutil.copytree(full_snapshot, job.staged)
    assert stages.second_stage(job) == {} and not (job.staged / SECOND_STAGE).exists()
    job = replace(job, missing={"second_stage": ""})
    figures = stages.second_stage(job)
    assert figures["images"] == 16 and (job.staged / SECOND_STAGE).exists()
    stages.describe(job, {"gan": {"images_seen": 16, "epochs": 1}, "second_stage": figures})
    facts, card = json.loads((job.staged / EVALUATION).read_text()), (job.staged / CARD).read_text()
    assert facts["evaluation"]["large"]["resolution"] == 256 and "## Second stage" in card
    assert f"]({LARGE_SAMPLES})" in card and f"]({SPECTRUM})" in card and "| 256 |" in card
    with Image.open(job.staged / LARGE_SAMPLES) as samples, Image.open(job.staged / SPECTRUM) as spectrum:
        assert samples.width == 8 * 258 - 2 and (samples.height + 2) % 258 == 0
        assert spectrum.format == "PNG"
    found = ModelCard(card).data.eval_results
    assert any("test split, 256 pixels" in result.metric_name for result in found)


def test_the_card_says_what_was_left_out():
    style = {"r2_held_out": 0.5, "n": 8, "images": 8}
    shown = style_section({"style": style})
    assert "| this one | 0.50 | – | – | above |" in shown and "ROC AUC" not in shown
    areas = dict.fromkeys(("style", "style_deviation", "caption", "caption_deviation"), 0.25)
    shown = style_section({"style": style | areas | {"photographs": 8, "clusters": 2, "pairs": 8}})
    assert "| this one | 0.50 | 0.250 ± 0.250 | 0.250 ± 0.250 | above |" in shown and "ROC AUC" in shown
    card = write_card(SnapshotConfig("a", model=ModelConfig()), {"left_out": ["Nothing else."]})
    assert "- Nothing else." in card.split("## Limits")[1]
