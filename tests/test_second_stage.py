"""The second stage: the network, and pictures four times as large in library, command and server."""

import io
import shutil

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from starlette.applications import Starlette
from starlette.testclient import TestClient
from support.snapshots import bold_second_stage
from torch.nn.functional import interpolate

from t2i import Synthesizer
from t2i.cli import main
from t2i.images import enlarge, read_parameters
from t2i.networks.models import count_parameters, fold_batch_norm
from t2i.networks.second_stage import SecondStage
from t2i.serving.server import text_route
from t2i.snapshot import SECOND_STAGE
from training.run.export import save_network

A, B = "a red flower", "this flower is white with many thin petals"


@pytest.fixture(scope="module")
def synthesizer(large_snapshot) -> Synthesizer:
    return Synthesizer.from_pretrained(large_snapshot)


def test_before_training_it_enlarges():
    network = SecondStage(16, 100, 64)
    images, z, phi = torch.rand(2, 3, 64, 64) * 2 - 1, torch.randn(2, 100), torch.randn(2, 64)
    torch.testing.assert_close(network(images, z, phi), interpolate(images, scale_factor=4.0, mode="bicubic"))


def test_picture_noise_and_text_all_count_and_every_weight_learns():
    network = bold_second_stage(16, 100, 64)
    given = [torch.rand(1, 3, 64, 64) * 2 - 1, torch.randn(1, 100), torch.randn(1, 64)]
    large = network(*given)
    assert large.shape == (1, 3, 256, 256)
    for k in range(3):
        others = [value.flip(-1) if k == j else value for j, value in enumerate(given)]
        assert not torch.equal(network(*others), large)
    large.square().mean().backward()
    assert all(value.grad.abs().max() > 0 for value in network.parameters())


@torch.inference_mode()
def test_prepared_for_drawing_it_paints_the_same():
    network = bold_second_stage(16, 100, 64)
    given = torch.rand(1, 3, 64, 64) * 2 - 1, torch.randn(1, 100), torch.randn(1, 64)
    before = network(*given)
    torch.testing.assert_close(fold_batch_norm(network)(*given), before, atol=1e-5, rtol=1e-5)


def test_as_released_it_fits_six_megabytes():
    assert 2 * count_parameters(SecondStage(64, 100, 1024)) < 6_000_000


def test_sizes_are_those_a_model_has(synthesizer, tiny):
    assert (synthesizer.sizes, tiny.sizes) == ((64, 256), (64,))
    small, large = (synthesizer.generate(A, 7, size)[0] for size in synthesizer.sizes)
    assert (small.size, large.size) == ((64, 64), (256, 256))
    assert small.tobytes() == tiny.generate(A, 7)[0].tobytes() == synthesizer.generate(A, 7)[0].tobytes()
    for synth, size in ((synthesizer, 128), (tiny, 256), (tiny, "64"), (synthesizer, 0)):
        with pytest.raises(ValueError, match=r"^The size is .*; tiny@\w{8} draws 64( or 256)? pixels\.$"):
            synth.generate(A, 7, size)


def test_alone_or_among_others_the_same_pixels(synthesizer):
    together = synthesizer.generate([A, B, A], [1, 2, 3], 256)
    alone = [synthesizer.generate(caption, seed, 256)[0] for caption, seed in ((A, 1), (B, 2), (A, 3))]
    assert [image.tobytes() for image in together] == [image.tobytes() for image in alone]


def test_every_way_to_draw_has_the_size(synthesizer):
    walk = synthesizer.interpolate(A, B, 3, seed=5, to_seed=6, size=256)
    assert [image.size for image in walk] == [(256, 256)] * 3
    assert walk[0].tobytes() == synthesizer.generate(A, 5, 256)[0].tobytes()
    assert walk[1].tobytes() == synthesizer.blend(A, B, 0.5, 5, 6, 0.5, 256).tobytes()
    assert "Size: 256x256" in walk[1].info["parameters"]


def test_the_text_of_a_picture_tells_its_size(synthesizer):
    told = [read_parameters(synthesizer.generate(A, 7, size)[0]).size for size in (None, 64, 256)]
    assert told == [64, 64, 256]


def test_other_weights_have_another_name(synthesizer, tiny, large_snapshot, tmp_path):
    assert synthesizer.name != tiny.name
    shutil.copytree(large_snapshot, tmp_path / "other")
    save_network(bold_second_stage(12), tmp_path / "other" / SECOND_STAGE)
    assert Synthesizer.from_pretrained(tmp_path / "other").name not in (synthesizer.name, tiny.name)


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ({"enter.weight": torch.zeros(3, 3, 3, 3)}, "does not fit the sizes"),
        ({"enter.weight": torch.zeros(8, 3, 3, 3)}, "does not fit the sizes"),
        ({"first.weight": torch.zeros(8)}, "is damaged"),
        (None, "is damaged"),
    ],
)
def test_a_file_that_is_no_second_stage_is_named(snapshot, tmp_path, weights, sentence):
    shutil.copytree(snapshot, tmp_path / "copy")
    file = tmp_path / "copy" / SECOND_STAGE
    if weights is None:
        file.write_bytes(b"cut")
    else:
        save_file(weights, file)
    with pytest.raises(ValueError, match=f"{SECOND_STAGE}.*{sentence}") as told:
        Synthesizer.from_pretrained(tmp_path / "copy")
    assert "\n" not in str(told.value)


def test_the_command_paints_large(large_snapshot, synthesizer, tmp_path, capsys):
    out = tmp_path / "large.png"
    assert main([A, "--seed", "7", "--size", "256", "--model", str(large_snapshot), "-o", str(out)]) == 0
    with Image.open(out) as image:
        assert image.convert("RGB").tobytes() == synthesizer.generate(A, 7, 256)[0].tobytes()
        assert read_parameters(image).size == 256
    strip = tmp_path / "strip.png"
    assert (
        main(["interpolate", A, B, "--steps", "2", "--size", "256", "--model", str(large_snapshot), "-o", str(strip)])
        == 0
    )
    with Image.open(strip) as image:
        assert image.height == 256
    assert main([A, "--size", "100", "--model", str(large_snapshot), "-o", str(out)]) == 2
    assert "The size is 100; tiny@" in capsys.readouterr().err


@pytest.mark.usefixtures("one_thread")
def test_an_address_gives_what_the_model_paints(synthesizer):
    small, large = (synthesizer.generate(A, 7, size)[0] for size in (64, 256))
    with TestClient(Starlette(routes=[text_route(synthesizer)])) as client:
        for size, painted in ((64, small), (128, small), (192, small), (256, large), (512, large), (1024, large)):
            answer = client.get(f"/text/{A}?seed=7&size={size}")
            with Image.open(io.BytesIO(answer.content)) as image:
                assert image.convert("RGB").tobytes() == enlarge(painted, size // painted.width).tobytes(), size
