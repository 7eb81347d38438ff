"""What a server leaves behind: files that are removed in time, and requests that are answered before it stops."""

import asyncio
import base64
import signal
import time
from pathlib import Path

from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from support.load.bench import PNG, Bench, Row, a_caption, a_seed, a_target, serving
from support.load.forgeries import picture
from support.load.wire import Client, Lost, address_of, files_in

KEEP_SECONDS, EVENTS, GETS = 20.0, 12, 8
STOP_WANTED = 10.0
KEEP = "T2I_KEEP_SECONDS"
REFUSED = "/text/%20"  # at once, as there is nothing to draw


async def measure_files(bench: Bench) -> list[Row]:
    """Pictures and uploads go when their time is over, those that the page starts with stay."""
    measure, wanted = "files removed", "drawn and uploaded gone, first pictures stay"
    if not bench.server:
        return [Row(measure, "not measured: a server of others", wanted, None)]
    keep = max(4, min(KEEP_SECONDS, bench.options.seconds))
    with serving(bench.folder / "files", **{KEEP: f"{keep:g}"}) as server:
        await server.answering()
        await server.complete()
        client = Client(server.address)
        first = files_in([part["props"].get("value") for part in (await client.config())["components"]])
        made = sorted(set(await use(client)) - set(first))
        end = time.monotonic() + 2.5 * keep + bench.patient(10)
        while (left := [f for f in made if Path(f).exists()]) and time.monotonic() < end:
            await asyncio.sleep(0.5)
        faults = [f"{file} is still there" for file in left]
        for file in first:
            if not (await client.get(address_of(file))).body.startswith((PNG, b"\xff\xd8")):
                faults.append(f"{file}, which the page starts with, is gone")
        others = [f for f in server.files() if str(f) not in first]
        faults += [f"{f} lies there, too" for f in others]
        client.close()
    result = f"kept {keep:g} s: {len(made) - len(left)} of {len(made)} gone, {len(others)} other files left, "
    result += f"{len(first)} first pictures answer" if len(faults) == len(left) else "first pictures lost"
    return [Row(measure, result, wanted, not faults, tuple(faults))]


async def use(client: Client) -> list[str]:
    """Draw and upload; the files that came of it."""
    uploads = [await client.upload(f"{k}.png", picture()) for k in range(2)]
    found = [await client.event("generate", [a_caption(), a_seed(), 4, *client.painter]) for _ in range(2)]
    found.append(await client.event("transfer_style", [uploads[0], "a red flower", "a rose", *client.styler]))
    found.append(await client.event("explain", [a_caption(), a_seed(), client.model]))
    await send_as_tool(client)
    return [u["path"] for u in uploads] + [file for f in found for file in files_in(f.data or [])]


async def send_as_tool(client: Client) -> None:
    """A photograph within a call of a tool, as base64, which ends up in a file of gradio's own choosing."""
    values = {"photo": f"data:image/png;base64,{base64.b64encode(picture()).decode()}", "caption": "a rose"}
    async with (
        streamable_http_client(f"http://{client.host}:{client.port}/gradio_api/mcp/") as (read, write, *_),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        tool = next(tool.name for tool in (await session.list_tools()).tools if tool.name.endswith("transfer_style"))
        await session.call_tool(tool, values | {"captions": "a red rose"})


async def measure_stop(bench: Bench) -> list[Row]:
    """SIGTERM while visitors wait for their pictures; the last measure, as the server is gone after it."""
    measure = "SIGTERM under way"
    wanted = f"all answered, new ones refused, status 0 in ≤ {STOP_WANTED:.0f} s, no file left"
    if not bench.server:
        return [Row(measure, "not measured: a server of others", wanted, None)]
    client, process = bench.client, bench.server.process
    pictures = 4 if client.painter[1:] else 16  # large ones take longer
    values = ["a red flower", 1, pictures, *client.painter]
    await asyncio.gather(*(client.get(REFUSED) for _ in range(EVENTS + GETS + 1)))  # so many connections are open now
    joined = await asyncio.gather(*(client.join("generate", values) for _ in range(EVENTS)))
    events = [asyncio.create_task(client.outcome(*event)) for event in joined]
    gets = [asyncio.create_task(client.get(f"{a_target()}&size=1024")) for _ in range(GETS)]
    await asyncio.sleep(0)
    await client.get(REFUSED)  # once this is answered, the server has read those sent before
    under_way = sum(not task.done() for task in (*events, *gets))
    process.send_signal(signal.SIGTERM)
    begun, faults = time.monotonic(), []
    await asyncio.sleep(0.5)
    try:
        _, writer = await asyncio.wait_for(client.connect(), bench.patient(2))
        writer.close()
        faults.append("a new connection was accepted 0.5 s later")
    except (OSError, TimeoutError):
        pass
    drawn = await asyncio.gather(*events, return_exceptions=True)
    plain = await asyncio.gather(*gets, return_exceptions=True)
    whole_events = [d for d in drawn if not isinstance(d, BaseException) and d.data]
    whole_gets = [p for p in plain if not isinstance(p, Lost) and p.status == 200 and p.body.startswith(PNG)]
    faults += [f"an event: {getattr(d, 'error', d)}" for d in drawn if d not in whole_events]
    faults += [f"a GET: {getattr(p, 'status', p)}" for p in plain if p not in whole_gets]
    while process.poll() is None and time.monotonic() < begun + bench.patient(20):
        await asyncio.sleep(0.05)
    seconds, status = time.monotonic() - begun, process.poll()
    faults += [f"{file} is left behind" for file in bench.server.temp.iterdir()]
    if status != 0 or seconds > STOP_WANTED * bench.options.patience:
        faults.append(f"status {status} after {seconds:.1f} s")
    result = f"{under_way} under way; {len(whole_events)} of {EVENTS} events and {len(whole_gets)} of {GETS} GETs "
    result += f"answered; status {status} after {seconds:.1f} s"
    return [Row(measure, result, wanted, not faults, tuple(dict.fromkeys(faults)))]
