"""The loops: exact resume, stopping, the guard, snapshots, and the whole path from data to weights."""

import dataclasses
import json
import os
import signal
import time

import pytest
import torch
from support.forked import run_python, start_python
from support.resuming import check_resumed_equals_straight

from t2i.config import VARIANTS, TextEncoderConfig
from t2i.networks.models import Generator
from t2i.networks.text import CharCnnRnn
from training import gan, text_encoder
from training.gans.presets import PRESETS, GanConfig
from training.measure.distances import distances
from training.measure.progress import Ruler
from training.run.export import calibrate_batch_norm
from training.run.loop import check_finite, train
from training.run.state import load_state, save_state, state_files
from training.text.embeddings import embed_captions
from training.text.features import image_features

SMOKE = dataclasses.replace(PRESETS["smoke"], epochs=1, precision="fp32")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return CharCnnRnn(TextEncoderConfig(first_channels=16, channels=16)).eval()


@pytest.fixture(scope="module")
def few(synthetic):
    return synthetic.thin(128)


@pytest.mark.parametrize(
    "config",
    [
        *(dataclasses.replace(SMOKE, variant=variant) for variant in VARIANTS),
        dataclasses.replace(SMOKE, diversity=0.25, augment=True, precision="bf16"),
        dataclasses.replace(SMOKE, variant="cls", diversity=0.25),
        dataclasses.replace(SMOKE, readable=1.0),
        dataclasses.replace(SMOKE, joint_norm=False, anneal=0.9, interpolated_share=0.25, plain=0.5),
    ],
    ids=lambda c: f"{c.variant}-{c.precision}-{c.diversity}-{c.readable}-{c.anneal}",
)
def test_gan_stopped_and_resumed_equals_a_straight_run(few, encoder, config, tmp_path):
    check_resumed_equals_straight(lambda: gan.build_trainer(few, encoder, config, "cpu"), tmp_path)


def test_text_encoder_stopped_and_resumed_equals_a_straight_run(synthetic, tmp_path):
    features = image_features("pixels", synthetic, None)
    config = dataclasses.replace(text_encoder.PRESETS["smoke"], batch_size=8, precision="fp32")
    check_resumed_equals_straight(lambda: text_encoder.TextEncoderTrainer(synthetic, features, config, CPU), tmp_path)


def test_text_encoder_learns_classes_it_never_saw(synthetic, tmp_path):
    config = dataclasses.replace(text_encoder.PRESETS["smoke"], epochs=4, tick_epochs=2)
    assert text_encoder.train_text_encoder(synthetic, None, config, tmp_path)
    figures = json.loads((tmp_path / "metrics.json").read_text())
    assert figures["zero_shot_accuracy"] > 2 / 8  # chance is 1 in 8


def test_variants_are_two_switches(few, encoder):
    assert [GanConfig(variant=v).mismatched_text for v in VARIANTS] == [False, True, False, True, True]
    assert [GanConfig(variant=v).interpolated_text for v in VARIANTS] == [False, False, True, True, False]
    rows = {}
    for variant in VARIANTS:
        trainer = gan.build_trainer(few, encoder, dataclasses.replace(SMOKE, variant=variant), "cpu")
        batch = trainer.source.draw(0)
        phi = trainer._text_for_G(batch)
        rows[variant] = len(phi)
        torch.testing.assert_close(phi[:16], batch.phi)
        if len(phi) > 16:
            torch.testing.assert_close(phi[16:], (batch.phi[:8] + batch.phi[batch.partner[:8]]) / 2)
    assert rows == {"gan": 16, "cls": 16, "int": 24, "int-cls": 24, "skip-thought": 16}


def test_pairs_for_the_diversity_term_differ_in_noise_alone(few, encoder):
    trainer = gan.build_trainer(few, encoder, dataclasses.replace(SMOKE, variant="skip-thought", diversity=0.1), "cpu")
    draws, own = trainer.draw(0), trainer.sizes.noise_size
    phi, pairs = trainer._text_for_G(draws.batch), trainer._pairs()
    for rows, same in ((phi, True), (draws.z[:, own:], True), (draws.z[:, :own], False)):
        first, second = (rows[part] for part in pairs)
        assert len(first) == len(second) == 4 and torch.equal(first, second) == same


def test_variants_are_one_run_until_their_plain_part_is_over(few, encoder):
    """D's and G's own text come after half of the run; until then noise and text are those of the plain GAN, too."""
    weights = {}
    for variant in ("gan", "int-cls"):
        config = dataclasses.replace(SMOKE, variant=variant, epochs=2, plain=0.5)
        trainer = gan.build_trainer(few, encoder, config, "cpu")
        steps = -(-trainer.epoch // trainer.batch_size)
        seen = [len(trainer._text_for_G(trainer.draw(step).batch)) for step in (0, steps - 1, steps)]
        assert seen == [16, 16, 24 if variant == "int-cls" else 16]
        for step in range(steps + 1):
            weights[variant, step] = trainer.step(step)["D_loss"].item()
    for step in range(steps + 1):
        assert (weights["gan", step] == weights["int-cls", step]) == (step < steps)


def test_pairs_of_the_diversity_term_share_their_text(few, encoder):
    for variant in ("cls", "int-cls"):
        trainer = gan.build_trainer(few, encoder, dataclasses.replace(SMOKE, variant=variant, diversity=1.0), "cpu")
        phi, (first, second) = trainer._text_for_G(trainer.source.draw(0)), trainer._pairs()
        assert len(phi[first]) == 4
        torch.testing.assert_close(phi[first], phi[second])


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_G_sees_the_share_of_interpolated_text(few, encoder, share):
    config = dataclasses.replace(SMOKE, variant="int", interpolated_share=share)
    trainer = gan.build_trainer(few, encoder, config, "cpu")
    text = trainer._text_for_G(trainer.source.draw(0))
    assert len(text) == config.batch_size * (1 + share)


def test_the_learning_rate_falls_to_zero_at_the_end(few, encoder):
    config = dataclasses.replace(SMOKE, epochs=10, anneal=0.5)
    trainer = gan.build_trainer(few, encoder, config, "cpu")
    rates = []
    for epoch in (0, 4, 7.5, 10):
        trainer._set_learning_rate(epoch * trainer.epoch / trainer.batch_size)
        rates.append(trainer.G_optimizer.param_groups[0]["lr"] / config.lr)
    assert rates == pytest.approx([1, 1, 0.5, 0])


def test_the_readable_term_teaches_the_style_encoder_and_G(few, encoder):
    trainer = gan.build_trainer(few, encoder, dataclasses.replace(SMOKE, readable=1.0), "cpu")
    losses = [trainer.step(k)["readable"].item() for k in range(40)]
    assert sum(losses[-5:]) < sum(losses[:5])
    plain = gan.build_trainer(few, encoder, SMOKE, "cpu")
    assert "S" not in plain.parts and "readable" not in plain.step(0)


def test_a_run_goes_on_with_a_term_that_it_did_not_have(few, encoder, tmp_path):
    gan.train_gan(few, encoder, SMOKE, tmp_path, max_minutes=0)
    before = load_state(tmp_path, {}, CPU)
    assert gan.train_gan(few, encoder, dataclasses.replace(SMOKE, readable=1.0), tmp_path).finished
    history = json.loads((tmp_path / "config.json").read_text())["history"]
    assert history == [{"until_image": before, "readable": 0.0}]


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_state(few, encoder, tmp_path):
    trainer = gan.build_trainer(few, encoder, SMOKE, "cpu")
    size = trainer.batch_size
    train(trainer, tmp_path, 2 * size, size, size)
    step = trainer.step

    def step_that_fails(k: int) -> dict:
        if k == 3:
            with torch.no_grad():
                trainer.D.trunk[0].weight.fill_(float("nan"))
        return step(k)

    trainer.step = step_that_fails
    with pytest.raises(FloatingPointError, match="D_loss is nan at step 5"):
        train(trainer, tmp_path, 9 * size, 9 * size, 5 * size)
    assert load_state(tmp_path, trainer.parts, CPU) == 2 * size
    assert all(p.isfinite().all() for p in trainer.D.parameters())
    check_finite(0, loss=torch.tensor(1.0))


def test_calibration_gives_averaged_weights_their_own_statistics():
    torch.manual_seed(0)
    config = GanConfig(generator_channels=8).model(16)
    G = Generator(config)
    batches = [(torch.randn(64, 100), torch.randn(64, 16)) for _ in range(4)]
    calibrate_batch_norm(G, batches)
    norm = G.layers[0][1]
    with torch.no_grad():
        x = torch.cat([torch.cat([z, G.project_text(phi)], 1)[:, :, None, None] for z, phi in batches])
        torch.testing.assert_close(norm.running_mean, G.layers[0][0](x).mean((0, 2, 3)), atol=1e-5, rtol=1e-3)
    assert not G.training and norm.momentum == 0.1


def test_only_the_newest_states_are_kept_and_half_written_ones_ignored(tmp_path):
    part = {"x": torch.nn.Linear(1, 1)}
    for images in (900_000_000, 1_000_000_000, 64):
        save_state(tmp_path, images, part)
    (tmp_path / "state-2000000000.tmp").write_bytes(b"half")
    assert [int(f.stem[6:]) for f in state_files(tmp_path)] == [900_000_000, 1_000_000_000]
    assert load_state(tmp_path, part, CPU) == 1_000_000_000


def test_a_run_with_other_settings_is_not_overwritten(few, encoder, tmp_path):
    gan.train_gan(few, encoder, SMOKE, tmp_path, max_minutes=0)
    with pytest.raises(ValueError, match="another captions_per_image, variant"):
        gan.train_gan(few, encoder, dataclasses.replace(SMOKE, variant="cls", captions_per_image=2), tmp_path)


def test_edited_captions_are_embedded_anew(few, encoder):
    before = embed_captions(encoder, few)
    edited = dataclasses.replace(few, captions=(("a quite different flower",) * 5, *few.captions[1:]))
    after = embed_captions(encoder, edited)
    assert not torch.equal(before[:5], after[:5])
    assert torch.equal(before[5:], after[5:])


def test_captions_that_are_read_otherwise_are_embedded_anew(few, encoder, monkeypatch):
    before = embed_captions(encoder, few)
    monkeypatch.setattr(encoder, "read", lambda captions: CharCnnRnn.read(encoder, [f"{c}." for c in captions]))
    assert not torch.equal(embed_captions(encoder, few), before)


def test_what_changed_in_a_run_is_kept(few, encoder, tmp_path):
    gan.train_gan(few, encoder, SMOKE, tmp_path, max_minutes=0)
    gan.train_gan(few, encoder, dataclasses.replace(SMOKE, lr=1e-4, augment=True), tmp_path, max_minutes=0)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["augment"] is True
    assert config["history"] == [{"until_image": SMOKE.batch_size, "augment": False, "lr": SMOKE.lr}]


@pytest.mark.full
def test_sigterm_saves_a_state_and_the_same_command_goes_on(tmp_path, encoder):
    out = tmp_path / "text"
    command = ["-m", "training.text_encoder", "--data", "synthetic", "--preset", "smoke", "--epochs", "6", "--out", out]
    first = start_python(*command)
    while not state_files(out):
        assert first.process.is_alive()
        time.sleep(0.01)
    os.kill(first.process.pid, signal.SIGTERM)
    told = first.ended()
    assert told.returncode == 0 and "the same command goes on" in told.stdout
    assert not (out / "text_encoder.safetensors").exists()
    assert run_python(*command).returncode == 0 and (out / "text_encoder.safetensors").exists()


@pytest.mark.parametrize("module", ["text_encoder", "skip_thoughts", "release"])
def test_dry_runs_write_nothing(tmp_path, module):
    command = ["-m", f"training.{module}", "--data", "synthetic", "--preset", "smoke", "--out", tmp_path / "out"]
    ran = run_python(*command, "--dry-run")
    assert ran.returncode == 0, ran.stderr
    assert not (tmp_path / "out").exists()


def test_a_run_leaves_its_records(few, encoder, tmp_path):
    trainer = gan.train_gan(few, encoder, SMOKE, tmp_path)
    names = {f.name for f in tmp_path.iterdir()}
    assert {"config.json", "stats.jsonl", "reals.png", "captions.txt"} <= names
    assert any(n.startswith("fakes-") for n in names) and any(n.startswith("state-") for n in names)
    stats = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert {"images", "images_per_second", "D_loss", "G_loss", "p_wrong"} <= stats[-1].keys()
    assert stats[-1]["images"] >= trainer.total_images
    assert os.environ["T2I_CACHE"]


def test_fid_is_told_at_every_report_and_changes_no_weight(few, encoder, tmp_path):
    ruler = Ruler.of("pixels", few, SMOKE.split, encoder, "cpu")
    measured = gan.train_gan(few, encoder, SMOKE, tmp_path / "measured", ruler=ruler)
    plain = gan.train_gan(few, encoder, SMOKE, tmp_path / "plain")
    assert all(torch.equal(a, b) for a, b in zip(measured.G.state_dict().values(), plain.G.state_dict().values()))
    stats = [json.loads(line) for line in (tmp_path / "measured" / "stats.jsonl").read_text().splitlines()]
    assert all(line["fid"] > 0 for line in stats)
    unseen = few.unseen("test").images
    assert distances(ruler.real, ruler.space.extract(unseen))["fid"] < 0.1 * stats[-1]["fid"]
    generator = plain.averaged_generator()
    assert ruler.fid(generator, torch.zeros(len(ruler.phi), plain.sizes.z_size)) > 0
