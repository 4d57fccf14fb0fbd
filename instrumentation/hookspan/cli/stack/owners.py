"""Whose token it is decides what the gateway says of its sender: `owners.yaml`, made from the file of tokens.

Tokens are told apart by their SHA-256, so that the file holds no secret.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import unquote

from hookspan.errors import UserError

_HEAD: Final = """\
# Whose token it is decides about these attributes, whatever the sender says: no team can send as another. A token is
# known by the SHA-256 of its header. `hookspan stack owners TOKENS` prints this file from the file of tokens.

processors:
  transform/owners:
    error_mode: propagate  # what can't be told is refused
"""
_SENT: Final = 'resource.cache["sent"]'
_HEADER: Final = 'otelcol.client.metadata["authorization"]'
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_BETWEEN: Final = re.compile(r"[_.-]+")


def read(text: str) -> dict[str, dict[str, str]]:
    """A file of tokens, one a line: by token what it says of whose it is (`team=cart`); other words are a comment."""
    owners: dict[str, dict[str, str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not (words := line.split()):
            continue
        pairs = [word.partition("=") for word in words[1:] if "=" in word]
        owner = {name: unquote(value) for name, _, value in pairs}
        if wrong := [
            name for name, value in owner.items() if not (_NAME.fullmatch(name) and value and value.isprintable())
        ]:
            raise UserError(f"line {number}: `{wrong[0]}` can't be an attribute", hint="such as `team=cart`")
        if words[0] in owners:
            raise UserError(f"line {number}: its token stands in another line, too")
        owners[words[0]] = owner
    return owners


def for_gateway(owners: dict[str, dict[str, str]]) -> str:
    """What is merged over the configuration of the gateways."""
    names = sorted({name for owner in owners.values() for name in owner})
    if not names:
        return _HEAD
    resource = [*_removed("resource", names), f"set({_SENT}, SHA256({_HEADER}[0])) where {_HEADER} != nil"]
    for token, owner in owners.items():
        digest = hashlib.sha256(f"Bearer {token}".encode()).hexdigest()
        resource += [
            f'set(resource.attributes["{name}"], {json.dumps(value, ensure_ascii=False)}) where {_SENT} == "{digest}"'
            for name, value in owner.items()
        ]
    lines: list[str] = []
    for signal, part in (("trace", "span"), ("metric", "datapoint"), ("log", "log")):
        lines += [
            f"    {signal}_statements:\n",
            *_statements("resource", resource),
            *_statements(part, _removed(part, names)),
        ]
    return _HEAD + "".join(lines)


def _removed(context: str, names: Iterable[str]) -> Iterator[str]:
    """No sender says it, neither twice nor under a name that a store of metrics takes for the same."""
    for name in names:
        parts = _BETWEEN.split(name)
        pattern = f"^{'[^A-Za-z0-9]+'.join(parts)}$"
        seldom = f' where {context}.attributes["{name}"] != nil' if len(parts) == 1 else ""  # spares the pattern
        yield f'delete_matching_keys({context}.attributes, "{pattern}"){seldom}'


def _statements(context: str, statements: Iterable[str]) -> Iterator[str]:
    yield f"      - context: {context}\n        statements:\n"
    for statement in statements:
        quoted = statement.replace("'", "''").replace(
            "$", "$$"
        )  # for YAML; for the Collector, whose variables have a $
        yield f"          - '{quoted}'\n"
