"""Time a GAN's training on this machine: python -m training.benchmark --preset cpu

Images per second of our loop and of a plain one (training/measure/reference.py), what a step spends its time on, the
share of the machine's peak that it reaches, what of it is the host's work, its memory, and its speed by batch size.
Each loop runs in a process of its own, in turns, so that what else the machine does hits all alike; text embeddings
are random, which costs the same as real ones.
"""

import argparse
import platform
import shlex
import statistics
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from t2i.config import VARIANTS
from t2i.hub import given_path
from training.data import DATASETS, load_data
from training.gans.presets import PRESETS, GanConfig
from training.gans.pretrained import with_judge_at_hand
from training.measure.speed import serve
from training.options import add_fields, apply_fields, check_device, run_script
from training.run.disk import check_file
from training.run.precision import PRECISION_HELP, choose_precision, cpu_instructions
from training.run.state import write_json

BATCH_SIZES = (16, 32, 64, 128, 256, 512)
TEXT_SIZE = 1024


@dataclass(frozen=True)
class Effort:
    """How long to measure; `product` is the side of the matrices that give the machine's peak."""

    rounds: int = 5
    steps: int = 4
    batch_sizes: tuple[int, ...] = BATCH_SIZES
    product: int = 2048


QUICK = Effort(rounds=2, steps=1, batch_sizes=(16, 32), product=256)


def measure(config: GanConfig, options: argparse.Namespace, effort: Effort) -> dict[str, Any]:
    """Every figure of the report; seconds, bytes, images and operations per second. `config` names its precision."""
    data = load_data(options.data, options.root, config.load_size).split(config.split)
    phi = torch.randn(sum(len(c) for c in data.captions), TEXT_SIZE, generator=torch.Generator().manual_seed(0)).half()
    precisions = tuple(dict.fromkeys(("fp32", config.precision)))  # a large product in bf16 may take minutes elsewhere
    plans = {"ours": config, "reference": replace(config, precision="fp32")}
    if config.precision != "fp32":
        plans["ours in fp32"] = plans["reference"]
    with ExitStack() as stack:
        loops = {
            name: stack.enter_context(started(name, options.threads, data, phi, plan, torch.device(options.device)))
            for name, plan in plans.items()
        }
        rates, ours = timed_in_turns(loops, config.batch_size, effort), loops["ours"]
        memory = {name: call("peak_memory") for name, call in loops.items()}
        phases, host = ours("phases", effort.steps), ours("host", 5 * effort.steps)
        operations, peaks = (
            ours("flops"),
            ours("matmul_peak", precisions, effort.product),
        )
        by_batch = {size: ours("rate_at", size, min(effort.steps, 2)) for size in effort.batch_sizes}
    reached = operations * rates["ours"] / config.batch_size
    return {
        "images_per_second": rates,
        "ratio": rates["ours"] / rates["reference"],
        "phases": phases,
        "host": host,
        "operations": operations,
        "operations_per_second": reached,
        "matmul_peak": peaks,
        "share_of_peak": reached / peaks[config.precision],
        "peak_memory": memory,
        "images_per_second_by_batch_size": by_batch,
    }


@contextmanager
def started(name: str, *arguments):
    """A function that calls methods of the named loop in a new process."""
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there, name, *arguments))
    process.start()
    there.close()

    def call(method: str, *values) -> Any:
        here.send((method, values))
        return here.recv()

    try:
        yield call
    finally:
        here.close()
        process.join(timeout=60)
        process.terminate()


def timed_in_turns(loops: dict[str, Any], batch_size: int, effort: Effort) -> dict[str, float]:
    """Images per second of each loop: the median of rounds, after steps that warm up."""
    seconds = {name: [] for name in loops}
    for call in loops.values():
        call("run", min(effort.steps, 2))
    for _ in range(effort.rounds):
        for name, call in loops.items():
            seconds[name].append(call("run", effort.steps))
    return {name: batch_size * effort.steps / statistics.median(laps) for name, laps in seconds.items()}


def machine(options: argparse.Namespace) -> dict[str, Any]:
    """What the figures hold for."""
    names = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    cpu = next((line.split(":")[1].strip() for line in names if line.startswith("model name")), platform.processor())
    cuda = torch.device(options.device).type == "cuda"
    name = torch.cuda.get_device_name(options.device) if cuda else cpu
    known = {"device": name, "instructions": cpu_instructions(), "threads": options.threads}
    return known | {"torch": torch.__version__, "cuda": cuda}


def table(report: dict[str, Any]) -> str:
    """The report in Markdown."""
    about, rates, memory = report["machine"], report["images_per_second"], report["peak_memory"]
    step = sum(report["phases"].values())
    precision = report["precision"]
    lines = [
        f"`{report['command']}`",
        "",
        f"{about['device']}, {about['threads']} CPU threads ({about['instructions']}), torch {about['torch']}; "
        f"preset {report['preset']}, variant {report['variant']}, batch {report['batch_size']}, {precision}",
        "",
        "| loop | images/s | peak memory |",
        "|---|---|---|",
        *(f"| {name} | {rate:.1f} | {memory[name] / 2**20:.0f} MiB |" for name, rate in rates.items()),
        f"| ours / reference | {report['ratio']:.2f} | {memory['ours'] / memory['reference']:.2f} |",
        "",
        "| phase | ms | share |",
        "|---|---|---|",
        *(f"| {name} | {1e3 * s:.1f} | {s / step:.1%} |" for name, s in report["phases"].items()),
        f"| step | {1e3 * step:.1f} | 100% |",
        "",
        "Host, ms a step with networks of 8 channels: "
        + ", ".join(f"{name} {1e3 * seconds:.2f}" for name, seconds in report["host"].items())
        + ("." if about["cuda"] else "; of these the first alone is a host's work beside a GPU."),
        "",
        f"A step is {report['operations'] / 1e9:.1f} GFLOP: {report['operations_per_second'] / 1e9:.0f} GFLOP/s, "
        f"{report['share_of_peak']:.0%} of the {report['matmul_peak'][precision] / 1e9:.0f} GFLOP/s that a large "
        f"product reaches in {precision}.",
        "",
        "| batch | " + " | ".join(map(str, report["images_per_second_by_batch_size"])) + " |",
        "|---" * (1 + len(report["images_per_second_by_batch_size"])) + "|",
        "| images/s | " + " | ".join(f"{v:.1f}" for v in report["images_per_second_by_batch_size"].values()) + " |",
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--preset", choices=PRESETS, default="paper")
    parser.add_argument("--data", choices=DATASETS, default="synthetic", help="data set (default: %(default)s)")
    parser.add_argument("--root", type=given_path, help="folder of the data set")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads of each loop")
    parser.add_argument("--out", type=given_path, help="JSON file for the figures")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter measurements, for tests")
    add_fields(parser, GanConfig(), variant=", ".join(VARIANTS), precision=PRECISION_HELP)
    options = parser.parse_args(arguments)
    check_device(options.device)
    check_file(options.out)
    if options.threads < 1:
        raise ValueError(f"--threads is {options.threads}; it must be at least 1.")
    config = with_judge_at_hand(apply_fields(PRESETS[options.preset], options), "judge" in options)
    precision = choose_precision(config.precision, torch.device(options.device))
    config = replace(config, precision=precision.name)
    given = sys.argv[1:] if arguments is None else arguments
    report = {
        "machine": machine(options),
        "command": shlex.join(["python", "-m", "training.benchmark", *given]),
        "preset": options.preset,
        "variant": config.variant,
        **precision.record(),
        "batch_size": config.batch_size,
    } | measure(config, options, QUICK if options.quick else Effort())
    print(table(report))
    if options.out:
        write_json(options.out, report)


if __name__ == "__main__":
    run_script(main)
