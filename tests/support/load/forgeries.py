"""Requests that pretend: paths out of the folder, headers and HTML in captions, settings of pictures not made here."""

import io
import re
from urllib.parse import quote

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from support.load.bench import ROOT, Bench, Row, attacked, is_sentence
from support.load.wire import Answer, Lost, address_of, files_in

SECRETS = (b"root:x:", b"def build(shelf")  # of /etc/passwd and app.py
SCRIPT = "<img src=x onerror=alert(1)> a red flower"
OTHER = "a blue flower with five petals"
LARGEST_SEED = (1 << 32) - 1
ELSEWHERE = "http://192.0.2.1/secret"  # an address that belongs to nobody
TARGETS = [
    "/text/../../etc/passwd",
    "/text/%2e%2e%2f..%2fetc/passwd",
    "/text/..%252f..%252fetc%252fpasswd",
    "/text/..\\..\\etc\\passwd",
    "/text/a%00b",
    "/text/a%2Fb%2F..%2F..",
    "/text/%",
    "/text/%zz",
    "/text/%ff%fe%c0%af",
    b"/text/\xff\xfe a",
    "/text/" + "a" * 10_000,
    "/text/" + "a" * 100_000,
    "/text/" + "%F0%9F%8C%B7" * 1000,
    "/text/a?" + "seed=1&" * 5000,
    "/text/a?seed=" + "9" * 5000,
    "//",
    "//text/a",
    "//etc/passwd",
    "/../../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "*",
    "etc/passwd",
    "?",
    "http://other.example/text/a%20red%20flower",
    "http://other.example/gradio_api/file=/etc/passwd",
    "file:///etc/passwd",
    *(
        f"/gradio_api/{route}{path}"
        for route in ("file=", "file/")
        for path in (
            "/etc/passwd",
            "//etc/passwd",
            "../../etc/passwd",
            "%2fetc%2fpasswd",
            "%252fetc%252fpasswd",
            "..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
            "..\\..\\etc\\passwd",
            "app.py",
            "./app.py",
            f"{ROOT}/app.py",
            f"{ROOT}/t2i/../app.py",
            "/proc/self/environ",
            "/etc/passwd%00.png",
            "file:///etc/passwd",
            "a" * 10_000,
            "%00",
            "",
        )
    ),
    f"/gradio_api/file={ELSEWHERE}",
    f"/gradio_api/proxy={ELSEWHERE}",
    "/gradio_api/proxy=file:///etc/passwd",
    "/gradio_api/proxy=",
    "/static/../../../../etc/passwd",
    "/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/assets/..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/svelte/../../../../etc/passwd",
    "/theme.css/../../etc/passwd",
    "/gradio_api/stream/a/1/2/playlist.m3u8",
    "/gradio_api/stream/a/b/c/d.e",
    "/gradio_api/upload_progress",
    "/gradio_api/queue/data",
    "/gradio_api/queue/data?session_hash=" + "a" * 10_000,
    "/gradio_api/call/generate/unknown",
    "/gradio_api/deep_link?session_hash=../../etc/passwd",
    "/gradio_api/runs",
    "/gradio_api/openapi.json",
    "/gradio_api/info?all_endpoints=true",
    "/gradio_api/custom_component/1/client/component/../../../../etc/passwd",
    "/gradio_api/startup-events",
    "/monitoring",
    "/monitoring/summary",
    "/pwa_icon/99999999999",
    "/pwa_icon/a",
    "/manifest.json",
    "/login_check",
    "/?view=api&__theme=<script>",
    "/?deep_link=../../etc/passwd",
]


async def raw(bench: Bench, target: str | bytes, *headers: str, timeout: float = 8) -> Answer | None:
    """The answer to a target as it stands; None if the connection is closed without one."""
    try:
        return await bench.client.get(target, *headers, timeout=bench.patient(timeout))
    except Lost as lost:
        if "TimeoutError" in str(lost):
            raise
        return None


def shown(target: str | bytes) -> str:
    text = target if isinstance(target, str) else repr(target)
    return text if len(text) <= 120 else f"{text[:60]}... ({len(text)} characters)"


def leaks(answer: Answer) -> str:
    """What an answer should never have been; empty if it is harmless."""
    location = answer.headers.get("location", "")
    if answer.status >= 500:
        return f"{answer.status} {answer.body[:300]!r}"
    if any(secret in answer.body for secret in SECRETS) or b"T2I_WEIGHTS=" in answer.body:
        return f"{answer.status} with the file's contents"
    if location.startswith((ELSEWHERE, "//")) or "other.example" in location:
        return f"{answer.status} to {location}"
    return ""


async def measure_paths(bench: Bench) -> list[Row]:
    async def attack(bench: Bench) -> tuple[str, list[str]]:
        faults = []
        for target in TARGETS:
            try:
                answer = await raw(bench, target)
            except Lost:
                faults.append(f"GET {shown(target)}: no answer")
                continue
            if answer and (fault := leaks(answer)):
                faults.append(f"GET {shown(target)}: {fault}")
        return f"{len(TARGETS)} targets", faults

    return [await attacked(bench, "path tricks", "never 5xx, a file, another host", attack)]


async def measure_headers(bench: Bench) -> list[Row]:
    """Line breaks where they might become headers of an answer."""
    lines = "%0d%0aX-Injected:%20yes", "%0aX-Injected:%20yes", "\r\nX-Injected: yes", "%E5%98%8D%E5%98%8AX-Injected:yes"

    async def attack(bench: Bench) -> tuple[str, list[str]]:
        faults, answers = [], []
        for line in lines:
            for target in (
                f"/text/a{line}",
                f"/text/a?seed=7{line}",
                f"/gradio_api/file={line}",
                f"/{line}",
                f"/?a={line}",
            ):
                answers.append((target, await raw(bench, target)))
        for name in ("a%0d%0aX-Injected: yes.png", "a\\r\\nX-Injected: yes.png", 'a";X-Injected: yes.png'):
            file = await bench.client.upload(name, picture())
            if isinstance(file, dict):
                answers.append((f"file of {name!r}", await raw(bench, quote(address_of(file["path"]), safe="/=%"))))
            else:
                answers.append((f"upload of {name!r}", file))
        drawn = await bench.client.event(
            "generate", ["a red\r\nX-Injected: yes\r\n flower", 1, 1, *bench.client.painter]
        )
        answers += [("file of a caption", await raw(bench, address_of(file))) for file in files_in(drawn.data or [])]
        for target, answer in answers:
            if answer and "x-injected" in answer.headers:
                faults.append(f"{shown(target)!r}: header X-Injected in the answer")
            elif answer and answer.status >= 500:
                faults.append(f"{shown(target)!r}: {answer.status}")
        return f"{len(answers)} requests", faults

    return [await attacked(bench, "header injection", "no header of ours", attack)]


async def measure_html(bench: Bench) -> list[Row]:
    """Tags in captions, seeds, addresses, and in files that are sent."""

    async def attack(bench: Bench) -> tuple[str, list[str]]:
        faults, tag, model, painter = [], quote(SCRIPT), bench.client.model, bench.client.painter
        for target in (
            f"/text/{tag}", f"/text/{tag}?seed=1", "/text/a?seed=<script>alert(1)</script>", f"/text/a?{tag}=1",
            f"/text/a?size={tag}", f"/{tag}", f"/?caption={tag}&seed=1", f"/?__theme={tag}", f"/config?a={tag}",
            f"/gradio_api/file={tag}", f"/gradio_api/queue/data?session_hash={tag}", f"/gradio_api/info?page={tag}",
            f"/gradio_api/call/{tag}/1", f"/?deep_link={tag}",
        ):  # fmt: skip
            answer = await raw(bench, target)
            kind = answer.headers.get("content-type", "") if answer else ""
            if "html" in kind and (b"<img src=x" in answer.body or b"<script>alert(1)" in answer.body):
                faults.append(f"GET {target}: HTML with the tag")
            if target.startswith("/text/") and kind not in ("image/png", "application/json"):
                faults.append(f"GET {target}: answered as {kind!r}")
        photo = await bench.client.upload("photo.png", picture())
        values = {
            "generate": [SCRIPT, 1, 1, *painter], "interpolate": [SCRIPT, SCRIPT, "both", 1, 2, 2, *painter],
            "explain": [SCRIPT, 1, model], "transfer_style": [photo, SCRIPT, SCRIPT, *bench.client.styler],
            "grid": [SCRIPT, 1, 1, *painter], "compare_all": [SCRIPT, 1],
            "open_link": [f"?caption={tag}&seed={tag}&model={tag}"],
        }  # fmt: skip
        for name in [name for name in values if name in bench.client.functions]:
            found = await bench.client.event(name, values[name])
            if found.data is None and not is_sentence(found.error):
                faults.append(f"{name}: {found.error!r}")
            if "<img" in str(found.error):  # the page shows an event's error as HTML
                faults.append(f"{name}: the tag in {found.error!r}")
            for answer in (found.answer, *[await raw(bench, address_of(quote(f))) for f in files_in(found.data or [])]):
                if "html" in answer.headers.get("content-type", ""):
                    faults.append(f"{name}: an answer as HTML")
        live = await bench.client.post("/gradio_api/run/blend", {"data": [SCRIPT, SCRIPT, 0.5, 1, 2, 0.5, SCRIPT]})
        if live.status != 200 or "json" not in live.headers.get("content-type", ""):
            faults.append(f"blend: {live.status} as {live.headers.get('content-type')}")
        page = await bench.client.get("/")
        if b"<img src=x onerror" in page.body:
            faults.append("the page holds the tag")
        for name in ("page.html", "page.svg", "page.xhtml", "page.png"):
            file = await bench.client.upload(name, b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")
            if not isinstance(file, dict):
                continue
            answer = await raw(bench, address_of(quote(file["path"])))
            inline = not answer.headers.get("content-disposition", "").startswith("attachment")
            if inline and re.search("html|svg|xml", answer.headers.get("content-type", "")):
                faults.append(f"an uploaded {name} is shown as {answer.headers['content-type']}")
        return "captions, seeds, addresses, files", faults

    return [await attacked(bench, "HTML injection", "JSON errors, no tag in HTML", attack)]


def picture(**text: str | bytes) -> bytes:
    """A PNG with these text fields."""
    file, info = io.BytesIO(), PngInfo()
    for name, value in text.items():
        if isinstance(value, bytes):
            info.add(b"iTXt", name.encode() + b"\0\0\0\0\0" + value)
        else:
            info.add_itxt(name, value)
    Image.new("RGB", (64, 64), "crimson").save(file, "PNG", pnginfo=info)
    return file.getvalue()


def forged_texts(model: str) -> dict[str, str | bytes]:
    """Texts `parameters` that no picture of ours has."""
    rest = f"Size: 64x64, Model: {model}"
    return {
        "seed of 5000 digits": f"a red flower\nSeed: {'9' * 5000}, {rest}",
        "seed out of range": f"a red flower\nSeed: {LARGEST_SEED + 1}, {rest}",
        "negative seed": f"a red flower\nSeed: -1, {rest}",
        "Arabic digits": f"a red flower\nSeed: ٣٣, {rest}",
        "caption of 1 MB": f"{'a red flower ' * 80_000}\nSeed: 1, {rest}",
        "caption of 900 KB of lines": "\n" * 900_000 + f"\nSeed: 1, {rest}",
        "empty caption": f"\nSeed: 1, {rest}",
        "HTML in the caption": f"{SCRIPT}\nSeed: 1, {rest}",
        "HTML in the model's name": f"a red flower\nSeed: 1, Size: 64x64, Model: {SCRIPT}",
        "unknown model": "a red flower\nSeed: 1, Size: 64x64, Model: ../../etc/passwd",
        "lone surrogates": b"a red \xed\xa0\x80 flower\nSeed: 1, " + rest.encode(),
        "binary": bytes(range(1, 256)) + b"\nSeed: 1, " + rest.encode(),
        "NUL": b"a red\0flower\nSeed: 1, " + rest.encode(),
        "no settings": "a red flower",
        "empty": "",
        "many seeds": "a red flower\n" + "Seed: 1, " * 50_000,
    }


async def measure_metadata(bench: Bench) -> list[Row]:
    """Dropped pictures whose text is forged."""

    async def attack(bench: Bench) -> tuple[str, list[str]]:
        faults, texts = [], forged_texts(bench.client.model)
        for name, text in texts.items():
            file = await bench.client.upload("dropped.png", picture(parameters=text))
            if not isinstance(file, dict):
                faults.append(f"{name}: upload {file.status}")
                continue
            found = await bench.client.event("restore", [file])
            if found.data is None:
                if not is_sentence(found.error):
                    faults.append(f"{name}: {str(found.error)[:300]!r}")
                continue
            caption, seed, _, _, _, model, *_ = found.data
            if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
                faults.append(f"{name}: restores the seed {str(seed)[:40]}")
            if not isinstance(caption, str) or not 0 < len(caption) <= 2000:
                faults.append(f"{name}: restores a caption of {len(caption)} characters")
            if model != bench.client.model and not isinstance(model, dict):
                faults.append(f"{name}: restores the model {model!r}")
        return f"{len(texts)} pictures", faults

    return [await attacked(bench, "forged PNG text", "a sentence or values in range", attack)]
