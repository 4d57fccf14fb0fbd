"""Whose process is at the other end of a loopback connection, according to Linux.

It closes two holes that a secret alone leaves open on a machine with several users: a one-time address stands in the
browser's command line, which all of them see; and a browser sends its cookie to every port of 127.0.0.1, so to other
users' servers, too.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
import threading
import time
from collections import OrderedDict
from typing import Final

KEPT: Final = 256
FRESH: Final = 5.0  # seconds that an answer is used again: a page asks many times over one connection

GONE: Final = -1
"""Nobody has the other end any more: whoever had it may have closed it at once, so as not to be found."""
TRIES: Final = 2  # a table that changes while it is read may leave out a row

Address = tuple[str, int]


class Peers:
    """Thread-safe. Where the system doesn't tell (not Linux, not loopback, another network) nobody is a stranger."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[Address, Address], tuple[float, bool]] = OrderedDict()

    def is_stranger(self, client: Address, server: Address) -> bool:
        """Whether the connection is from another user; root and the agent's own user are not strangers."""
        if not sys.platform.startswith("linux") or not _is_loopback(client[0]):
            return False
        key = (client, server)
        with self._lock:
            at, strange = self._known.get(key, (0.0, False))
            if at and time.monotonic() - at < FRESH:
                return strange
        uid = owner(client, server)
        strange = uid not in {None, GONE, 0, os.geteuid()}
        with self._lock:
            self._known[key] = (time.monotonic(), strange)
            self._known.move_to_end(key)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return strange


def is_ours(client: Address, server: Address) -> bool:
    """Whether a connection that was just made is from this user, or root: for a server that asks for no secret.

    Unlike a stranger's, one that nobody has any more is not: what came over it may be anybody's.
    """
    if not sys.platform.startswith("linux"):
        return True
    return any(owner(client, server) in {None, 0, os.geteuid()} for _ in range(TRIES))


def owner(client: Address, server: Address) -> int | None:
    """The user id of the process that opened the connection from `client` to `server`.

    GONE if the connection is not there, or is nobody's any more; None if the system doesn't tell.
    """
    told = [_owner(table, ends) for table, ends in _places(client, server)]
    return next((uid for uid in told if uid not in {None, GONE}), GONE if GONE in told else None)


def _places(client: Address, server: Address) -> list[tuple[str, list[str]]]:
    """In which tables a connection may be, and as what: one over IPv4 may be a socket's of IPv6 (Java, gRPC)."""
    if ":" in client[0]:
        return [("/proc/net/tcp6", [_hexadecimal(client), _hexadecimal(server)])]
    mapped = [_hexadecimal((f"::ffff:{host}", port)) for host, port in (client, server)]
    return [("/proc/net/tcp", [_hexadecimal(client), _hexadecimal(server)]), ("/proc/net/tcp6", mapped)]


def _owner(table: str, ends: list[str]) -> int | None:
    try:
        with open(table, encoding="ascii") as file:  # noqa: PTH123 - a few thousand short lines
            for line in file:
                fields = line.split(maxsplit=10)
                if fields[1:3] == ends:
                    return int(fields[7]) if int(fields[9]) else GONE  # without an inode the user id says nothing
    except (OSError, ValueError, IndexError):
        return None
    return GONE


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _hexadecimal(address: Address) -> str:
    """As the kernel's table has it: 32-bit words in the machine's byte order, and the port."""
    host = address[0].partition("%")[0]
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    words = (packed[at : at + 4] for at in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{address[1]:04X}"
