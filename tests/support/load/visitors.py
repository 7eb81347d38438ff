"""Ordinary use, much of it: visitors of the page, plain addresses, thousands of pictures."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from support.load.bench import MB, PNG, Bench, Row, a_caption, a_seed, a_target, spread
from support.load.wire import Answer, Lost, address_of, files_in

START_WANTED, PEAK_WANTED, GROWTH_WANTED = 10.0, 1_200 * MB, 0.05
KINDS = {"generate": 5, "interpolate": 2, "explain": 1, "blend": 3}  # how often visitors do what
COUNT = 16  # pictures of an event when memory is watched
SETTLE_SECONDS, MOST_REFUSED = 1.0, 100


@dataclass
class Tally:
    """What a load has seen."""

    seconds: list[float] = field(default_factory=list)
    asked_again: int = 0
    faults: Counter = field(default_factory=Counter)

    def told(self) -> tuple[str, ...]:
        return tuple(f"{count} times: {fault}" for fault, count in self.faults.most_common())


async def measure_start(bench: Bench) -> list[Row]:
    """From the start of the process to pictures over both ways."""
    if not bench.server:
        return [Row("start to first picture", "not measured: the server ran already", "≤ 10 s", None)]
    drawn = await bench.client.event("generate", ["a red flower", 1, 1, *bench.client.painter])
    seconds = time.monotonic() - bench.server.begun
    note = next((line for line in bench.server.log.read_text().splitlines() if line.startswith("Started in")), "")
    result = f"GET {bench.started:.1f} s, queue {seconds:.1f} s" + (f" ({note})" if note else "")
    faults = () if drawn.data else (f"the first event gave {drawn.error!r}",)
    return [
        Row(
            "start to first picture",
            result,
            "≤ 10 s",
            seconds <= START_WANTED * bench.options.patience and not faults,
            faults,
        )
    ]


async def measure_visitors(bench: Bench) -> list[Row]:
    return [await visited(bench)]


async def measure_get(bench: Bench) -> list[Row]:
    return [await asked(bench)]


async def measure_both(bench: Bench) -> list[Row]:
    """Visitors and plain addresses at the same time."""
    rows = await asyncio.gather(visited(bench), asked(bench))
    return [Row(f"at once: {row.measure}", row.result, row.wanted, row.held, row.faults) for row in rows]


async def visited(bench: Bench) -> Row:
    """Visitors who draw, look at a picture, and draw again."""
    tally, begun = Tally(), time.monotonic()
    visits = [visit(bench, tally, begun + bench.options.seconds) for _ in range(bench.options.visitors)]
    await asyncio.gather(*visits)
    rate = len(tally.seconds) / (time.monotonic() - begun)
    result = f"{len(tally.seconds)} events, {rate:.1f}/s; p50/p95/max {spread(tally.seconds)} s, waits included; "
    result += f"asked to wait {tally.asked_again} times; {tally.faults.total()} errors"
    measure = f"{bench.options.visitors} visitors for {bench.options.seconds:g} s"
    wanted = "no error but 503 with Retry-After"
    return Row(measure, result, wanted, bool(tally.seconds) and not tally.faults, tally.told())


async def visit(bench: Bench, tally: Tally, end: float) -> None:
    """One visitor until the time is over."""
    while time.monotonic() < end:
        begun = time.monotonic()
        try:
            done = await wish(bench, tally, end)
        except Lost as lost:
            tally.faults[f"lost: {lost}"] += 1
            continue
        if done:
            tally.seconds.append(time.monotonic() - begun)


async def wish(bench: Bench, tally: Tally, end: float) -> bool:
    """One drawing, asked for again as the server tells, and a look at a picture of it; whether it came."""
    kind = random.choices(list(KINDS), KINDS.values())[0]
    a, b, seed = a_caption(), a_caption(), a_seed()
    if kind == "blend":
        values = [a, b, random.random(), seed, a_seed(), random.random()]
        ask = partial(bench.client.post, "/gradio_api/run/blend", {"data": [*values, bench.client.model]})
    else:
        values = {
            "generate": [a, seed, random.randint(4, 8)],
            "interpolate": [a, b, random.choice(["sentences", "both"]), seed, a_seed(), random.randint(4, 8)],
            "explain": [a, seed],
        }[kind]
        painter = [bench.client.model] if kind == "explain" else bench.client.painter
        ask = partial(bench.client.event, kind, [*values, *painter])
    while True:
        found = await ask()
        answer = found if kind == "blend" else found.answer
        if answer.status != 503:
            break
        tally.asked_again += 1
        if answer.retry_after is None:
            tally.faults[f"{kind}: 503 without Retry-After"] += 1
        if time.monotonic() > end:
            return False
        await asyncio.sleep(answer.retry_after or 1)
    if answer.status != 200 or (kind != "blend" and found.data is None):
        tally.faults[f"{kind}: {answer.status} {getattr(found, 'error', found)}"] += 1
        return False
    if kind == "blend":
        shown = answer.json()["data"][0].get("url", "").startswith("data:image/png")
    else:
        shown = (await bench.client.get(address_of(random.choice(files_in(found.data))))).body.startswith(PNG)
    if not shown:
        tally.faults[f"{kind}: no picture to look at"] += 1
    return shown


async def asked(bench: Bench) -> Row:
    """Requests on schedule, whatever the answers do."""
    rate, number = bench.options.rate, int(bench.options.rate * bench.options.seconds)
    statuses, tally, etags = Counter(), Tally(), {}

    async def ask(due: float) -> None:
        target, headers = a_target(), []
        kind = random.random()
        if kind < 0.2:
            target = target.partition("?")[0]  # a new picture each time
        elif kind < 0.4 and etags:
            target = random.choice(list(etags))
            headers = [f"If-None-Match: {etags[target]}"]
        elif kind < 0.5:
            target += "&size=256"
        try:
            answer = await bench.client.get(target, *headers)
        except Lost as lost:
            statuses["lost"] += 1
            tally.faults[f"lost: {lost}"] += 1
            return
        statuses[answer.status] += 1
        if answer.status == 200:
            tally.seconds.append(time.monotonic() - due)
            if not answer.body.startswith(PNG):
                tally.faults["200 without a picture"] += 1
            if "etag" in answer.headers and len(etags) < 500:
                etags[target] = answer.headers["etag"]
        elif answer.status == 503 and answer.retry_after is None:
            tally.faults["503 without Retry-After"] += 1
        elif answer.status not in (304, 503):
            tally.faults[f"{answer.status}: {answer.body[:200]!r}"] += 1

    begun, running = time.monotonic(), []
    for k in range(number):
        due = begun + k / rate
        if (ahead := due - time.monotonic()) > 0:
            await asyncio.sleep(ahead)
        running.append(asyncio.create_task(ask(due)))
    sent = number / (time.monotonic() - begun + 1 / rate)
    await asyncio.gather(*running)
    counts = ", ".join(f"{count} x {status}" for status, count in statuses.most_common())
    result = f"{sent:.0f}/s sent: {counts}; p50/p95/max of the 200s {spread(tally.seconds)} s"
    measure = f"GET {rate:g}/s for {bench.options.seconds:g} s"
    kept = sent * bench.options.patience > 0.95 * rate
    faults = (*tally.told(), *([] if kept else ["the script could not keep the rate"]))
    return Row(measure, result, "only 200, 304, 503 with Retry-After", bool(tally.seconds) and not faults, faults)


async def measure_memory(bench: Bench) -> list[Row]:
    """Thousands of pictures, half through the queue, half by GET."""
    measure, total = f"memory over {bench.options.pictures} pictures", bench.options.pictures
    if not bench.memory:
        return [Row(measure, "not measured: no /proc, or a server of others", "growth < 5 %", None)]
    begun = time.monotonic()
    quarter = await drawn(bench, total // 4)
    whole = await drawn(bench, total - total // 4)
    growth = whole / quarter - 1
    noted = bench.noted | {f"after {total // 4} pictures": quarter, f"after {total}": whole}
    result = ", ".join(f"{memory // MB} MB {when}" for when, memory in noted.items())
    held = growth < GROWTH_WANTED and bench.memory.most(begun) < PEAK_WANTED
    return [Row(measure, f"{result}: {growth:+.1%}", "growth < 5 %, peak < 1200 MB", held)]


async def drawn(bench: Bench, pictures: int) -> int:
    """Draw so many; the memory afterwards, in bytes."""
    left = {"queue": pictures // 2, "get": pictures - pictures // 2}
    refused = Counter()

    async def wait(where: str, number: int, answer: Answer) -> None:
        left[where] += number
        refused[where] += 1
        if refused[where] > MOST_REFUSED:
            raise Lost(f"The server gives no pictures any more, by {where}: {answer.status} {answer.body[:200]!r}")
        await asyncio.sleep(answer.retry_after or 1)

    async def queued() -> None:
        while left["queue"] > 0:
            left["queue"] -= COUNT
            found = await bench.client.event("generate", [a_caption(), a_seed(), COUNT, *bench.client.painter])
            if found.data is None:
                await wait("queue", COUNT, found.answer)

    async def plain() -> None:
        while left["get"] > 0:
            left["get"] -= 1
            answer = await bench.client.get(a_target())
            if answer.status != 200:
                await wait("get", 1, answer)

    await asyncio.gather(queued(), queued(), *(plain() for _ in range(4)))
    await asyncio.sleep(SETTLE_SECONDS)
    return bench.memory.now()
