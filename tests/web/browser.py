"""A real browser on the page of a running agent.

Every page of it is watched: an error on the console, a script that fails, what the Content-Security-Policy forbids and
a request to anybody but the agent fail the test that made them.
"""

import contextlib
import functools
import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, Request, Route, expect, sync_playwright

from tests import npm

PATIENCE = 120_000  # ms; only a broken page takes as long, whatever else the machine does
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast"]
"""What of axe's rules another theme can break."""
PROGRAMS = ("chromium-headless-shell", "chromium")  # Debian's; the shell takes 40 % less to start and to draw pages
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]  # root; small /dev/shm of containers; no screen
CHANGED = "ERR_NETWORK_CHANGED"  # what chromium makes of requests under way when an interface comes, as docker's do
UNREACHABLE = (
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_CONNECTION_ABORTED",
    "ERR_SOCKET_NOT_CONNECTED",
    "ERR_CONNECTION_CLOSED",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
    "ERR_CONTENT_LENGTH_MISMATCH",
    "ERR_EMPTY_RESPONSE",
)


class Served(Protocol):
    """Where a page is, and how to sign in."""

    @property
    def url(self) -> str: ...

    def ticket_url(self) -> str: ...


class Visitor:
    """Opens pages, signed in by one-time addresses, and remembers what went wrong on them."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: dict[tuple[str, str], BrowserContext] = {}
        self.trouble: list[str] = []
        self.agent_may_be_away = False
        """Set by tests that end the agent: then requests without an answer are no trouble."""
        self.refusals = False
        """Set by tests that are refused: then 401 and 503 are no trouble."""
        self.refused: tuple[int, ...] = ()
        """Set by tests that are refused otherwise: the statuses of these answers."""

    def visit(
        self,
        site: Served,
        path: str = "/",
        *,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
        zoom: float = 1.0,
        motion: bool = False,
        touch: bool = False,
    ) -> Page:
        """A page with what belongs to `path` on it. `zoom`: as the browser's own, it makes the window smaller.

        `motion`: something moves all the time while a session works, so that the browser draws 60 pictures a second.
        """
        options: dict[str, Any] = {
            "viewport": {"width": round(width / zoom), "height": round(height / zoom)},
            "device_scale_factor": zoom,
            "color_scheme": "dark" if dark else "light",
            "reduced_motion": "no-preference" if motion else "reduce",
            "has_touch": touch,
            "locale": "en-GB",
        }
        context = self._context(site, options)
        page = context.new_page()
        self._watch(page, site)
        load(page, lambda: page.goto(f"{site.url}{path}"))
        self.loaded(page)
        return page

    @staticmethod
    def reload(page: Page) -> None:
        """As a person does."""
        load(page, page.reload)

    @classmethod
    def go(cls, page: Page, url: str) -> None:
        """To another address, as by the address bar, with what belongs to it."""
        load(page, lambda: page.goto(url))
        cls.loaded(page)

    def stranger(self, site: Served) -> Page:
        """An empty page of a browser that has never been signed in; refusals are no trouble then."""
        self.refusals = True
        context = self._contexts[f"stranger {len(self._contexts)}", ""] = self._browser.new_context(locale="en-GB")
        context.set_default_timeout(PATIENCE)
        context.add_init_script(DEEP)
        page = context.new_page()
        self._watch(page, site)
        return page

    @staticmethod
    def loaded(page: Page) -> None:
        """Wait until the page that the address names is there, with what it fetches."""
        page.wait_for_selector("app-shell main > :not(.start)")
        page.wait_for_function("() => !deep(document, '[aria-busy=true]')")
        drawn(page)

    def _context(self, site: Served, options: dict[str, Any]) -> BrowserContext:
        key = (site.url, repr(options))
        if key not in self._contexts:
            context = self._contexts[key] = self._browser.new_context(**options)
            context.set_default_timeout(PATIENCE)
            context.add_init_script(DEEP)
            # Not by a page: closing one while the login's own page goes on to the next may hang chromium.
            assert context.request.get(site.ticket_url(), timeout=PATIENCE).ok
        return self._contexts[key]

    def _watch(self, page: Page, site: Served) -> None:
        ours = urlsplit(site.url).netloc

        def said(message: Any) -> None:
            if message.type not in {"error", "warning"}:
                return
            if CHANGED in message.text:
                return
            if any(f"with a status of {status} " in message.text for status in self.refused):
                return
            if self.agent_may_be_away and any(word in message.text for word in UNREACHABLE):
                return
            if self.refusals and ("status of 401" in message.text or "status of 503" in message.text):
                return
            if "status of 404" in message.text and message.location.get("url") == page.url:
                return  # an address that is no page's; what it shows is the test's matter
            self.trouble.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

        def asked(request: Any) -> None:
            url = urlsplit(request.url)
            if url.scheme not in {"data", "blob"} and url.netloc != ours:
                self.trouble.append(f"a request to {request.url}")

        page.on("console", said)
        page.on("pageerror", lambda error: self.trouble.append(f"script: {error}"))
        page.on("request", asked)

    def close(self) -> None:
        for context in self._contexts.values():
            context.close()
        self._contexts.clear()


# The first element that a selector finds, how many animations run, and all texts with attributes' values; all of them
# in open shadow roots, too. And one of the page's own modules, by its name.
DEEP = """
window.deep = (root, selector) => {
  const found = root.querySelector(selector);
  if (found) return found;
  for (const element of root.querySelectorAll("*")) {
    const inner = element.shadowRoot && window.deep(element.shadowRoot, selector);
    if (inner) return inner;
  }
  return null;
};
window.moving = root => {
  let count = root.getAnimations().filter(one => one.playState === "running").length;
  for (const element of root.querySelectorAll("*")) if (element.shadowRoot) count += window.moving(element.shadowRoot);
  return count;
};
window.part = name => import(document.querySelector("script[type=module]").src.replace("main.js", name));
window.text = root => {
  let found = "";
  for (const element of root.querySelectorAll("*")) {
    for (const node of element.childNodes) if (node.nodeType === Node.TEXT_NODE) found += `${node.data} `;
    for (const attribute of element.attributes) found += `${attribute.value} `;
    if (element.shadowRoot) found += window.text(element.shadowRoot);
  }
  return found;
};
"""


def load(page: Page, begin: Callable[[], object]) -> None:
    """Once more where the network changed meanwhile: chromium gives up files without which there is no page."""
    changed: list[str] = []

    def failed(request: Request) -> None:
        if CHANGED in (request.failure or ""):
            changed.append(request.url)

    page.on("requestfailed", failed)
    while True:
        try:
            begin()
        except Error as error:
            if CHANGED not in error.message:
                raise
            continue
        if not changed:
            break
        changed.clear()
        begin = page.reload
    page.remove_listener("requestfailed", failed)


def drawn(page: Page) -> None:
    """Wait until it is drawn as it is: chromium drops keys that come before that."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


@contextlib.contextmanager
def chromium(*flags: str, programs: Sequence[str] = PROGRAMS) -> Iterator[Browser]:
    """The first of the programs that this machine has."""
    expect.set_options(timeout=PATIENCE)
    program = next(filter(None, map(shutil.which, programs)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, *flags], timeout=PATIENCE)
        yield browser
        browser.close()


def release(page: Page, pattern: str, held: list[Route]) -> None:
    """Let through what was asked for, and what is asked for again: a new network interface ends what is under way."""
    page.unroute(pattern)
    while held:
        with contextlib.suppress(Error):  # it was ended
            held.pop().continue_()


@functools.cache
def _axe() -> str:
    return (npm.page() / "axe-core" / "axe.min.js").read_text()


def violations(page: Page, rules: list[str] = RULES) -> list[str]:
    """What axe finds on the page as it is, against WCAG 2.2 AA and axe's own best practice."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_axe())
    options = {"runOnly": rules, "resultTypes": ["violations"]}
    found = page.evaluate("async options => (await axe.run(document, options)).violations", options)
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: {node['target']} {node.get('failureSummary', '')}"
        for one in found
        for node in one["nodes"][:5]
    ]


def resize(page: Page, width: int, height: int) -> None:
    """Another window for a page that is open; returns when it has been drawn."""
    page.set_viewport_size({"width": width, "height": height})
    drawn(page)


def out_of_reach(page: Page) -> list[str]:
    """Controls that something covers, or that what holds them cuts off, though one scrolls to them."""
    found: list[str] = page.evaluate(
        """() => {
          const found = [];
          const above = node => node.assignedSlot ?? node.parentElement ?? node.getRootNode().host ?? null;
          const named = node => `${node?.localName}.${node?.className}`;
          const isWithin = (node, what) => {
            for (let at = node; at; at = above(at)) if (at === what) return true;
            return false;
          };
          const topAt = (x, y) => {
            let top = document.elementFromPoint(x, y);
            for (let inner = top; (inner = top?.shadowRoot?.elementFromPoint(x, y)) && inner !== top;) top = inner;
            return top;
          };
          const check = control => {
            const name = (control.getAttribute("aria-label") ?? control.textContent.trim()).slice(0, 60);
            const {left, right} = control.getBoundingClientRect();
            for (let holder = above(control); holder; holder = above(holder)) {
              const {overflowX} = getComputedStyle(holder);
              if (/auto|scroll/.test(overflowX)) break; // one can scroll to it
              const edge = holder.getBoundingClientRect();
              const isCut = overflowX !== "visible" && (left < edge.left - 1 || right > edge.right + 1);
              if (isCut) found.push(`${name}: cut off by ${named(holder)}`);
            }
            control.scrollIntoView({block: "center", inline: "center"});
            const box = control.getBoundingClientRect();
            const top = topAt(box.left + box.width / 2, box.top + box.height / 2);
            if (!isWithin(top, control)) found.push(`${name}: covered by ${named(top)}`);
          };
          const walk = root => {
            for (const element of root.querySelectorAll("*")) {
              const isControl = element.matches("a[href], button, input, select, summary") && !element.matches(".skip");
              if (isControl && element.checkVisibility({visibilityProperty: true}) && !element.disabled) check(element);
              if (element.shadowRoot) walk(element.shadowRoot);
            }
          };
          walk(document);
          return found.slice(0, 10);
        }"""
    )
    return found


def sideways(page: Page) -> list[str]:
    """What makes the page scroll sideways; what scrolls in itself may be as wide as it likes."""
    found: list[str] = page.evaluate(
        """() => {
          const wide = document.documentElement.clientWidth;
          if (document.documentElement.scrollWidth <= wide) return [];
          const found = [];
          const walk = root => {
            for (const element of root.querySelectorAll("*")) {
              const beyond = element.getBoundingClientRect().right - wide;
              if (beyond > 1) found.push(`${element.localName}.${element.className}: ${beyond}`);
              if (element.shadowRoot) walk(element.shadowRoot);
            }
          };
          walk(document);
          return found.length ? found.slice(0, 10) : ["something"];
        }"""
    )
    return found


def focused(page: Page) -> Any:
    """What has the focus: its `name`, its `element`, and whether that is `shown`, by an outline within the window."""
    return page.evaluate(
        """() => {
          let at = document.activeElement;
          while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
          const texts = [at.getAttribute("aria-label"), at.labels?.[0]?.textContent.trim(), at.textContent];
          const style = getComputedStyle(at), after = getComputedStyle(at, "::after");
          const outlined = [style, after].some(one => one.outlineStyle !== "none" && parseFloat(one.outlineWidth) >= 2);
          const box = at.getBoundingClientRect();
          const seen = box.bottom > 0 && box.top < innerHeight;
          const shown = at === document.body || (outlined && seen);
          return {name: texts.filter(Boolean).join(" "), shown, element: at.outerHTML.slice(0, 200)};
        }"""
    )


def tab_to(page: Page, name: str, *, most: int = 60) -> None:
    """Tab on until the focus is at what is called so; each stop on the way must show it."""
    for _ in range(most):
        page.keyboard.press("Tab")
        at = focused(page)
        assert at["shown"], at
        if name in at["name"]:
            return
    raise AssertionError(f"{name} can't be reached")


CLIPBOARD = """() => {
  Object.defineProperty(navigator.clipboard, "writeText", { value: async text => { window.copied = text; } });
}"""
"""For `page.evaluate`: what is copied can be read as `copied`; only a window in front has the clipboard."""


def copied(button: Locator, said: str) -> str:
    """Press a button that copies. It says so for a moment, which may be over at the next look: it is watched within."""
    button.evaluate(
        """(button, said) => {
          window.isSaid = false;
          const look = () => (window.isSaid ||= button.textContent.replace(/\\s+/g, " ").trim().startsWith(said));
          new MutationObserver(look).observe(button, {subtree: true, childList: true, characterData: true});
        }""",
        said,
    )
    button.click()
    button.page.wait_for_function("isSaid")
    text: str = button.page.evaluate("copied")
    return text
