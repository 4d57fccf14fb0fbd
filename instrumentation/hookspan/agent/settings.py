"""The settings of a running agent, updated within two seconds when the files change.

Nothing may leave that they forbid, so whoever sends something asks `look` first. A file that can't be read leaves the
last good text of it in force.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from hookspan import atomic, config
from hookspan.agent import launch, log
from hookspan.config import Layer, Settings
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.record import replace
from hookspan.values import URL, without_secrets

LAST_GOOD: Final = "settings.json"
"""In the run folder, 0600, texts by path: a start with a broken file goes on with these, or it would stop exporting."""
AGAIN: Final = 5.0  # seconds until a file is read again that could not be
REST: Final = 0.5  # seconds that a file is left alone before it counts: who writes in place begins with an empty one

_NOTHING: Final[Layer] = ({}, [])

_logger = logging.getLogger(__name__)


class AgentSettings:
    """`now` are the settings in force, `problem` says why the newest ones are not, `env` are the variables that count.

    Thread-safe.
    """

    def __init__(self, paths: Paths, env: Mapping[str, str] | None, changed: Callable[[], None] = lambda: None) -> None:
        """`env` None: files alone count, as for an agent that a hook started.

        `changed` is called with other settings in force, from any thread: somebody should `tell` the subscribers.
        """
        self._paths = paths
        self.env = {} if env is None else launch.settings_variables(env)
        self._files = (paths.system_config, paths.config)
        self._kept, self._kept_text = paths.run / LAST_GOOD, ""
        self._good = self._remembered()
        self._lock = threading.RLock()
        self._identities: tuple[Any, ...] = ()
        self._due = float("inf")  # monotonic seconds: when the files are read (again)
        self._held = False  # a file is being changed
        self._untold = threading.Event()  # subscribers go by settings that are no longer in force
        self._telling = threading.Lock()
        self._waiting: dict[Callable[[], None], str] = {}  # subscribers to be called, and how that failed before
        self._changed: Callable[[], None] = lambda: None
        self.subscribers: list[Callable[[], None]] = []
        self.now = Settings()
        self.problem: str | None = None
        self.reload()
        self._untold.clear()
        self._changed = changed

    @property
    def variables(self) -> str:
        """A fingerprint of the variables that are in force."""
        return launch.fingerprint(self.env)

    def look(self) -> bool:
        """Take in what has changed; costs two `stat`. False: a file is being changed, so nothing may leave now."""
        with self._lock:
            clock, identities = time.monotonic(), tuple(map(_identity, self._files))
            if identities != self._identities:
                self._identities, self._due, self._held = identities, clock + REST, True
            if clock >= self._due:
                self._due, self._held = float("inf"), False
                self._read()
            return not self._held

    def reload(self) -> bool:
        """Read them at once; False if one is not good, so that its last good text stays in force."""
        with self._lock:
            if not self._held:  # and once more, since another change in the same moment could leave no trace
                self._identities, self._due = tuple(map(_identity, self._files)), time.monotonic() + REST
            self._read()
            return self.problem is None

    def tell(self) -> None:
        """Call the subscribers if other settings are in force than they know: they have locks of their own.

        One that fails, as where a database is locked, is called again the next time.
        """
        with self._telling:
            if self._untold.is_set():
                self._untold.clear()
                self._waiting = dict.fromkeys(self.subscribers, "")
            for subscriber, before in list(self._waiting.items()):
                try:
                    subscriber()
                except Exception as error:
                    self._waiting[subscriber] = log.describe(error)
                    if self._waiting[subscriber] != before:
                        _logger.exception("a changed setting can't be followed yet")
                else:
                    del self._waiting[subscriber]

    def again(self, subscriber: Callable[[], None]) -> None:
        """Have a subscriber called the next time, and until it can follow."""
        with self._telling:
            self._waiting[subscriber] = ""

    @property
    def trouble(self) -> str:
        """Why a part of the agent can't follow the settings in force yet; empty if all do."""
        return next(filter(None, list(self._waiting.values())), "")

    def report(self) -> dict[str, Any]:
        """Every setting with its value and where it comes from; secrets as whether they are set."""
        shown: dict[str, Any] = {}
        for key, option in config.OPTIONS.items():
            value = self.now.value(key)
            if option.kind is URL and value:
                value = without_secrets(value)
            shown[key] = {"value": bool(value) if option.secret else value, "origin": self.now.origin(key)}
        return shown

    # --- Inside

    def _read(self) -> None:
        """Have in force what can be read, and the last good text of what can't."""
        policy, policy_problem = self._layer(self._paths.system_config)
        own, own_problem = self._layer(self._paths.config)
        problems = [problem for problem in (policy_problem, own_problem) if problem]
        try:
            fresh = config.merge(self._paths, policy, own, self.env)
        except UserError as error:  # a variable is not what is allowed
            fresh = config.merge(self._paths, policy, own)
            problems.append(error.message)
        consequence = "the last good settings are in force"
        if policy_problem:
            fresh = self._cautious(fresh)
            consequence += "; what an administrator may have forbidden is not exported: "
            consequence += "content" if fresh.export.enabled else "nothing is exported"
        before = self.problem
        self.problem = f"{'; '.join(problems)}; {consequence}" if problems else None
        if self.problem and self.problem != before:
            _logger.error("settings can't be read")  # the message may quote a value
        self._keep()
        if fresh != self.now:
            self.now = fresh
            self._untold.set()
            self._changed()

    def _layer(self, path: Path) -> tuple[Layer, str]:
        """What a file says, or what it said when it was last valid, and why it is not valid now."""
        try:
            text = config.read_text(path)
            layer = _NOTHING if text is None else config.parse(text, str(path))
        except UserError as error:
            if isinstance(error.__cause__, OSError):  # it need not change to become readable
                self._due = min(self._due, time.monotonic() + AGAIN)
            return _parsed(self._good.get(path), path), error.message
        self._good[path] = text
        return layer, ""

    def _cautious(self, settings: Settings) -> Settings:
        """What the administrator forbids is unknown: no content is exported, nothing at all if it never was known."""
        if self._paths.system_config not in self._good:
            return replace(settings, export=replace(settings.export, enabled=False))
        projects = {name: replace(project, content="inherit") for name, project in settings.projects.items()}
        return replace(settings, content=replace(settings.content, export=False), projects=projects)

    def _remembered(self) -> dict[Path, str | None]:
        try:
            texts = json.loads(self._kept.read_bytes())
            return {path: texts[str(path)] for path in self._files if isinstance(texts[str(path)], str | None)}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _keep(self) -> None:
        text = json.dumps({str(path): text for path, text in self._good.items()})
        if text == self._kept_text:
            return
        try:
            atomic.write(self._kept, text.encode(), mode=0o600)
            self._kept_text = text
        except OSError as error:
            _logger.warning("the last good settings can't be kept", exc_info=error)


def _identity(path: Path) -> tuple[int, ...]:
    """What every change alters, also one of the same second and size, or another file in its place."""
    try:
        status = path.stat()
    except OSError as error:
        return (error.errno or 0,)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _parsed(text: str | None, path: Path) -> Layer:
    """A text that was good; nothing if it isn't any more, since it was kept by another version."""
    try:
        return _NOTHING if text is None else config.parse(text, str(path))
    except UserError:
        return _NOTHING


def environment(*, stay: bool) -> Mapping[str, str] | None:
    """The variables that count: those of `up`, none for an agent that a hook started."""
    return os.environ if stay else None
