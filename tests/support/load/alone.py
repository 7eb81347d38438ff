"""How fast one visitor alone is served, and what the library and its largest text encoder take without a server."""

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

from support.load.bench import MB, PNG, ROOT, Bench, Row, a_caption, a_seed, a_target
from support.load.wire import files_in

GET_WANTED, LIVE_WANTED, LIVE_95_WANTED, EIGHT_WANTED = 10, 20, 50, 80  # ms
LARGE_WANTED, EIGHT_LARGE_WANTED = 120, 1500  # ms
LOAD_WANTED, READ_WANTED, MEMORY_WANTED = 2.0, 20.0, 200  # s, s, MB
WARM_UP, ROUNDS, FEW_ROUNDS = 5, 60, 10
EIGHT = """
import statistics, time
from t2i import Synthesizer
synthesizer, times = Synthesizer.from_pretrained(), []
for k in range(12):
    begun = time.monotonic()
    synthesizer.generate(list(synthesizer.examples)[:8], range(8 * k, 8 * k + 8))
    times.append(time.monotonic() - begun)
print(statistics.median(times))
"""


async def measure_alone(bench: Bench) -> list[Row]:
    """Plain pictures one after another, and live ones as while a slider is dragged."""
    values = [a_caption(), a_caption(), 0.5, 7, 9, 0.5, bench.client.model]

    async def get() -> bool:
        return (await bench.client.get(a_target())).body.startswith(PNG)

    async def live() -> bool:
        answer = await bench.client.post("/gradio_api/run/blend", {"data": values, "session_hash": "drag"})
        return answer.json()["data"][0].get("url", "").startswith("data:image/png")

    rows = [
        await repeated(bench, "GET, one after another", get, GET_WANTED),
        await repeated(bench, "live pictures, one after another", live, LIVE_WANTED, LIVE_95_WANTED),
    ]
    for size in bench.client.painter[1:]:

        async def large(size: int = size) -> bool:
            return (await bench.client.get(f"{a_target()}&size={size}")).body.startswith(PNG)

        async def eight() -> bool:
            found = await bench.client.event("generate", [a_caption(), a_seed(), 8, *bench.client.painter])
            return found.data is not None and len(files_in(found.data)) == 8

        rows.append(await repeated(bench, f"GET of {size} pixels, one after another", large, LARGE_WANTED))
        name = f"eight pictures of {size} pixels on the page"
        rows.append(await repeated(bench, name, eight, EIGHT_LARGE_WANTED, rounds=FEW_ROUNDS))
    return rows


async def measure_library(bench: Bench) -> list[Row]:
    """Eight captions in one call, and skip-thoughts of the released size: loading, reading on two threads."""
    folder, captions = bench.folder / "encoder", 20 if bench.options.small else 1000
    eight = 1000 * float(await python("-c", EIGHT))
    await python("-c", "import sys\nfrom support.encoder_cost import *\nwrite_large_encoder(Path(sys.argv[1]))", folder)
    cost = json.loads(await python("-m", "support.encoder_cost", folder, captions))
    patience, memory = bench.options.patience, cost["load_peak_bytes"] // MB
    loaded, read = cost["load_seconds"], cost["read_seconds"]
    return [
        Row(
            "eight pictures of the library",
            f"p50 {eight:.1f} ms",
            f"p50 ≤ {EIGHT_WANTED} ms",
            eight <= EIGHT_WANTED * patience,
        ),
        Row(
            "skip-thoughts of the released size",
            f"loaded in {loaded:.1f} s with {memory} MB; {captions} captions in {read:.1f} s",
            f"≤ {LOAD_WANTED:g} s, {MEMORY_WANTED} MB; 1000 captions in ≤ {READ_WANTED:g} s",
            loaded <= LOAD_WANTED * patience and read <= READ_WANTED * patience and memory <= MEMORY_WANTED,
        ),
    ]


async def python(*line: object) -> str:
    """What a process prints that can import the library."""
    values = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    words, pipe = map(str, line), asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=pipe, env=values)
    return (await process.communicate())[0].decode()


async def repeated(
    bench: Bench, measure: str, work: Callable[[], Awaitable[bool]], half: int, most: int | None = None,
    rounds: int = ROUNDS,
) -> Row:  # fmt: skip
    """A row about so many calls: half of them are to take so many milliseconds, 95 in 100 `most`."""
    times, whole = [], True
    for _ in range(WARM_UP + rounds):
        begun = time.monotonic()
        whole &= await work()
        times.append(1000 * (time.monotonic() - begun))
    times = sorted(times[WARM_UP:])
    middle, late = statistics.median(times), times[int(0.95 * rounds)]
    held = whole and middle <= half * bench.options.patience
    held &= most is None or late <= most * bench.options.patience
    wanted = f"p50 ≤ {half} ms" + (f", p95 ≤ {most} ms" if most else "")
    return Row(measure, f"p50/p95 {middle:.1f} / {late:.1f} ms", wanted, held, () if whole else ("no picture",))
