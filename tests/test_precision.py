"""Precision: bf16 where the hardware has it, said and kept; what is asked for is what is computed."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
import torch

from t2i.config import TextEncoderConfig
from t2i.networks.text import CharCnnRnn
from training import gan, match, skip_thoughts, style, text_encoder
from training.gans import presets
from training.release import __main__ as release
from training.run import precision
from training.run.claim import claimed
from training.run.precision import GAIN, bf16_gain, choose_precision, cpu_instructions
from training.run.state import state_files, write_json
from training.text.features import image_features

CPU = torch.device("cpu")
SMOKE = dataclasses.replace(presets.PRESETS["smoke"], epochs=1)
TABLES = {
    "gan": presets.PRESETS, "style": style.PRESETS, "match": match.PRESETS,
    "text_encoder": text_encoder.PRESETS, "skip_thoughts": skip_thoughts.PRESETS,
}  # fmt: skip
X86 = {"architecture": "x86_64", "avx": True, "avx2": True}


@pytest.fixture(scope="module")
def few(synthetic):
    return synthetic.thin(128)


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return CharCnnRnn(TextEncoderConfig(first_channels=16, channels=16)).eval()


@pytest.fixture
def cpu(monkeypatch):
    """Pretend that the CPU has these capabilities."""
    return lambda **known: monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known)


@pytest.mark.parametrize(
    ("more", "name", "why"),
    [
        ({}, "fp32", "AVX2, no BF16"),
        ({"avx512_f": True}, "fp32", "AVX512, no BF16"),
        ({"avx512_f": True, "avx512_bf16": True}, "bf16", "AVX512, BF16"),
        ({"avx512_f": True, "avx512_bf16": True, "amx_bf16": True}, "bf16", "AVX512, BF16, AMX"),
    ],
)
def test_auto_follows_the_instructions_of_an_x86_cpu(cpu, monkeypatch, more, name, why):
    monkeypatch.setattr(precision, "bf16_gain", lambda device: pytest.fail("nothing is to be measured"))
    cpu(**X86, **more)
    chosen = choose_precision("auto", CPU)
    assert (chosen.name, chosen.asked, chosen.why) == (name, "auto", why)
    forced = choose_precision("bf16", CPU)
    assert forced.name == "bf16" and ("slow" in forced.why) == (name == "fp32")
    assert choose_precision("fp32", CPU).name == "fp32"


@pytest.mark.parametrize(("gain", "name"), [(0.0, "fp32"), (1.1, "fp32"), (1.8, "bf16")])
def test_auto_measures_elsewhere(cpu, monkeypatch, gain, name):
    monkeypatch.setattr(precision, "bf16_gain", lambda device: gain)
    cpu(architecture="arm64", neon=True, bf16=True)
    chosen = choose_precision("auto", CPU)
    assert chosen.name == name and "measured" in chosen.why
    assert cpu_instructions() == "NEON, BF16"


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="Linux tells the instructions in /proc/cpuinfo")
def test_auto_is_bf16_here_if_and_only_if_the_kernel_names_the_instructions():
    flags = set(Path("/proc/cpuinfo").read_text().split())
    if "avx2" not in flags:
        pytest.skip("no x86 CPU")
    assert (choose_precision("auto", CPU).name == "bf16") == bool(flags & {"avx512_bf16", "amx_bf16"})
    assert cpu_instructions().startswith("AVX512" if "avx512f" in flags else "AVX2")


def test_a_measurement_agrees_with_the_instructions_and_leaves_no_trace():
    before = torch.get_rng_state()
    gain = bf16_gain(CPU)
    assert gain > 0 and torch.equal(before, torch.get_rng_state())
    if cpu_instructions().endswith("no BF16"):
        assert gain < GAIN  # emulated: several times slower


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_auto_on_cuda_follows_its_generation():
    chosen = choose_precision("auto", torch.device("cuda"))
    assert (chosen.name == "bf16") == (torch.cuda.get_device_capability() >= (8, 0))
    assert torch.cuda.get_device_name() in chosen.why


def test_bf16_is_not_chosen_where_another_process_lacks_it(cpu, monkeypatch):
    cpu(**X86, avx512_bf16=True)
    monkeypatch.setattr(precision, "any_process", lambda flag, device: True)
    chosen = choose_precision("auto", CPU)
    assert chosen.name == "fp32" and "other processes" in chosen.why


@pytest.mark.parametrize("name", TABLES)
def test_every_preset_is_auto_and_nothing_else_than_three_words_is_taken(name):
    for config in TABLES[name].values():
        assert config.precision == "auto"
        with pytest.raises(ValueError, match=r"^--precision is 'fp16'; choose auto, fp32 or bf16\.$"):
            dataclasses.replace(config, precision="fp16")


def test_a_release_forces_all_its_stages(tmp_path):
    job, _ = release.parse(["--precision", "fp32", "-o", str(tmp_path)])
    stages = [value for value in vars(job).values() if hasattr(value, "precision")]
    assert len(stages) == 9 and {stage.precision for stage in stages} == {"fp32"}
    assert job.command.endswith("--precision fp32")


def trainers(few, snapshot, encoder):
    """By script: how to make its trainer, the settings if not preset smoke's, and a layer whose output tells."""
    small = dataclasses.replace(few, images=few.images[:, 6:70, 6:70])
    documents = [list(map(list, few.captions))]
    features = image_features("pixels", few, None)
    text = dataclasses.replace(text_encoder.PRESETS["smoke"], batch_size=2)
    return {
        "gan": (lambda c: gan.build_trainer(few, encoder, c, "cpu"), SMOKE, lambda t: t.D.trunk[0]),
        "style": (lambda c: style.build_trainer(small, snapshot, c, "cpu"), None, lambda t: t.S.head),
        "match": (lambda c: match.build_trainer(small, snapshot, c, "cpu"), None, lambda t: t.D.trunk[0]),
        "text_encoder": (
            lambda c: text_encoder.TextEncoderTrainer(few, features, c, CPU), text, lambda t: t.model.head
        ),
        "skip_thoughts": (
            lambda c: skip_thoughts.build_trainer(*documents, [], None, c, "cpu"), None, lambda t: t.decoders[0].output
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_a_step_computes_in_the_precision_that_was_asked_for(few, snapshot, encoder, name):
    make, config, layer = trainers(few, snapshot, encoder)[name]
    for asked, kind in precision.PRECISIONS.items():
        trainer = make(dataclasses.replace(config or TABLES[name]["smoke"], precision=asked))
        seen = []
        layer(trainer).register_forward_hook(lambda module, given, output, seen=seen: seen.append(output.dtype))
        losses = trainer.step(0)
        assert set(seen) == {kind} and all(loss.dtype == torch.float32 for loss in losses.values())
        weights = [p for part in trainer.parts.values() if hasattr(part, "parameters") for p in part.parameters()]
        assert {weight.dtype for weight in weights} == {torch.float32}


def test_a_run_says_in_its_first_line_and_in_its_config_what_was_chosen(few, encoder, tmp_path, capsys):
    gan.train_gan(few, encoder, SMOKE, tmp_path, max_minutes=0)
    chosen = choose_precision("auto", CPU)
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first == f"Computes in {chosen.name}: {chosen.why}." and second.startswith("From image 0")
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["precision"], config["precision_asked"]) == (chosen.name, "auto")


def test_a_resumed_run_may_change_its_precision_and_remembers(few, encoder, tmp_path):
    """As it is when a run goes on on another machine, or was begun when presets still said bf16."""
    file = tmp_path / "config.json"
    gan.train_gan(few, encoder, dataclasses.replace(SMOKE, precision="bf16"), tmp_path, max_minutes=0)
    old = json.loads(file.read_text())
    write_json(file, {key: value for key, value in old.items() if key != "precision_asked"})
    gan.train_gan(few, encoder, dataclasses.replace(SMOKE, precision="fp32"), tmp_path, max_minutes=0)
    config = json.loads(file.read_text())
    assert len(state_files(tmp_path)) == 2 and config["precision"] == config["precision_asked"] == "fp32"
    assert config["history"] == [{"until_image": SMOKE.batch_size, "precision": "bf16"}]


def test_a_run_of_before_there_was_a_choice_goes_on_without_a_remark(tmp_path):
    write_json(tmp_path / "config.json", {"data": "oxford102", "lr": 2e-4})
    forced = choose_precision("fp32", CPU)
    with claimed(tmp_path, {"data": "oxford102", "lr": 2e-4} | forced.record(), match.FREE, forced.before(), 1):
        pass
    assert "history" not in json.loads((tmp_path / "config.json").read_text())


def test_readme_and_flags_name_the_same_words():
    readme = (Path(gan.__file__).parent.parent / "README.md").read_text()
    assert re.search(r"`--precision` is `auto`", readme)
