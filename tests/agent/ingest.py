"""A state folder that holds recorded sessions: journal and store as an agent would have left them."""

from collections.abc import Iterable, Sequence

from hookspan.agent.ingest import Ingest
from hookspan.agent.key import read_key
from hookspan.agent.settings import AgentSettings
from hookspan.agent.sockets import Poke
from hookspan.clients.decode import decode
from hookspan.journal import Writer
from hookspan.paths import Paths
from hookspan.wire.facts import Observed


def take_in(paths: Paths, lines: Sequence[bytes]) -> None:
    """Append lines to the journal and read it to its end, as the agent does."""
    paths.create()
    Writer(paths).append(lines)
    drain(paths)


def drain(paths: Paths) -> None:
    poke = Poke(paths.poke_socket)
    ingest = Ingest(paths, AgentSettings(paths, None), poke, read_key(paths))
    assert ingest.drain(float("inf"))
    assert not ingest.loop.failures
    ingest.close()
    poke.close()


def without_facts(lines: Iterable[bytes]) -> list[bytes]:
    return [line for line in lines if not isinstance(decode(line, b""), Observed)]
