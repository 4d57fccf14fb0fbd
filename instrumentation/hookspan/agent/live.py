"""The settings of a running agent: read again on request, and what can't be read leaves the last good ones in force."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from typing import Any, Final

from hookspan import atomic, config
from hookspan.agent import launch
from hookspan.config import Settings
from hookspan.errors import UserError
from hookspan.paths import Paths
from hookspan.values import URL, without_secrets

LAST_GOOD: Final = "settings.json"
"""In the run folder, 0600: a start with a broken file goes on with these, or it would stop exporting."""

_logger = logging.getLogger(__name__)


class LiveSettings:
    """`now` are the settings in force, `problem` says why the newest ones are not."""

    def __init__(self, paths: Paths, env: Mapping[str, str] | None) -> None:
        """`env` None: files alone count, as for an agent that a hook started."""
        self._paths = paths
        self._env = None if env is None else launch.settings_variables(env)
        self._last_good = paths.run / LAST_GOOD
        self.now = Settings()
        self.problem: str | None = None
        if not self.reload():
            self.now = self._remembered()

    @property
    def variables(self) -> str:
        """A fingerprint of the variables that are in force."""
        return launch.fingerprint(self._env or {})

    def reload(self) -> bool:
        """Read them again; False if the old ones stay in force."""
        try:
            fresh = config.load(self._paths, self._env)
        except UserError as error:
            self.problem = f"{error.message}; the last good settings are in force"
            _logger.error("settings can't be read")  # noqa: TRY400 - the message may quote a value
            return False
        self.now, self.problem = fresh, None
        try:
            atomic.write(self._last_good, json.dumps(fresh.as_dict()).encode(), mode=0o600)
        except OSError as error:
            _logger.warning("the last good settings can't be kept", exc_info=error)
        return True

    def report(self) -> dict[str, Any]:
        """Every setting with its value and where it comes from; secrets as whether they are set."""
        shown: dict[str, Any] = {}
        for key, option in config.OPTIONS.items():
            value = self.now.value(key)
            if option.kind is URL and value:
                value = without_secrets(value)
            shown[key] = {"value": bool(value) if option.secret else value, "origin": self.now.origin(key)}
        return shown

    def _remembered(self) -> Settings:
        try:
            return Settings.from_dict(json.loads(self._last_good.read_bytes()))
        except (OSError, ValueError, KeyError, UserError):
            return Settings()


def environment(*, stay: bool) -> Mapping[str, str] | None:
    """The variables that count: those of `up`, none for an agent that a hook started."""
    return os.environ if stay else None
