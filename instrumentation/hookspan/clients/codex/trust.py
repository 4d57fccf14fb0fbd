"""Which hooks Codex runs: those whose text a person has looked at. Of others `codex exec` says nothing.

hookspan only ever reads this. To write it would stand in for the person whose consent it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Final

from hookspan.clients.hooks_text import Handler
from hookspan.errors import UserError

from . import handlers
from .settings_files import config_file

HOW: Final = "start `codex`, which asks to review hooks (later: `/hooks`, then `t`)"
"""What a person does to trust our hooks."""


class Trust(Enum):
    """What Codex remembers of a handler."""

    TRUSTED = "trusted"
    CHANGED = "changed since somebody trusted what stood there"
    UNSEEN = "not reviewed"


def settings(hooks: Path) -> dict[str, Any]:
    """Codex's settings beside a file of hooks; empty where there are none.

    UserError for what Codex can't read either: it does not start with it.
    """
    file = config_file(hooks)
    try:
        text = file.read_text(encoding="utf-8-sig")  # as Codex, which passes over a byte order mark
        import tomllib  # noqa: PLC0415 - 3 ms that `status` pays only where Codex has settings

        return tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UserError(f"can't read `{file}`: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"`{file}` is not valid TOML: {error}") from error


def is_off(given: Mapping[str, Any]) -> bool:
    """Whether the settings keep Codex from running any hook."""
    features = given.get("features")
    return isinstance(features, dict) and features.get("hooks") is False


def of(file: Path, ours: Iterable[Handler], given: Mapping[str, Any]) -> list[Trust]:
    """What the settings remember of each of these handlers in that file."""
    hooks = given.get("hooks")
    states = hooks.get("state") if isinstance(hooks, dict) else None
    known = states if isinstance(states, dict) else {}
    return [_trust(each, known.get(_key(file, each))) for each in ours]


def _key(file: Path, each: Handler) -> str:
    return handlers.trust_key(str(file), each.event, each.group, each.number)


def _trust(each: Handler, state: object) -> Trust:
    remembered = state.get("trusted_hash") if isinstance(state, dict) else None
    if not isinstance(remembered, str):
        return Trust.UNSEEN
    wanted = handlers.trust_hash(each.event, dict(each.value), each.matcher or None)
    return Trust.TRUSTED if remembered == wanted else Trust.CHANGED
