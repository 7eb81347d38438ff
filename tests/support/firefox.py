"""The page in Firefox, over WebDriver BiDi (https://w3c.github.io/webdriver-bidi), which it speaks by itself."""

import itertools
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
NO_FIREFOX = "There is no Firefox on PATH: apt-get install firefox-esr."
PATIENCE = 120  # seconds, on a busy machine
LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
PREFERENCES = """
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("app.update.disabledForTesting", true);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("services.settings.server", "data:,#remote-settings-dummy/v1");
"""


class Firefox:
    """One window. `faults` are what its scripts failed with."""

    def __init__(self, connection: ClientConnection):
        self._connection, self._numbers, self.faults = connection, itertools.count(1), []
        self("session.new", capabilities={})
        self("session.subscribe", events=["log.entryAdded"])
        self._window = self("browsingContext.getTree")["contexts"][0]["context"]

    def __call__(self, method: str, **params: Any) -> dict:
        """A command's result."""
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._connection.recv(timeout=PATIENCE))
            if answer["type"] == "event" and answer["params"]["type"] == "javascript":
                self.faults.append(answer["params"]["text"])
            if answer.get("id") == number:
                if answer["type"] == "error":
                    raise RuntimeError(f"{method}: {answer['message']}")
                return answer["result"]

    def visit(self, address: str, width: int = 1280, height: int = 900) -> None:
        self("browsingContext.setViewport", context=self._window, viewport={"width": width, "height": height})
        self("browsingContext.navigate", context=self._window, url=address, wait="interactive")

    def find(self, script: str) -> Any:
        """What a JavaScript expression is, as soon as it is neither null, false nor empty."""
        end = time.monotonic() + PATIENCE
        while True:
            found = self("script.evaluate", expression=f"JSON.stringify({script})", awaitPromise=False,
                         target={"context": self._window})  # fmt: skip
            if value := json.loads(found.get("result", {}).get("value", "null")):
                return value
            if time.monotonic() > end:
                raise TimeoutError(script)
            time.sleep(0.05)

    def see(self, selector: str, text: str = "", then: str = "true") -> Any:
        """`then` of the first element `e` that is seen, enabled whose text or label begins so."""
        return self.find(
            f"""(() => {{
                const e = [...document.querySelectorAll({json.dumps(selector)})].find(e => e.checkVisibility()
                    && !e.disabled && (e.labels?.[0] ?? e).innerText.trim().startsWith({json.dumps(text)}));
                return e && {then};
            }})()"""
        )

    def click(self, selector: str, text: str = "") -> None:
        """Click in the middle of it."""
        self.see(selector, text, "(e.scrollIntoView({block: 'center', behavior: 'instant'}), true)")
        x, y, width, height = self.see(selector, text, "(({x, y, width, height}) => [x, y, width, height])"
                                       "(e.getBoundingClientRect())")  # fmt: skip
        move = {"type": "pointerMove", "x": round(x + width / 2), "y": round(y + height / 2)}
        press = [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        source = {"type": "pointer", "id": "mouse", "actions": [move, *press]}
        self("input.performActions", context=self._window, actions=[source])

    def type(self, keys: str) -> None:
        """Press keys, one after the other, where the focus is."""
        presses = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self("input.performActions", context=self._window, actions=[{"type": "key", "id": "keys", "actions": presses}])


@contextmanager
def firefox(folder: Path) -> Iterator[Firefox]:
    """A Firefox of its own, without a window, whose profile and log are in `folder`."""
    (folder / "user.js").write_text(PREFERENCES)
    log = folder / "log"
    command = [FIREFOX, "--headless", "--no-remote", "--profile", folder, "--remote-debugging-port", "0"]
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            end = time.monotonic() + PATIENCE
            while not (listening := LISTENING.search(log.read_text())):
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(log.read_text())
                time.sleep(0.05)
            with connect(f"{listening[1]}/session", proxy=None, max_size=None) as connection:
                yield Firefox(connection)
        finally:
            process.terminate()
