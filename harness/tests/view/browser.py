"""A real browser for tests of pages: Chromium, driven over the WebDriver protocol (W3C) by chromedriver."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

DEADLINE_S = 60.0
_FLAGS = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
          "--disable-background-networking", "--disable-component-update", "--disable-sync",
          "--window-size=1280,900", "--force-color-profile=srgb"]
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Tab": "\ue004", "ArrowLeft": "\ue012", "ArrowUp": "\ue013",
        "ArrowRight": "\ue014", "ArrowDown": "\ue015", "Home": "\ue011", "End": "\ue010"}


def program(*names: str) -> str:
    """The path of the first of these programs; "" if none is there."""
    return next((path for path in (shutil.which(name) for name in names) if path), "")


class Browser:
    """One window of Chromium with a profile of its own. A context manager."""

    def __enter__(self) -> Browser:
        self._profile = tempfile.TemporaryDirectory(prefix="browser-")
        self._driver = subprocess.Popen(
            [program("chromedriver"), "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": self._profile.name}, text=True)
        self._session = ""
        try:
            self._port = self._find_port()
            self._session = f"/session/{self._begin()}"
            self.open("about:blank")
            self.requests()  # those of the page that a new window shows
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._session:
            self._ask("DELETE", "")
        self._driver.terminate()
        self._driver.wait(DEADLINE_S)
        assert self._driver.stdout
        self._driver.stdout.close()
        self._profile.cleanup()

    def _find_port(self) -> int:
        assert self._driver.stdout
        for line in self._driver.stdout:
            found = re.search(r"started successfully on port (\d+)", line)
            if found:
                return int(found[1])
        raise AssertionError("chromedriver did not start")

    def _begin(self) -> str:
        flags = [*_FLAGS, f"--user-data-dir={self._profile.name}/profile"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        wanted = {"alwaysMatch": {
            "goog:chromeOptions": {"args": flags, "binary": program("chromium", "chromium-browser", "google-chrome")},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}
        return str(self._ask("POST", "/session", {"capabilities": wanted})["sessionId"])

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=DEADLINE_S)
        try:
            link.request(method, self._session + path, json.dumps(body) if body is not None else None)
            value = json.loads(link.getresponse().read())["value"]
        finally:
            link.close()
        if isinstance(value, dict) and "error" in value:
            raise AssertionError(f"{value['error']}: {value['message']}")
        return value

    def open(self, address: str) -> None:
        """Opens a page and waits until it has loaded."""
        self._ask("POST", "/url", {"url": address})

    def script(self, text: str, *arguments: Any) -> Any:
        """What a function body in JavaScript returns; a promise is waited for."""
        return self._ask("POST", "/execute/sync", {"script": text, "args": list(arguments)})

    def until(self, condition: str) -> None:
        """Waits until an expression in JavaScript is true, looking at each picture that is drawn."""
        self.script(
            "const end = performance.now() + 20000;"
            "return new Promise((done, fail) => (function look() {"
            f"  if ({condition}) done(); else if (performance.now() > end) fail(new Error('not so: ' + arguments[0]));"
            "  else requestAnimationFrame(look); }).call(null))".replace("arguments[0]", json.dumps(condition)))

    def keys(self, *names: str) -> None:
        """Presses keys, one after the other: names of KEYS, or characters."""
        steps = [{"type": kind, "value": KEYS.get(name, name)} for name in names for kind in ("keyDown", "keyUp")]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": steps}]})

    def click(self, selector: str) -> None:
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        self._ask("POST", f"/element/{next(iter(found.values()))}/click", {})

    def move_to(self, selector: str) -> None:
        """Moves the mouse to the middle of an element."""
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        step = {"type": "pointerMove", "duration": 0, "origin": found, "x": 0, "y": 0}
        self._ask("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": [step]}]})

    def back(self) -> None:
        self._ask("POST", "/back", {})

    def emulate(self, **features: str) -> None:
        """Sets media features, emulate(prefers_color_scheme="dark"), and "media" itself."""
        media = features.pop("media", "")
        self.devtools("Emulation.setEmulatedMedia", media=media, features=[
            {"name": name.replace("_", "-"), "value": value} for name, value in features.items()])

    def devtools(self, command: str, **parameters: Any) -> Any:
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def complaints(self) -> list[str]:
        """What stands in the console since the last look."""
        return [entry["message"] for entry in self._ask("POST", "/se/log", {"type": "browser"})]

    def requests(self) -> list[str]:
        """Addresses that pages asked for since the last look."""
        messages = [json.loads(entry["message"])["message"] for entry in self._ask("POST", "/se/log", {"type": "performance"})]
        return [message["params"]["request"]["url"] for message in messages
                if message["method"] == "Network.requestWillBeSent"]

    def picture(self, path: Path, width: int = 0, height: int = 0) -> None:
        """Writes a screenshot of the window, as PNG, at this size in CSS pixels."""
        if width:
            self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        path.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))
