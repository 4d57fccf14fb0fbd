"""The agent's parts and how they are wired: in the order in which they are made, each with what it works with."""

from __future__ import annotations

from hookspan.agent import health
from hookspan.agent.control import Control
from hookspan.agent.exports import Exports
from hookspan.agent.gauges import Gauges
from hookspan.agent.health import checks
from hookspan.agent.ingest import Feed, Ingest, Watermark
from hookspan.agent.keeping import Keeping
from hookspan.agent.key import read_key
from hookspan.agent.lifecycle import Lifecycle
from hookspan.agent.lines import StatusLines
from hookspan.agent.loop import Loop
from hookspan.agent.notify import Notifier
from hookspan.agent.operations import Operations
from hookspan.agent.page import Page
from hookspan.agent.receiving import Receiving
from hookspan.agent.settings import AgentSettings, environment
from hookspan.agent.sockets import Poke
from hookspan.agent.staying import Staying
from hookspan.config import Settings
from hookspan.paths import Paths
from hookspan.record import Record
from hookspan.setup import relay
from hookspan.store import Reader


class Parts(Record):
    """What an agent is made of; `loops` are all of its threads that go on."""

    settings: AgentSettings
    poke: Poke
    ingest: Ingest
    reader: Reader
    notifier: Notifier
    page: Page
    exports: Exports
    receiving: Receiving
    keeping: Keeping
    staying: Staying
    monitor: health.Monitor
    control: Loop
    loops: list[Loop]


def make(paths: Paths, lifecycle: Lifecycle, *, port: int) -> Parts:
    """Make all parts of an agent that has the lock; none is started. `port`: where the page was before, 0 for none."""
    settings = AgentSettings(paths, environment(stay=lifecycle.stay), lifecycle.wake)
    poke = Poke(paths.poke_socket)
    feed, watermark, history = Feed(), Watermark(), health.History()
    loops: list[Loop] = []

    ingest = Ingest(
        paths,
        settings,
        poke,
        read_key(paths),
        feed=feed,
        watermark=watermark,
        is_vanishing=lifecycle.is_vanishing,
    )
    reader = Reader(paths, damaged=ingest.damage_met)
    keeping = Keeping(paths, settings, reader, lifecycle.is_vanishing, ingest.progress.behind)
    staying = Staying(paths, settings, reader, ingest.state.trees, lifecycle.is_vanishing)
    notifier = Notifier(settings, reader)
    page = Page(
        paths, settings, ingest, keeping, status=lambda: operations.status({}), rounds=history.newest, port=port
    )
    gauges = Gauges(
        paths,
        ingest,
        reader,
        history,
        loops,
        page,
        exports=lambda: exports.stats(),  # noqa: PLW0108 - it is made below, of these
    )
    exports = Exports(paths, settings, gauges, watermark=watermark, damaged=ingest.damage_met)
    receiving = Receiving(paths, settings, poke.wake)
    monitor = health.Monitor(
        checks.of(checks.Inspected(paths, settings, ingest, reader, exports, page, receiving)),
        history,
        on_change=notifier.health_changed,
        interval=lambda: settings.now.monitor.interval,
    )
    operations = Operations(
        paths,
        lifecycle,
        settings,
        ingest=ingest,
        reader=reader,
        notifier=notifier,
        page=page,
        exports=exports,
        receiving=receiving,
        history=history,
        loops=loops,
    )
    control = Control(paths.control_socket, operations.by_name(), operations.about)
    control_loop = Loop("control", control.accept, wake=control.close)
    loops += [ingest.loop, control_loop, monitor.loop, ingest.upkeep.loop, notifier.loop, keeping.loop]
    loops.append(staying.loop)

    feed.opened += [reader.close, exports.store_opened, page.store_opened]  # a reader may hold what was set aside
    feed.committed += [StatusLines(paths, reader).committed, exports.committed, page.committed, notifier.committed]
    feed.committed.append(keeping.committed)
    feed.every_second.append(lambda: exports.look_after_db(lifecycle.is_vanishing))
    settings.subscribers += [
        ingest.settings_changed,
        exports.settings_changed,
        receiving.settings_changed,
        notifier.settings_changed,
        keeping.settings_changed,
        staying.settings_changed,
        page.settings_changed,
        lambda: _update_relay(paths, settings.now),
    ]
    return Parts(
        settings,
        poke,
        ingest,
        reader,
        notifier,
        page,
        exports,
        receiving,
        keeping,
        staying,
        monitor,
        control_loop,
        loops,
    )


def _update_relay(paths: Paths, settings: Settings) -> None:
    """Write what relays go by, where something is installed."""
    if paths.relay_conf.exists():
        relay.write_conf(paths, settings)
