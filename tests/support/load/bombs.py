"""Pictures that cost more than they weigh, built so that making them costs little."""

import asyncio
import io
import struct
import time
import zlib
from contextlib import suppress
from itertools import cycle
from statistics import median

from PIL import Image
from support.load.bench import MB, Bench, Row, a_caption, a_seed, attacked, is_sentence
from support.load.wire import Lost, Outcome

SECONDS_WANTED, MEMORY_WANTED = 10.0, 300 * MB
SENDERS, DRAWINGS, TIMES_WANTED = 16, 20, 3.0
ZEROS = bytes(1 << 20)


def deflated(size: int) -> bytes:
    """So many zeros, compressed without ever being held."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(ZEROS[: min(len(ZEROS), size - k)]) for k in range(0, size, len(ZEROS))]
    return b"".join(parts) + packer.flush()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, bits: int = 8, colour: int = 0, data: bytes | None = None, extra: bytes = b""
) -> bytes:
    """A black PNG of any size, or one whose data are not enough."""
    samples = {0: 1, 2: 3, 6: 4}[colour]
    rows = (1 + -(-width * bits * samples // 8)) * height
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = chunk(b"IDAT", deflated(rows) if data is None else data)
    return b"\x89PNG\r\n\x1a\n" + head + extra + body + chunk(b"IEND", b"")


def tiff(width: int, height: int, bits: int, sample_format: int) -> bytes:
    """A black grey TIFF whose strips are all the same few bytes."""
    rows = 100
    strip, count = deflated(width * rows * bits // 8), -(-height // rows)
    height, data_at = count * rows, 8
    offsets_at = data_at + len(strip) + len(strip) % 2
    counts_at = offsets_at + 4 * count
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, bits), (259, 3, 1, 8), (262, 3, 1, 1),
        (273, 4, count, offsets_at), (277, 3, 1, 1), (278, 4, 1, rows), (279, 4, count, counts_at),
        (339, 3, 1, sample_format),
    ]  # fmt: skip
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries) + bytes(4)
    tables = struct.pack(f"<{count}I", *[data_at] * count) + struct.pack(f"<{count}I", *[len(strip)] * count)
    return b"II*\0" + struct.pack("<I", counts_at + 4 * count) + strip + bytes(len(strip) % 2) + tables + directory


def gif(frames: int) -> bytes:
    """An animation of the same frame."""
    file = io.BytesIO()
    Image.new("P", (64, 64)).save(file, "GIF")
    content = file.getvalue()
    start = 13 + 3 * (2 << (content[10] & 7) if content[10] & 128 else 0)  # after the screen and its colours
    return content[:start] + content[start:-1] * frames + b";"


def segment(marker: int, data: bytes) -> bytes:
    return bytes([255, marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg(side: int, scans: int) -> bytes:
    """A grey JPEG that tells the same again and again, a little better as it were."""
    ones = segment(0xDB, b"\0" + b"\1" * 64)  # how coefficients are rounded: not at all
    frame = segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
    codes = segment(0xC4, b"\0" + bytes([1] + [0] * 15) + b"\0")
    scan = segment(0xDA, b"\1\1\0\0\0\0") + b"\0"
    return b"\xff\xd8" + ones + frame + codes + scan * scans + b"\xff\xd9"


def listing_others(picture: bytes) -> bytes:
    """A JPEG with a segment that lists it and a second picture (Multi-Picture Format), as many phones write."""
    entries = 2 * struct.pack("<IIIHH", 0x030000, len(picture), 0, 0, 0)
    version, number = struct.pack("<HHI4s", 0xB000, 7, 4, b"0100"), struct.pack("<HHII", 0xB001, 4, 1, 2)
    where = struct.pack("<HHII", 0xB002, 7, len(entries), 8 + 2 + 3 * 12 + 4)
    directory = struct.pack("<H", 3) + version + number + where + bytes(4)
    return picture[:2] + segment(0xE2, b"MPF\0II*\0" + struct.pack("<I", 8) + directory + entries) + picture[2:]


def jpeg2000(side: int) -> bytes:
    """Black tiles of 1024 x 1024, all the same but for their number."""
    file = io.BytesIO()
    Image.new("RGB", (1024, 1024)).save(file, "JPEG2000", no_jp2=True)
    head, sot, tile = file.getvalue().removesuffix(b"\xff\xd9").partition(b"\xff\x90")  # start of the tile
    across = side // 1024
    size = struct.pack(">II", across * 1024, across * 1024)
    tiles = (sot + tile[:2] + struct.pack(">H", k) + tile[4:] for k in range(across * across))
    return head[:8] + size + head[16:] + b"".join(tiles) + b"\xff\xd9"


def cut(kind: str) -> bytes:
    """The first half of a picture."""
    file = io.BytesIO()
    Image.effect_noise((400, 300), 90).convert("RGB").save(file, kind)
    return file.getvalue()[: file.tell() // 2]


def bombs(side: int = 7000, scans: int = 10_000, unpacked: int = 300 * MB) -> dict[str, bytes]:
    """Pictures by name; the large ones that are within limits have about `side` x `side` pixels."""
    small, many = {"width": 64, "height": 64}, f"{round(side * side / 1e6)} million pixels"
    text = deflated(unpacked)
    return {
        "zeros.png of 30000 x 30000": png(30_000, 30_000, bits=1),
        "PNG that claims 2^31 pixels": png(1 << 16, 1 << 15, data=zlib.compress(b"\0")),
        "PNG that claims 2^62 pixels": png((1 << 31) - 1, (1 << 31) - 1, data=zlib.compress(b"\0")),
        f"PNG of {many}, 16 bits": png(side, side, bits=16),
        f"PNG of {many}, RGBA of 16 bits": png(side, side, bits=16, colour=6),
        f"PNG of {many}, 1 high": png(side * side, 1),
        f"PNG of {many}, 1 wide": png(1, side * side),
        f"TIFF of {many}, 16 bits": tiff(side, side, 16, 1),
        f"TIFF of {many}, float": tiff(side, side, 32, 3),
        "JPEG 2000 of many tiles": jpeg2000(side),
        f"JPEG of {scans} scans": jpeg(side, scans),
        f"JPEG of {scans} scans that lists another": listing_others(jpeg(side, scans)),
        "GIF of 10,000 frames": gif(10_000),
        "WebP cut short": cut("WEBP"),
        "JPEG cut short": cut("JPEG"),
        "PNG with a bomb in zTXt": png(**small, extra=chunk(b"zTXt", b"parameters\0\0" + text)),
        "PNG with a bomb in iTXt": png(**small, extra=chunk(b"iTXt", b"parameters\0\1\0\0\0" + text)),
        "PNG with a bomb in iCCP": png(**small, extra=chunk(b"iCCP", b"profile\0\0" + text)),
        "PNG with 100,000 texts": png(**small, extra=chunk(b"tEXt", b"a\0" + b"b" * 20) * 100_000),
    }


async def measure_bombs(bench: Bench) -> list[Row]:
    pictures = await asyncio.to_thread(bombs, *((2200, 1000, 30 * MB) if bench.options.small else ()))

    async def attack(bench: Bench) -> tuple[str, list[str]]:
        faults, longest = [], (0.0, "")
        for name, content in pictures.items():
            begun, before = time.monotonic(), bench.memory.now() if bench.memory else 0
            try:
                for target in ("transfer_style", "restore"):
                    file = await bench.client.upload(f"photo.{name.split()[0].rpartition('.')[2].lower()}", content)
                    if not isinstance(file, dict):
                        faults.append(f"{name}: upload {file.status}")
                        continue
                    values = [file, "a red flower", "a blue flower", *bench.client.styler]
                    found = await bench.client.event(target, values if target == "transfer_style" else [file])
                    faults += [f"{name}: {target}: {fault}" for fault in faults_of(found)]
            except Lost as lost:
                faults.append(f"{name}: {lost}")
            seconds = time.monotonic() - begun
            longest = max(longest, (seconds, name))
            if seconds > SECONDS_WANTED * bench.options.patience:
                faults.append(f"{name}: {seconds:.1f} s")
            if bench.memory and (more := bench.memory.most(begun) - before) > MEMORY_WANTED:
                faults.append(f"{name}: memory +{more // MB} MB")
        return f"{len(pictures)} pictures, at most {longest[0]:.1f} s ({longest[1]})", faults

    return [
        await attacked(
            bench, "image bombs", f"a sentence or a picture, each ≤ 10 s, ≤ +{MEMORY_WANTED // MB} MB", attack
        )
    ]


def faults_of(found: Outcome) -> list[str]:
    """What is wrong with the end of an event, if anything."""
    if found.answer.status >= 500:
        return [f"{found.answer.status} {found.answer.body[:200]!r}"]
    return [] if found.data is not None or is_sentence(found.error) else [f"{str(found.error)[:300]!r}"]


def worst(side: int) -> dict[str, bytes]:
    """Pictures within all limits that take their decoders longest, by the ending of a name."""
    noise, files = Image.effect_noise((side, side), 90).convert("RGB"), {}
    for kind, options in (("JPEG2000", {"quality_mode": "rates", "quality_layers": [10]}), ("AVIF", {"speed": 10})):
        file = io.BytesIO()
        noise.save(file, kind, **options)
        files[{"JPEG2000": "jp2"}.get(kind, kind.lower())] = file.getvalue()
    return files | {"jpg": jpeg(2 * side, 99)}


async def measure_photographs(bench: Bench) -> list[Row]:
    """How long a visitor waits for a picture while many send photographs that are hard to read."""
    pictures = await asyncio.to_thread(worst, 1000 if bench.options.small else 3000)

    async def draw() -> float:
        begun = time.monotonic()
        found = await bench.client.event("generate", [a_caption(), a_seed(), 1, *bench.client.painter])
        if found.data is None:
            raise Lost(str(found.error))
        return time.monotonic() - begun

    async def send(kind: str, content: bytes) -> int:
        """Until it is cancelled; a full queue's refusal is an answer, too."""
        sent = 0
        with suppress(asyncio.CancelledError):
            while True:
                file = await bench.client.upload(f"photo.{kind}", content)
                if isinstance(file, dict):
                    await bench.client.event("transfer_style", [file, "a rose", "a red rose", *bench.client.styler])
                    sent += 1
        return sent

    alone = [await draw() for _ in range(DRAWINGS)]
    senders = [asyncio.create_task(send(*picture)) for picture, _ in zip(cycle(pictures.items()), range(SENDERS))]
    await asyncio.sleep(1)  # until they are under way
    beside = [await draw() for _ in range(DRAWINGS)]
    for sender in senders:
        sender.cancel()
    sent = sum(await asyncio.gather(*senders))
    first, then = median(alone), median(beside)
    result = f"p50 {1000 * first:.0f} ms alone, {1000 * then:.0f} ms beside them (at most {1000 * max(beside):.0f}); "
    result += f"{sent} of theirs answered"
    held = then <= TIMES_WANTED * first * bench.options.patience
    return [Row(f"{SENDERS} senders of hard pictures", result, f"p50 ≤ {TIMES_WANTED:g} times as long", held)]
