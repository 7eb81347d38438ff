"""Calls of the API that no page makes: wrong in number, type, size, name, or about files that are not theirs."""

import json
import math
import re
from urllib.parse import quote

from support.load.bench import ROOT, Bench, Row, attacked
from support.load.forgeries import ELSEWHERE, OTHER, leaks, picture
from support.load.wire import Lost, Outcome

Call = tuple[str, object]  # where to, body
PASSWD = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
DEEP = json.loads("[" * 400 + "]" * 400)


class Caller:
    """Writes calls of the page that a bench measures."""

    def __init__(self, bench: Bench):
        self.client, self.model, self.painter = bench.client, bench.client.model, bench.client.painter
        self.functions, self.styler = bench.client.functions, bench.client.styler
        self.own = f"http://{bench.client.host}:{bench.client.port}/config"

    def join(self, data: object, name: str = "generate", **more: object) -> Call:
        session = next(self.client.sessions)
        return "queue/join", {"data": data, "fn_index": self.functions[name], "session_hash": session, **more}

    def photo(self, **more: object) -> Call:
        return self.join([{**PASSWD, **more}, "a red flower", OTHER, *self.styler], "transfer_style")

    def tool(self, name: str, arguments: object) -> Call:
        call = {"name": name, "arguments": arguments}
        return "mcp/", {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}

    def style(self, photo: str) -> Call:
        return self.tool("transfer_style", {"photo": photo, "caption": "a red flower", "captions": OTHER})


def malformed(bench: Bench, file: dict) -> dict[str, Call]:
    """Calls that no page makes; `file` is an upload of the caller's own."""
    caller = Caller(bench)
    return of_the_queue(caller) | of_files(caller, file) | of_live_pictures(caller) | of_the_rest(caller)


def of_the_queue(caller: Caller) -> dict[str, Call]:
    """Wrong in number, type or size, or no JSON."""
    join, painter, fn = caller.join, caller.painter, caller.functions
    generate, near = ["a red flower", 1, 1, *painter], ["a red flower", 1, 2, 0.3, 1, *painter]
    return {
        "too few values": join(generate[:2]),
        "too many values": join([*generate, 1, 2, 3]),
        "no values": join([]),
        "data is null": join(None),
        "data is text": join("a red flower"),
        "data is an object": join({"caption": "a"}),
        "wrong types": join([1, "a", None, []]),
        "objects as values": join([{}, {}, {}, {}]),
        "files as values": join([PASSWD] * 4),
        "deep values": join([DEEP, 1, 1, *painter]),
        "NaN": ("queue/join", json.dumps(join(["a red flower", math.nan, math.inf, *painter])[1]).encode()),
        "a seed of 4000 digits": join(["a red flower", int("1" * 4000), 1, *painter]),
        "lone surrogate": ("queue/join", json.dumps(join(["\ud800 red flower", 1, 1, *painter])[1]).encode()),
        "unknown function": ("queue/join", {"data": generate, "fn_index": 9999, "session_hash": "a"}),
        "negative function": ("queue/join", {"data": generate, "fn_index": -1, "session_hash": "a"}),
        "function is text": ("queue/join", {"data": generate, "fn_index": "generate", "session_hash": "a"}),
        "no function": ("queue/join", {"data": generate, "session_hash": "a"}),
        "no session": ("queue/join", {"data": generate, "fn_index": fn["generate"]}),
        "session of 100 kB": join(generate, session_hash="a" * 100_000),
        "session is a list": join(generate, session_hash=[1]),
        "event data is text": join(generate, event_data="x"),
        "trigger is text": join(generate, trigger_id="x"),
        "unknown trigger": join(generate, trigger_id=99999),
        "not JSON": ("queue/join", b"{"),
        "invalid UTF-8": ("queue/join", b'{"data": ["\xff"]}'),
        "deep JSON": ("queue/join", b"[" * 100_000),
        "deep JSON, closed": ("queue/join", b'{"data": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
        "square of objects": join([{}] * 6, "whole_square"),
        "vary: text for how far": join([*near[:3], "far", *near[4:]], "vary"),
        "vary: NaN": ("queue/join", json.dumps(join([*near[:3], math.nan, *near[4:]], "vary")[1]).encode()),
        "vary near nothing": join([*near[:2], None, *near[3:]], "vary"),
        "a link to far away": join(["?seed=1&near=2&strength=9e99"], "open_link"),
        "link is a number": join([7], "open_link"),
        "link is nothing": join([None], "open_link"),
        "export of nothing": join([None] * 8, "export"),
        "grid of objects": join([{}, {}, {}, {}], "grid"),
    }  # fmt: skip


def of_files(caller: Caller, file: dict) -> dict[str, Call]:
    """About files that are not the caller's, or none."""
    join, photo, painter, styler = caller.join, caller.photo, caller.painter, caller.styler
    return {
        "/etc/passwd to style": photo(),
        "/etc/passwd to restore": join([PASSWD], "restore"),
        "a path out of the folder": photo(path="../../etc/passwd"),
        "app.py to style": photo(path=str(ROOT / "app.py")),
        "a file of another host": photo(path=None, url=ELSEWHERE),
        "a path that is a URL": photo(path=ELSEWHERE),
        "a path with NUL": photo(path="a\0b"),
        "a path of 100 kB": photo(path="a" * 100_000),
        "a path that is a number": photo(path=7),
        "a folder as a file": join([{**file, "path": str(file["path"]).rpartition("/")[0]}], "restore"),
        "a file for text": join([file, 1, 1, *painter]),
        "text for a file": join(["photo.png", "a red flower", OTHER, *styler], "transfer_style"),
        "a square beyond it": join([file, "a red flower", OTHER, *styler[:2], 7, -1, 0], "transfer_style"),
        "text to restore": join(["photo.png"], "restore"),
        "nothing to restore": join([None], "restore"),
        "a number to restore": join([7], "restore"),
        "two files to restore": join([[file, file]], "restore"),
        "reuse without an event": join([[]], "reuse"),
        "reuse with a forged event": join([[]], "reuse", event_data={"index": 10**9, "value": None}),
        "reuse of a forged file": join([[{"image": PASSWD, "caption": "x"}]], "reuse", event_data={"index": 0}),
        "reuse of text": join(["x"], "reuse", event_data={"index": "a", "value": []}),
    }  # fmt: skip


def of_live_pictures(caller: Caller) -> dict[str, Call]:
    """Beside the queue, as live pictures are asked for."""
    model = caller.model
    blend = ["a red flower", OTHER, 0.5, 1, 2, 0.5, model]
    square = ["a red flower", OTHER, OTHER, OTHER, 0.5, 0.5, 1, model]
    return {
        "blend: too few values": ("run/blend", {"data": blend[:2]}),
        "blend: too many values": ("run/blend", {"data": [*blend, 1]}),
        "blend: no data": ("run/blend", {}),
        "blend: null": ("run/blend", {"data": None}),
        "blend: objects": ("run/blend", {"data": [{}] * 7}),
        "blend: files": ("run/blend", {"data": [PASSWD] * 7}),
        "blend: lists": ("run/blend", {"data": [[]] * 7}),
        "blend: NaN": ("run/blend", json.dumps({"data": [*blend[:2], math.nan, *blend[3:]]}).encode()),
        "blend: Infinity": ("run/blend", json.dumps({"data": [*blend[:5], math.inf, model]}).encode()),
        "blend: huge number": ("run/blend", json.dumps({"data": [*blend[:3], 10**400, *blend[4:]]}).encode()),
        "blend: deep": ("run/blend", {"data": [DEEP, *blend[1:]]}),
        "blend: text": ("run/blend", b'"x"'),
        "blend: surrogate": ("run/blend", {"data": ["\ud800 red", *blend[1:]]}),
        "blend: another function": ("run/blend", {"data": blend, "fn_index": 9999}),
        "blend: session of 100 kB": ("run/blend", {"data": blend, "session_hash": "a" * 100_000}),
        "blend: event data": ("run/blend", {"data": blend, "event_data": {"index": 1}, "trigger_id": 99999}),
        "square: too few values": ("run/square", {"data": square[:3]}),
        "square: objects": ("run/square", {"data": [{}] * 8}),
        "square: NaN": ("run/square", json.dumps({"data": [*square[:4], math.nan, *square[5:]]}).encode()),
        "square: huge number": ("run/square", json.dumps({"data": [*square[:6], 10**400, model]}).encode()),
    }  # fmt: skip


def of_the_rest(caller: Caller) -> dict[str, Call]:
    """Functions that only the page calls, routes that it does not use, tools of MCP."""
    tool, style = caller.tool, caller.style
    return {
        "remember: text": ("run/remember", {"data": ["x", "y"]}),
        "remember: nothing": ("run/remember", {"data": [None, None]}),
        "remember: forged": ("run/remember", {"data": [[{"image": PASSWD, "caption": "x"}], []]}),
        "remember: objects": ("run/remember", {"data": [[{}], {"a": 1}]}),
        "lambda: text": ("run/lambda", {"data": ["x"]}),
        "lambda: large": ("run/lambda", {"data": [10**6]}),
        "choose_photo without an event": ("run/choose_photo", {"data": [[], "a"]}),
        "choose_photo: forged": ("run/choose_photo", {"data": [[{"image": PASSWD}], "a"], "event_data": {"index": 5}}),
        "stopped": ("run/stopped", {"data": []}),
        "unknown name": ("run/unknown", {"data": []}),
        "js only": ("run/js_fn", {"data": [1, 2]}),
        "simple call": ("call/generate", {"data": []}),
        "simple call, text": ("call/generate", {"data": "x"}),
        "simple call, unknown": ("call/unknown", {"data": []}),
        "call v2": ("call/v2/generate", {"caption": 1}),
        "call v2, unknown parameter": ("call/v2/generate", {"colour": 1}),
        "call v2, unknown": ("call/v2/unknown", {}),
        "cancel unknown": ("cancel", {"session_hash": "a", "fn_index": 9999, "event_id": "x"}),
        "cancel nothing": ("cancel", {}),
        "reset": ("reset", {"event_id": "x"}),
        "component server": ("component_server", {"data": 1, "component_id": 7, "session_hash": "a", "fn_name": "ls"}),
        "component server, nothing": ("component_server", {}),
        "component server, unknown": (
            "component_server",
            {"data": 1, "component_id": 99999, "session_hash": "a", "fn_name": "__init__"},
        ),
        "upload without a form": ("upload", b"x"),
        "MCP: not JSON": ("mcp/", b"{"),
        "MCP: unknown method": ("mcp/", {"jsonrpc": "2.0", "id": 1, "method": "x"}),
        "MCP: unknown tool": tool("nothing", []),
        "MCP: wrong types": tool("generate", {"caption": 7, "seed": "x", "colour": 1}),
        "MCP: NaN": ("mcp/", json.dumps(tool("generate", {"caption": "a", "seed": math.nan})[1]).encode()),
        "MCP: /etc/passwd": style("/etc/passwd"),
        "MCP: file of the server": style("file:///etc/passwd"),
        "MCP: the server itself": style(caller.own),
        "MCP: no picture": style("data:image/png;base64,%%"),
        "stream to nobody": ("stream/unknown", {"data": []}),
        "stream to nobody, closed": ("stream/unknown/close", {}),
        "vibe edit": ("vibe-edit", {"prompt": "x"}),
        "process_recording": ("process_recording", {}),
    }  # fmt: skip


async def measure_calls(bench: Bench) -> list[Row]:
    async def attack(bench: Bench) -> tuple[str, list[str]]:
        file = await bench.client.upload("photo.png", picture())
        faults, calls = [], malformed(bench, file)
        for name, (where, body) in calls.items():
            try:
                answer = await bench.client.post(f"/gradio_api/{where}", body, timeout=bench.patient(8))
                if answer.status == 200 and where == "queue/join" and isinstance(body, dict):
                    found = await bench.client.outcome(
                        answer, quote(str(body["session_hash"])), timeout=bench.patient(8)
                    )
                else:
                    found = Outcome(answer, [])
            except Lost as lost:
                faults.append(f"{name}: {lost}")
                continue
            if fault := leaks(found.answer):
                faults.append(f"{name}: POST {where}: {fault}")
            elif re.search("root:x:|def build", str(found.data)):
                faults.append(f"{name}: POST {where}: a file's contents")
        return f"{len(calls)} calls", faults

    return [await attacked(bench, "malformed calls", "no 5xx, no file's contents", attack)]
