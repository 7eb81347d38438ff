import json
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from t2i import Synthesizer
from t2i.images import read_parameters


@pytest.fixture(scope="module")
def tiny(snapshot):
    return Synthesizer.from_pretrained(snapshot)


def pixels(image):
    return np.asarray(image).tobytes()


def test_same_seed_gives_same_pixels(tiny, snapshot):
    again = Synthesizer.from_pretrained(snapshot)
    assert pixels(tiny.generate("a red flower", 7)[0]) == pixels(again.generate("a red flower", 7)[0])


def test_seed_and_caption_change_the_pixels(tiny):
    a, b = tiny.generate("a red flower", [1, 2])
    assert pixels(a) != pixels(b)
    assert pixels(a) != pixels(tiny.generate("many thin blue petals", 1)[0])


def test_batch_equals_singles_pixel_for_pixel(tiny):
    captions = list(tiny.examples)
    batch = tiny.generate(captions, range(8))
    for k, image in enumerate(batch):
        assert pixels(image) == pixels(tiny.generate(captions[k], k)[0])


def test_pictures_tell_how_they_were_made(tiny):
    image = tiny.generate("a red flower", 7)[0]
    assert image.size == (64, 64) and image.mode == "RGB"
    assert image.info["parameters"] == f"a red flower\nSeed: 7, Size: 64x64, Model: {tiny.name}"
    assert read_parameters(image) == ("a red flower", 7)


def test_generate_from_own_tensors_equals_generate(tiny):
    z, phi = tiny.noise(7)[None], tiny.encode_text("a red flower")
    assert phi.shape == (1, 1024)
    assert pixels(tiny.generate_from(z, phi)[0]) == pixels(tiny.generate("a red flower", 7)[0])


@pytest.mark.parametrize(
    ("captions", "seeds", "sentence"),
    [
        (["a", "b"], [1, 2, 3], "give one seed a caption"),
        ("a flower", -1, "whole number from 0"),
        ("a flower", 2**32, "whole number from 0"),
        ("a flower", 1.5, "whole number from 0"),
        ("", 1, "caption is empty"),
    ],
)
def test_wrong_input_is_told_in_one_sentence(tiny, captions, seeds, sentence):
    with pytest.raises(ValueError, match=sentence):
        tiny.generate(captions, [seeds] if isinstance(seeds, float) else seeds)


def test_wrong_shapes_are_told(tiny):
    with pytest.raises(ValueError, match=r"z has shape \(1, 99\)"):
        tiny.generate_from(torch.zeros(1, 99), torch.zeros(1, 1024))
    with pytest.raises(ValueError, match=r"phi has shape \(2, 1024\)"):
        tiny.generate_from(torch.zeros(1, 100), torch.zeros(2, 1024))


def test_name_changes_with_the_weights(tiny, snapshot, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(snapshot, other)
    file = other / "generator.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x11")
    assert Synthesizer.from_pretrained(other).name != tiny.name


def damage_missing(folder):
    (folder / "generator.safetensors").unlink()


def damage_truncated(folder):
    file = folder / "generator.safetensors"
    file.write_bytes(file.read_bytes()[:1000])


def damage_config(folder):
    (folder / "config.json").write_text("{")


def damage_sizes(folder):
    values = json.loads((folder / "config.json").read_text())
    values["model"]["generator_channels"] = 16
    (folder / "config.json").write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (damage_missing, "is missing"),
        (damage_truncated, "is damaged"),
        (damage_config, "is not JSON"),
        (damage_sizes, "does not fit the sizes"),
    ],
)
def test_damaged_snapshots_are_told_in_one_sentence(snapshot, tmp_path, damage, sentence):
    folder = tmp_path / "damaged"
    shutil.copytree(snapshot, folder)
    damage(folder)
    with pytest.raises(ValueError, match=sentence) as caught:
        Synthesizer.from_pretrained(folder)
    assert "\n" not in str(caught.value)


def test_importing_t2i_imports_neither_gradio_nor_torchvision():
    code = "import sys, t2i; print(sorted({'gradio', 'torchvision'} & sys.modules.keys()))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_eight_pictures_take_at_most_80_ms():
    bundled = Synthesizer.from_pretrained()
    captions = list(bundled.examples)[:8]
    times = []
    for k in range(12):
        start = time.perf_counter()
        bundled.generate(captions, range(8 * k, 8 * k + 8))
        times.append(time.perf_counter() - start)
    assert sorted(times)[len(times) // 2] <= 0.080
