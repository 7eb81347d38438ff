"""Connections that wear a server out: slow, half open, with bodies that never end, and with ears closed."""

import asyncio
import socket
from collections import Counter

from support.load.bench import MB, Bench, Row, a_target, attacked
from support.load.wire import BOUNDARY, LOST, Answer, Lost, read_answer

SLOW_CLIENTS, HALF_OPEN, SLOW_READERS, ASKED_BY_EACH = 200, 500, 64, 40
BODY, SMALL_BODY, PIECE = 50 * MB, 20 * MB, 1 << 16
MEMORY_WANTED = 200 * MB
BODY_TARGETS = (
    "/gradio_api/queue/join",
    "/gradio_api/run/blend",
    "/gradio_api/upload",
    "/gradio_api/mcp/",
    "/text/x",
)


async def measure_slow(bench: Bench) -> list[Row]:
    async def attack(bench: Bench) -> tuple[str, list[str]]:
        answers = Counter(await asyncio.gather(*(slowly(bench) for _ in range(SLOW_CLIENTS))))
        told = ", ".join(f"{count} x {answer}" for answer, count in answers.most_common())
        return told, [f"{answer}" for answer in answers if str(answer) not in ("200", "408", "503", "closed")]

    return [await attacked(bench, f"{SLOW_CLIENTS} clients, byte by byte", "answered or closed", attack)]


async def slowly(bench: Bench) -> int | str:
    """A request of which each byte comes by itself."""
    request = bench.client.written("GET", a_target())
    try:
        reader, writer = await bench.client.connect()
        for byte in request:
            writer.write(bytes([byte]))
            await writer.drain()  # raises once the server has closed
            await asyncio.sleep(bench.hold / len(request))
        async with asyncio.timeout(bench.hold + bench.patient(10)):
            status = (await read_answer(reader)).status
        writer.close()
    except LOST as error:
        return "no answer" if isinstance(error, TimeoutError) else "closed"
    return status


async def measure_half_open(bench: Bench) -> list[Row]:
    async def attack(bench: Bench) -> tuple[str, list[str]]:
        try:
            opened = await asyncio.gather(*(bench.client.connect() for _ in range(HALF_OPEN)))
        except LOST as error:
            return "refused", [f"connecting: {error}"]
        for _, writer in opened:
            writer.write(b"GET /text/a%20red")
        await asyncio.sleep(bench.hold)
        closed = sum(await asyncio.gather(*(over(reader) for reader, _ in opened)))
        for _, writer in opened:
            writer.close()
        return f"held {bench.hold:g} s, {closed} closed by the server", []

    return [await attacked(bench, f"{HALF_OPEN} half-open connections", "no harm", attack)]


async def over(reader: asyncio.StreamReader) -> bool:
    """Whether the other side has closed."""
    try:
        async with asyncio.timeout(0.1):
            await reader.read()
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


async def measure_bodies(bench: Bench) -> list[Row]:
    async def attack(bench: Bench) -> tuple[str, list[str]]:
        size = SMALL_BODY if bench.options.small else BODY
        cases = [(target, chunked) for target in BODY_TARGETS for chunked in (False, True)] * 2
        answers = await asyncio.gather(*(pour(bench, *case, size) for case in cases))
        faults = [
            f"POST {target}, {'chunked' if chunked else 'Content-Length'}, {size // MB} MB: {answer}"
            for (target, chunked), answer in zip(cases, answers)
            if answer != "closed" and not 400 <= int(answer.split()[0]) < 500
        ]
        told = Counter(answer.split()[0] for answer in answers)
        seen = ", ".join(f"{count} x {answer}" for answer, count in told.most_common())
        return f"{size // MB} MB each: {seen}", sorted(set(faults))

    wanted = f"4xx or closed, memory ≤ +{MEMORY_WANTED // MB} MB"
    return [await attacked(bench, "20 large bodies", wanted, attack, MEMORY_WANTED)]


async def pour(bench: Bench, target: str, chunked: bool, size: int) -> str:
    """A body that is too large, until the server answers or closes; its status and text."""
    kind, start, end = "application/json", b'{"data": ["', b'"]}'
    if target.endswith("upload"):
        kind, end = f"multipart/form-data; boundary={BOUNDARY}", f"\r\n--{BOUNDARY}--\r\n".encode()
        disposition = 'Content-Disposition: form-data; name="files"; filename="a.png"'
        start = f"--{BOUNDARY}\r\n{disposition}\r\n\r\n".encode()
    pieces = [start, *[b"a" * PIECE] * (size // PIECE), end]
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {sum(map(len, pieces))}"
    headers = [f"Content-Type: {kind}", "Accept: application/json, text/event-stream", length]
    head = f"POST {target} HTTP/1.1\r\nHost: {bench.client.host}\r\n" + "".join(f"{h}\r\n" for h in headers) + "\r\n"
    try:
        reader, writer = await bench.client.connect()
    except LOST:
        return "closed"
    answering = asyncio.create_task(read_answer(reader))
    try:
        writer.write(head.encode())
        async with asyncio.timeout(bench.patient(60)):
            for piece in pieces:
                if answering.done():
                    break
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                await writer.drain()
            else:
                if chunked:
                    writer.write(b"0\r\n\r\n")
            answer = await answering
        return f"{answer.status} {answer.body[:200].decode('utf-8', 'replace')}"
    except TimeoutError:
        return "0 no answer"
    except LOST:
        return "closed" if not answering.done() or answering.exception() else f"{answering.result().status}"
    finally:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
        writer.close()


async def measure_slow_readers(bench: Bench) -> list[Row]:
    async def attack(bench: Bench) -> tuple[str, list[str]]:
        deaf = await asyncio.gather(*(ask_and_not_read(bench) for _ in range(SLOW_READERS)))
        events = await asyncio.gather(
            *(join_and_not_listen(bench) for _ in range(SLOW_READERS)), return_exceptions=True
        )
        await asyncio.sleep(bench.hold)
        for one in deaf:
            one.close()
        statuses = Counter(e.status for e in events if isinstance(e, Answer))
        told = ", ".join(f"{count} x {status}" for status, count in statuses.most_common())
        faults = [f"joining the queue: {status}" for status in statuses if status not in (200, 503)]
        faults += [f"joining the queue: {e}" for e in events if isinstance(e, Exception) and not isinstance(e, Lost)]
        return f"{SLOW_READERS} x {ASKED_BY_EACH} pictures and {SLOW_READERS} events unread ({told})", faults

    wanted = f"memory ≤ +{MEMORY_WANTED // MB} MB"
    return [await attacked(bench, "slow readers", wanted, attack, MEMORY_WANTED)]


async def ask_and_not_read(bench: Bench) -> socket.socket:
    """A connection with many requests for large pictures in it, and a small ear."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    one.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(one, (bench.client.host, bench.client.port))
    requests = b"".join(bench.client.written("GET", f"{a_target()}&size=1024") for _ in range(ASKED_BY_EACH))
    await asyncio.wait([asyncio.ensure_future(loop.sock_sendall(one, requests))], timeout=2)
    return one


async def join_and_not_listen(bench: Bench) -> Answer:
    """An event whose visitor has gone."""
    answer, _ = await bench.client.join("generate", ["a red flower", 1, 16, *bench.client.painter])
    return answer
