"""Whether an installed relay is this version's, by what it was made from, and has all that it needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from hookspan import assets
from hookspan.paths import Paths

from .problem import Area, Problem

C_SOURCES: Final = ("libc.c", "relay.c")  # small variables first, so that they share a page
"""The files in `hooks` that the compiled relay is made from, in the order in which they are linked."""

PYTHON_SOURCES: Final = ("main.py", "relay.py")
"""The relay in Python: what starts it, and itself."""


def source_of(relay: Path) -> bytes:
    """What this version makes such a relay from."""
    sources = PYTHON_SOURCES if relay.suffix == ".py" else C_SOURCES
    return b"".join((assets.root() / "hooks" / name).read_bytes() for name in sources)


def is_newest(paths: Paths, relay: Path) -> bool:
    """Whether an installed relay is this version's; an older hookspan did not note what its own was made from."""
    try:
        return paths.relay_source.read_bytes() == source_of(relay)
    except FileNotFoundError:
        return False


def old(paths: Paths, relays: Iterable[Path], todo: str, area: Area = Area.HOOKS) -> Iterator[Problem]:
    """Those of the relays that hooks run which another version installed; `todo`: what installs this one's."""
    for relay in sorted(relays):
        if relay.parent == paths.bin and not is_newest(paths, relay):
            what, why = f"`{relay}` is another version's", "it may not record everything that this version reads"
            yield Problem(area, what, why, todo, broken=False, mends=True)


def incomplete(paths: Paths, todo: str) -> Iterator[Problem]:
    """What the relay needs beside the journal and lacks."""
    missing = [path for path in (paths.relay_conf, paths.heartbeat, paths.drops) if not path.exists()]
    if missing:
        what = f"{', '.join(f'`{path.name}`' for path in missing)} missing in `{paths.state}`"
        why = "without `relay.conf` no hook starts an agent; without the others lost events are not counted"
        yield Problem(Area.STARTER, what, why, todo, broken=paths.relay_conf in missing, mends=True)
