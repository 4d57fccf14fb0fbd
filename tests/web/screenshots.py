"""The pictures of docs/page.md: every page empty, busy and broken, light, dark and narrow.

`make screenshots` writes docs/screenshots/*.webp. To look at some of them while working on the page:
`python -m tests.web.screenshots --only session --format png --into /tmp/shots`.
"""

import argparse
import base64
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page

from hookspan.journal import Writer
from hookspan.web import demo
from hookspan.wire.fields import LOCAL_KEY
from tests.agent.machine import event
from tests.waiting import until
from tests.web.browser import Visitor, chromium
from tests.web.player import Player, busy
from tests.web.site import Play, Site
from tests.web.talk import rounding
from tests.web.test_page_collisions import edit
from tests.web.test_page_receipts import work

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
WIDE, NARROW = (1280, 860), (360, 740)
HIGHEST = 1600  # px of a page that is longer than the window
QUALITY = 60  # of WebP; writing stays sharp
NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there
PAGES = {
    "now": "/",
    "session": "/sessions/{id}",
    "search": "/search?q=cart",
    "cost": "/cost?by=session",
    "receipts": "/receipts",
    "friction": "/friction",
    "health": "/health",
    "log": "/log?kind=event",
}

ASKED = {
    "questions": [
        {
            "question": "How shall a sum be rounded that lies between two cents?",
            "header": "Rounding",
            "options": [
                {"label": "Half up", "description": "As the shop shows it today"},
                {"label": "Half to even", "description": "No drift over many orders"},
                {"label": "Down", "description": "What the bank does"},
            ],
            "multiSelect": False,
        }
    ]
}


class Camera:
    """Takes every picture of a state whose name has a wanted part, in each look."""

    def __init__(self, visitor: Visitor, into: Path, kind: str, only: str) -> None:
        self._visitor, self._into, self._kind, self._only = visitor, into, kind, only
        self.before: Callable[[], object] = lambda: None
        """Done before each page is opened."""

    def shoot(
        self, site: Site, name: str, path: str, *, narrow: bool = False, act: Callable[[Page], object] = lambda _: None
    ) -> None:
        looks = {"light": WIDE, "dark": WIDE} | ({"narrow": NARROW} if narrow else {})
        for look, (width, height) in looks.items():
            if self._only not in f"{name}-{look}":
                continue
            self.before()
            page = self._visitor.visit(site, path, width=width, height=height, dark=look == "dark")
            act(page)
            self._take(page, self._into / f"{name}-{look}.{self._kind}")
            page.close()

    def _take(self, page: Page, file: Path) -> None:
        """The browser's own encoder: playwright knows no WebP."""
        page.evaluate("() => scrollTo(0, 0)")
        if not page.get_by_role("dialog").is_visible():  # that shades the window, however long the page
            high = page.evaluate("() => document.documentElement.scrollHeight")
            page.set_viewport_size({"width": page.evaluate("() => innerWidth"), "height": min(high, HIGHEST)})
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        options = {"format": self._kind}
        session = page.context.new_cdp_session(page)
        taken = session.send("Page.captureScreenshot", options | ({"quality": QUALITY} if self._kind == "webp" else {}))
        file.write_bytes(base64.b64decode(taken["data"]))
        session.detach()


def palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.get_by_role("dialog").wait_for()


def longest_wait(page: Page) -> None:
    page.locator("span-waterfall .t-wait").first.click()
    page.locator("span-details").wait_for()


@contextmanager
def machine(folder: Path, settings: str = "") -> Iterator[Site]:
    site = Site(folder, settings=f"[monitor]\ninterval = 1\n{settings}")
    try:
        yield site
    finally:
        site.close()


def checked(site: Site, rounds: int) -> None:
    script = site.script()
    until(
        lambda: len(script.get("/api/v1/health/history", params={"limit": rounds}).json()["rounds"]) >= rounds,
        "there are not so many rounds of checks",
    )


def empty(camera: Camera, folder: Path) -> None:
    """A fresh agent; then a session that was asked nothing."""
    with machine(folder) as site:
        checked(site, 2)
        for name in ("now", "search", "cost", "receipts", "friction", "health", "log"):
            camera.shoot(site, f"{name}-empty", PAGES[name], narrow=name == "now")
        camera.shoot(site, "palette-empty", "/", act=palette)
        play = Play()
        site.append(play.start())
        camera.shoot(site, "session-empty", PAGES["session"].format(id=play.session))


def day(site: Site, player: Player) -> dict[str, str]:
    """A day's sessions; their ids by what they show. Among them those of the demo, as if somebody had worked so."""
    shown = busy(player)
    clients: dict[str, subprocess.Popen[bytes]] = {}
    lines = []
    for data in demo.lines(time.time_ns()):
        line = json.loads(data)
        if told := line.get("event"):
            if told["session_id"] not in clients:
                clients[told["session_id"]] = subprocess.Popen(["sleep", "86400"])
            client = clients[told["session_id"]]
            del told[LOCAL_KEY]
            if told["hook_event_name"] == "SessionStart":
                told["source"] = "startup"
            line |= {"took": 180_000, "pid": client.pid, "ppid": client.pid, "pidns": 1, "host": "host"}
            line["env"]["CLAUDE_PID"] = str(client.pid)
        lines.append(json.dumps(line).encode())
    player.clients += clients.values()
    newest = event("Notification", shown["idle"], notification_type="auth_success")  # comes as it happens
    line = {"v": 1, "agent": "claude-code", "at": time.time_ns(), "took": 180_000, "host": "host", "env": {}}
    Writer(player.paths).append([*lines, json.dumps(line | {"event": newest}).encode()])
    site.settle()
    return shown | dict(zip(("asks", "fails", "spawns"), clients, strict=True))  # in the order of their beginnings


@contextmanager
def worked(folder: Path, settings: str = "") -> Iterator[tuple[Site, dict[str, str]]]:
    """A machine with a day's work on it."""
    with machine(folder, settings) as site:
        assert site.machine.cli("install", "--yes").returncode == 0
        player = Player(site.machine.paths, site.machine.home, site.machine.env)
        try:
            yield site, day(site, player)
        finally:
            player.close()


def well(camera: Camera, folder: Path) -> None:
    with worked(folder) as (site, shown):
        checked(site, 30)
        site.append(*work(folder / "work").lines)
        session = PAGES["session"]
        for name, path in PAGES.items():
            camera.shoot(site, f"{name}-busy", path.format(id=shown["spawns"]), narrow=True)
        camera.shoot(site, "session-wait", session.format(id=shown["asks"]), narrow=True, act=longest_wait)
        camera.shoot(site, "palette-busy", "/", narrow=True, act=palette)
        play = Play()
        site.append(play.start(), play.submit("Round the sums of the cart"), *play.ask("AskUserQuestion", ASKED))
        camera.shoot(site, "session-question", session.format(id=play.session), narrow=True)
        conversation(camera, site)
        noticed(camera, site)


def noticed(camera: Camera, site: Site) -> None:
    """A session that gets nowhere, and two that write the same lines."""
    loops, first, second = Play(), Play(), Play()
    site.append(loops.start(), loops.submit("Build it"), *(line for _ in range(11) for line in loops.answer("make")))
    site.append(first.start(), first.submit("Round the total"), second.start(), second.submit("Add the tax"))
    site.append(*edit(first, "/shop/cart.py", "total = sum(prices)", "total = round(sum(prices), 2)"))
    site.append(*edit(second, "/shop/cart.py", "total = round(sum(prices), 2)", "total = round(sum(prices) * TAX, 2)"))
    session = PAGES["session"]
    camera.shoot(site, "now-noticed", "/", narrow=True)
    camera.shoot(site, "session-alarm", session.format(id=loops.session), narrow=True)
    camera.shoot(site, "session-collision", session.format(id=second.session), narrow=True)


def conversation(camera: Camera, site: Site) -> None:
    """What was said in a turn with a bit of everything, what of it is given away, and without a transcript."""
    talk, asked, silent = rounding(site.machine), Play(), Play()
    site.append(asked.start(), asked.submit("Round the sums of the cart"), *asked.answer("make check"), silent.start())

    def read(page: Page) -> None:
        page.get_by_role("article").first.wait_for()

    def share(page: Page) -> None:
        page.get_by_role("button", name="Share").click()
        page.get_by_role("status").get_by_text("messages").wait_for()

    def nothing(page: Page) -> None:
        page.get_by_text("Nothing was said yet.").wait_for()

    path = f"{PAGES['session']}?view=conversation"
    camera.shoot(site, "conversation-busy", path.format(id=talk.session), narrow=True, act=read)
    camera.shoot(site, "conversation-share", path.format(id=talk.session), act=share)
    camera.shoot(site, "conversation-hooks", path.format(id=asked.session), act=read)
    camera.shoot(site, "conversation-empty", path.format(id=silent.session), act=nothing)


def broken(camera: Camera, folder: Path) -> None:
    """Hooks are switched off and nobody takes spans; then the agent is killed, too."""
    settings = f'[export]\nendpoint = "{NOBODY}"\n[collector]\nhealth = "{NOBODY}/"\n'
    with worked(folder, settings) as (site, shown):
        checked(site, 30)
        file = site.machine.home / ".claude" / "settings.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"disableAllHooks": True}))
        checked(site, 30)
        camera.shoot(site, "health-broken", PAGES["health"], narrow=True)

        def kill(page: Page) -> None:
            site.machine.kill()
            page.get_by_role("alert").first.wait_for()
            if page.url.endswith(PAGES["health"]):
                page.get_by_role("heading", name="The agent does not answer").wait_for()

        def kill_and_search(page: Page) -> None:
            kill(page)
            palette(page)

        camera.before = site.machine.up
        for name in ("now", "session", "search", "friction", "log", "health"):
            camera.shoot(
                site,
                f"{name}-{'away' if name == 'health' else 'broken'}",
                PAGES[name].format(id=shown["fails"]),
                narrow=name in {"now", "session"},
                act=kill,
            )
        camera.shoot(site, "palette-broken", "/", act=kill_and_search)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a part of the pictures' names: a page, a state, a look")
    parser.add_argument("--format", choices=["webp", "png"], default="webp")
    parser.add_argument("--state", choices=["empty", "well", "broken"], help="only those of this state")
    parser.add_argument("--into", type=Path, default=FOLDER)
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    with chromium() as browser, tempfile.TemporaryDirectory(prefix="hs-", dir="/tmp") as folder:
        for state in (empty, well, broken):
            if options.state not in {None, state.__name__}:
                continue
            visitor = Visitor(browser)
            visitor.agent_may_be_away = state is broken
            state(Camera(visitor, options.into, options.format, options.only), Path(folder) / state.__name__)
            visitor.close()
            for trouble in visitor.trouble:
                print(trouble)


if __name__ == "__main__":
    main()
