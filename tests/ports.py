"""Ports of this machine that are free, and stay so."""

import itertools
import os
import random
import socket
import weakref

from hookspan.paths import Paths
from hookspan.web.address import PORT_FILE

FIRST, LAST = 20_000, 32_000  # below what the kernel takes for outgoing connections, 32768 and more on Linux
WORKERS = 16  # of the test runner at most, the last of them also who is none

EACH = (LAST - FIRST) // WORKERS
_OWN = FIRST + EACH * (int(os.environ.get("PYTEST_XDIST_WORKER", f"gw{WORKERS - 1}")[2:]) % WORKERS)
_BEGIN = random.SystemRandom().randrange(EACH)
_TURN = itertools.cycle([*range(_OWN + _BEGIN, _OWN + EACH), *range(_OWN, _OWN + _BEGIN)])


class Ports(dict[str, int]):
    """A free loopback port by any name, kept from all other tests of this machine for as long as this is there.

    A port must still be free when a killed program is started again, and when one starts long after its port was
    chosen. A socket without a file, named after the port, is what no other process can have then.

    A port that was given back is given out again as late as can be, each worker of the test runner having ports of its
    own: something of the test before may still send to it.
    """

    def __missing__(self, name: str) -> int:
        for port in itertools.islice(_TURN, EACH):
            if (held := _held(port)) is not None:
                weakref.finalize(self, held.close)
                self[name] = port
                return port
        raise RuntimeError(f"no free port of the {EACH} from {_OWN}")


def as_before(paths: Paths) -> Ports:
    """What an agent that may take any port takes, as if it had had it before: none else gets it while it is down."""
    ports = Ports()
    paths.create()
    for file in (paths.state / PORT_FILE, paths.receive_port):
        file.write_text(f"{ports[file.name]}\n")
    return ports


def _held(port: int) -> socket.socket | None:
    """What keeps the port from others; None if somebody has it."""
    held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        held.bind(f"\0hookspan-test-port-{port}")
        with socket.socket() as probe:
            # A process that another thread is just starting has the probe, too, until it runs its program.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError:
        held.close()
        return None
    return held
