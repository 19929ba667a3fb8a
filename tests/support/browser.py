"""A real headless Chromium, driven by the DevTools protocol over a pipe: no driver, no socket, no package.

    with Browser() as browser:
        browser.open("http://127.0.0.1:8070/")
        browser.wait("document.querySelector('#found')")
        browser.key("Tab")

Chromium writes and reads messages that end with a NUL on its file descriptors 4 and 3 (--remote-debugging-pipe).

As a program it takes the picture of the README (of a page that says data-ready when it is):
    skillstream inspect --release R ads.jsonl &  python3 tests/support/browser.py URL FILE.png
"""
import base64
import json
import os
import select
import shutil
import sys
import tempfile
import time

import harness as h

PROGRAMS = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")
# key -> (code, Windows key code, text); what Input.dispatchKeyEvent wants to know of a key
KEYS = {"Tab": ("Tab", 9, ""), "Enter": ("Enter", 13, "\r"), " ": ("Space", 32, " "), "ArrowLeft": ("ArrowLeft", 37, ""),
        "ArrowRight": ("ArrowRight", 39, ""), "ArrowDown": ("ArrowDown", 40, ""), "Home": ("Home", 36, ""),
        "End": ("End", 35, ""), "a": ("KeyA", 65, "a")}
SHIFT, CTRL = 8, 2


def program():
    for name in PROGRAMS:
        if shutil.which(name):
            return shutil.which(name)
    raise h.Skip("Chromium is missing (apt-get install chromium); tests/run installs it")


class Browser:
    """One page. Errors of its console and exceptions of its scripts are in self.complaints, addresses it asked for in
    self.requests."""

    def __init__(self, width=1360, height=900):
        command = [program(), "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu",
                   "--disable-dev-shm-usage", "--disable-background-networking", "--hide-scrollbars", "--lang=en-GB", "--disable-lcd-text",
                   f"--user-data-dir={tempfile.mkdtemp(prefix='chromium-', dir=h.scratch())}",
                   f"--window-size={width},{height}"]
        if os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium refuses root otherwise; it sees only pages of our own
        theirs_in, self.out = os.pipe()
        self.into, theirs_out = os.pipe()
        self.process = self._spawn(command + ["about:blank"], theirs_in, theirs_out)
        self.number, self.buffer, self.session = 0, b"", None
        self.complaints, self.requests = [], []
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Accessibility", "Network"):
            self.call(domain + ".enable")
        self.size(width, height)

    @staticmethod
    def _spawn(command, reads, writes):
        """Chromium with `reads` as its descriptor 3 and `writes` as 4, through a shell that moves them there."""
        high = [os.dup2(fd, fd + 100) for fd in (reads, writes)]  # out of the way of 3 and 4
        script = f'exec 3<&{high[0]} 4>&{high[1]} {high[0]}<&- {high[1]}>&-; exec "$@"'
        log = open(os.path.join(h.scratch(), "chromium.log"), "wb")
        process = h.spawn(["bash", "-c", script, "bash", *command], stdout=log, stderr=log, pass_fds=high)
        for fd in (reads, writes, *high):
            os.close(fd)
        return process

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.session = None
            self.call("Browser.close")
            self.process.wait(10)
        except Exception:  # it is ended in any case
            self.process.kill()
            self.process.wait(10)
        os.close(self.out)
        os.close(self.into)

    # ---- the protocol ----

    def _read(self, end):
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.into], [], [], max(0.0, end - time.monotonic()))
            chunk = os.read(self.into, 1 << 16) if ready else b""
            if not chunk:
                raise AssertionError("Chromium says nothing more:\n" + h.tail(os.path.join(h.scratch(), "chromium.log")))
            self.buffer += chunk
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def _note(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"] + " " + params["entry"].get("url", ""))
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append("a dialog opened: " + params["message"])

    def call(self, method, timeout=30.0, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + timeout
        while True:
            answer = self._read(end)
            if answer.get("id") != self.number:
                self._note(answer)
                continue
            if "error" in answer:
                raise AssertionError(f"{method}: {answer['error']}")
            return answer["result"]

    # ---- the page ----

    def js(self, expression):
        """The value of an expression (a promise is waited for), as JSON carries it."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}\n{answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, expression, timeout=20.0):
        return h.until(lambda: self.js(f"!!({expression})") and self.js(expression), expression, timeout)

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def choose_file(self, selector, path):
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        field = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=field, files=[path])

    def key(self, name, times=1, modifiers=0):
        code, number, text = KEYS[name]
        for _ in range(times):
            common = dict(key=name, code=code, windowsVirtualKeyCode=number, modifiers=modifiers)
            down = dict(type="keyDown", text=text) if text and not modifiers & CTRL else dict(type="rawKeyDown")
            self.call("Input.dispatchKeyEvent", **down, **common)
            self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def focused(self):
        """What a key would reach: 'TAG#id' and the text or value."""
        return self.js("(e => e.tagName + '#' + e.id)(document.activeElement)")

    def tab_to(self, wanted, most=60, modifiers=0):
        """Presses Tab until 'TAG#id' has the focus; returns all that had it on the way."""
        way = []
        for _ in range(most):
            self.key("Tab", modifiers=modifiers)
            way.append(self.focused())
            if way[-1] == wanted:
                return way
        raise AssertionError(f"Tab never reaches {wanted}: {way}")

    def accessible(self):
        """(role, name, properties) of everything that a screen reader is told."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [(n["role"]["value"], n.get("name", {}).get("value", ""),
                 {p["name"]: p["value"].get("value") for p in n.get("properties", [])} |
                 ({"value": n["value"].get("value")} if "value" in n else {}))
                for n in nodes if not n.get("ignored")]

    def colours(self, scheme):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def size(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def picture(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


if __name__ == "__main__":
    with Browser(1280, 800) as camera:
        camera.open(sys.argv[1])
        camera.wait("document.body.dataset.ready && document.querySelector('#status').textContent")
        camera.picture(sys.argv[2])
