"""A picture at an address: GET /text/a red flower?seed=7&size=256.

The only module that needs starlette (gradio brings it); mount the route in any ASGI app.
"""

import asyncio
import hashlib
import io
import random
import re
from dataclasses import dataclass
from urllib.parse import unquote

from anyio import CapacityLimiter, to_thread
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from t2i.images import enlarge, save_png
from t2i.networks.text import clean_caption
from t2i.numbers import whole_in
from t2i.synthesizer import MAX_SEED, Synthesizer

PREFIX = "/text/"
ENDING = r"\.(png|jpe?g|gif|webp)$"  # of a picture's file; a PNG is sent all the same
MAX_SIZE = 1024  # pixels
MAX_WAITING = 16  # requests; who comes after them is asked to come again
MAX_AGE = 86_400  # seconds for which a picture of a given seed may be kept without asking again


@dataclass(frozen=True)
class Order:
    """A picture that a request asks for; `renewed` if the seed is ours and the next one shall differ."""

    caption: str
    seed: int
    size: int
    renewed: bool


class Caption(Convertor[str]):
    """The rest of the path, slashes and line breaks included (starlette's `path` stops at those)."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


def text_route(synth: Synthesizer) -> Route:
    """The route `GET /text/{caption}?seed=&size=`: image/png with the text `parameters`.

    The caption may be written `a+red+flower.png`. `size` is a multiple of the model's smallest, up to 1024: painted
    so large where the model can, else enlarged from the largest that divides it. With a `seed`
    the answer may be kept and has an ETag; without, every request gets another picture, and X-Seed tells its
    seed. 422 for what can't be drawn and 503 when MAX_WAITING others wait, each with {"detail": one sentence}.
    """
    places = asyncio.Semaphore(1 + MAX_WAITING)
    turn = CapacityLimiter(1)  # one picture at a time from here: let requests wait, not the threads that others need

    async def text(request: Request) -> Response:
        try:
            order = read_order(request, synth.sizes[0])
        except ValueError as error:
            return JSONResponse({"detail": str(error)}, 422)
        headers = headers_of(order, synth.name)
        if "etag" in headers and knows(request, headers["etag"]):
            return Response(status_code=304, headers=headers)
        if places.locked():
            sentence = "Too many pictures are asked for; try again in a second."
            return JSONResponse({"detail": sentence}, 503, {"Retry-After": "1", "Cache-Control": "no-store"})
        async with places:
            png = await to_thread.run_sync(draw, synth, order, limiter=turn)
        return Response(png, media_type="image/png", headers=headers)

    register_url_convertor("caption", Caption())
    return Route(PREFIX + "{caption:caption}", text, methods=["GET", "HEAD"])


def read_order(request: Request, own_size: int) -> Order:
    """What a request asks for; ValueError says in one sentence what it should ask."""
    caption = caption_of(request)
    clean_caption(caption)
    given = request.query_params.multi_items()
    names = [name for name, _ in given]
    if strange := set(names) - {"seed", "size"}:
        raise ValueError(
            f"There is no parameter {min(strange)[:40]!r}; give seed and size, and write a question mark as %3F."
        )
    if len(names) > len(set(names)):
        raise ValueError("A parameter is given twice; give seed and size once.")
    values = dict(given)
    seed = whole_in(values.get("seed", "0"))
    if seed is None or seed > MAX_SEED:
        raise ValueError(f"The seed is {values['seed'][:40]!r}; give a whole number from 0 to {MAX_SEED}.")
    size = whole_in(values.get("size", str(own_size)))
    if size not in range(own_size, MAX_SIZE + 1, own_size):
        raise ValueError(f"The size is {values['size'][:40]!r}; give a multiple of {own_size} up to {MAX_SIZE}.")
    renewed = "seed" not in values
    return Order(caption, random.randrange(MAX_SEED + 1) if renewed else seed, size, renewed)


def caption_of(request: Request) -> str:
    """The caption of a path, as people mean it: plus signs for spaces, and the ending of a picture's file.

    A plus sign stays where there is white space, or where it was sent as %2B.
    """
    caption = request.path_params["caption"]
    if not re.search(r"\s", caption):
        sent = (request.scope.get("raw_path") or b"").decode("latin-1").partition(PREFIX)[2]
        known = unquote(sent) == caption  # servers may leave out how a path was sent
        caption = unquote(sent.replace("+", " ")) if known else caption.replace("+", " ")
    return re.sub(ENDING, "", caption, flags=re.IGNORECASE)


def headers_of(order: Order, model: str) -> dict[str, str]:
    """Seed, and for how long the answer may be kept; the ETag changes with the weights, not with the drawing."""
    headers = {"x-seed": str(order.seed)}
    if order.renewed:
        return headers | {"cache-control": "no-store"}
    key = f"{model}\n{order.seed}\n{order.size}\n{order.caption}"
    tag = hashlib.sha256(key.encode()).hexdigest()[:32]
    return headers | {"cache-control": f"public, max-age={MAX_AGE}", "etag": f'"{tag}"'}


def knows(request: Request, etag: str) -> bool:
    """Whether the sender has this answer already."""
    told = request.headers.get("if-none-match", "")
    return etag in re.findall('"[^"]*"', told) or told.strip() == "*"


def draw(synth: Synthesizer, order: Order) -> bytes:
    """The PNG."""
    painted = max(size for size in synth.sizes if order.size % size == 0)
    image = synth.generate(order.caption, order.seed, painted)[0]
    file = io.BytesIO()
    save_png(enlarge(image, order.size // image.width), file, image.info["parameters"])
    return file.getvalue()
