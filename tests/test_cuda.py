"""On a GPU: what a CPU computes, bits that come again, a host that is never made to wait, NCCL."""

from dataclasses import fields, is_dataclass, replace

import pytest
import torch
import torch.distributed as dist
from support.draws import watched
from support.resuming import check_resumed_equals_straight
from support.trainers import GANS, NAMES, build

from training.gans.adversarial import GanTrainer
from training.run.cuda import settle_cuda

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here, and these tests are of one"),
]
CUDA = torch.device("cuda")
WAITS_FOR_LENGTHS = "skip-thoughts"  # PyTorch packs sentences by lengths that it copies from the host


@pytest.fixture(autouse=True)
def settled():
    """As every script computes, but without TF32: here fp32 is compared with a CPU's."""
    settle_cuda()
    torch.set_float32_matmul_precision("highest")
    allowed, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False
    yield
    torch.backends.cudnn.allow_tf32 = allowed


def on_cuda(value):
    """The draws of a CPU, on the GPU."""
    if isinstance(value, torch.Tensor):
        return value.to(CUDA)
    if isinstance(value, dict):
        return {key: on_cuda(inner) for key, inner in value.items()}
    if is_dataclass(value):
        return replace(value, **{item.name: on_cuda(getattr(value, item.name)) for item in fields(value)})
    return value


@pytest.mark.parametrize("name", ["int-cls", "all terms"])
def test_ten_steps_have_the_losses_of_a_cpu(synthetic, snapshot, name):
    here, there = (build(name, synthetic, snapshot, device) for device in ("cpu", "cuda"))
    for part in ("G", "D", "S"):
        if part in here.parts:
            there.parts[part].load_state_dict(here.parts[part].state_dict())
    for trainer in (here, there):  # Adam divides by what rounding makes of small gradients
        for key in ("G_optimizer", "D_optimizer", "S_optimizer"):
            if key in trainer.parts:
                trainer.parts[key].param_groups[0]["eps"] = 1e-3
    for step in range(10):
        draws = here.draw(step)
        ours, theirs = here.learn(draws), there.learn(on_cuda(draws))
        for key, loss in ours.items():
            assert theirs[key].item() == pytest.approx(loss.item(), rel=5e-3, abs=5e-3), (step, key)


@pytest.mark.parametrize("name", NAMES)
def test_stopped_and_resumed_equals_a_straight_run(synthetic, snapshot, tmp_path, name):
    check_resumed_equals_straight(lambda: build(name, synthetic, snapshot, "cuda"), tmp_path)


@pytest.mark.parametrize("name", [name for name in NAMES if name != WAITS_FOR_LENGTHS])
def test_a_step_never_waits_for_the_device(synthetic, snapshot, monkeypatch, name):
    trainer = build(name, synthetic, snapshot, "cuda")
    for step in range(2):  # the first ones ask for memory
        trainer.step(step)
    torch.cuda.synchronize()
    with watched(CUDA, monkeypatch) as watch:
        torch.cuda.set_sync_debug_mode("error")
        try:
            trainer.step(2)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert max(watch.sizes) <= 64 * 1024


def test_one_process_of_nccl_computes_what_none_does(synthetic, snapshot, tmp_path):
    alone = build("int-cls", synthetic, snapshot, "cuda")
    expected = [alone.step(step) for step in range(3)]
    dist.init_process_group("nccl", store=dist.FileStore(str(tmp_path / "store"), 1), rank=0, world_size=1)
    try:
        shared = build("int-cls", synthetic, snapshot, "cuda")
        for step, losses in enumerate(expected):
            told = shared.step(step)
            for key, loss in losses.items():
                assert told[key].item() == pytest.approx(loss.item(), rel=1e-2, abs=1e-2), (step, key)
    finally:
        dist.destroy_process_group()


def test_bf16_draws_and_learns(synthetic, snapshot):
    trainer = build("bf16", synthetic, snapshot, "cuda")
    assert isinstance(trainer, GanTrainer) and GANS["bf16"].precision == "bf16"
    losses = [trainer.step(step) for step in range(5)]
    assert all(value.isfinite() for values in losses for value in values.values())
    assert next(trainer.averaged_generator().parameters()).device.type == "cuda"
