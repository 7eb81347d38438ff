"""A visit of a page: python -m support.visit ADDRESS, prints hashes of the same picture by GET and by the queue.

As a process of its own it can be in the network namespace of the server.
"""

import asyncio
import hashlib
import io
import sys
import time
from urllib.parse import quote

from PIL import Image
from support.load.wire import Answer, Client, Lost, address_of, files_in

CAPTION, SEED = "a pink flower with yellow petals", 7
START_SECONDS = 600


async def visit(address: str) -> tuple[str, str]:
    """Wait until the page is there, then ask for the same picture in both ways."""
    client, end = Client(address), time.monotonic() + START_SECONDS
    while True:
        try:
            await client.config()
            break
        except (Lost, ValueError):
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.2)
    size = "".join(f"&size={size}" for size in client.painter[1:])
    plain = await client.get(f"/text/{quote(CAPTION)}?seed={SEED}{size}")
    (file,) = files_in((await client.event("generate", [CAPTION, SEED, 1, *client.painter])).data)
    queued = await client.get(address_of(file))
    client.close()
    await asyncio.sleep(0.1)  # until its connections are closed
    return pixels(plain), pixels(queued)


def pixels(answer: Answer) -> str:
    """SHA-256 of a picture's pixels."""
    with Image.open(io.BytesIO(answer.body)) as image:
        return hashlib.sha256(image.tobytes()).hexdigest()


if __name__ == "__main__":
    print(*asyncio.run(visit(sys.argv[1])))
