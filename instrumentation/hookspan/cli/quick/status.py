"""The current state, with or without an agent, and what to do next."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from hookspan import hooktime
from hookspan.agent.status import ask
from hookspan.cli.terminal.text import printable, short, style
from hookspan.errors import EXIT_USER, UserError
from hookspan.folders import working_folder
from hookspan.paths import Paths
from hookspan.units import age, counted, money, size

if TYPE_CHECKING:
    from hookspan.setup.agents import Agents

WINDOWS: Final = {"five_hour": "5 hours", "seven_day": "7 days"}
COLOURS: Final = {"healthy": "green", "warning": "yellow", "critical": "red"}

CHILDREN: Final = {
    "waiting": "spans wait for their call",
    "too_many": "left out, since a call or all together had too many",
    "stranger": "left out, since no call ran their program",
    "unusable": "left out, since they say no parent or no time",
}
"""What became of programs' spans."""


def answer() -> tuple[str, int]:
    """The report, and 1 where it is bad."""
    report = gather(Paths.from_environment())
    return "\n".join(lines(report)), EXIT_USER if is_bad(report) else 0


def _variables() -> dict[str, str]:
    """Those of this shell that may set something."""
    return {
        name: value for name, value in os.environ.items() if name.startswith("HOOKSPAN_") and name != "HOOKSPAN_HOME"
    }


def _unheard(paths: Paths) -> list[dict[str, str]]:
    """Variables of this shell that no agent goes by."""
    if not _variables():
        return []
    from hookspan.agent import effective

    return [variable.as_dict() for variable in effective.ignored(paths, os.environ)]


def gather(paths: Paths) -> dict[str, Any]:
    """How things stand, with what is installed: the agent can't know the folder and the variables of a shell."""
    status = ask(paths, _variables())
    from hookspan.setup.agents import look  # not before: to import it takes 10 ms, in which the agent answers

    agents = look(paths, folder=working_folder())
    ours = bool(agents.names)
    told = status()
    if "settings_problem" not in told:  # one that runs says itself by what it goes on
        told["settings_problem"] = _settings_problem(paths)
    if "unheard" not in told:
        told["unheard"] = _unheard(paths)
    if "quota" not in told:
        told |= _attention(paths)
    return told | {
        "installed": ours,
        "installation": {
            "where": agents.where,
            "status_line": ", ".join(agents.claude_code.status_lines),
            "problems": [
                {"message": one.what, "todo": one.todo, "broken": one.broken, "mends": one.mends}
                for one in agents.problems
            ],
            "wanted": agents.wanted,
            "next": None if ours else _elsewhere(agents),
        },
    }


def _elsewhere(agents: Agents) -> str:
    """What to do where no hook records here: look where they do, or install."""
    from hookspan.setup import places

    installation = agents.claude_code
    others = filter(None, map(installation.place, installation.elsewhere))
    place = next(iter(others), None)
    return agents.install.replace("`", "") if place is None else places.call(place, installation.env)


def _attention(paths: Paths) -> dict[str, list[dict[str, Any]]]:
    """What the store says without an agent; nothing where there is none."""
    if not paths.store.exists():
        return {"quota": [], "alarms": []}
    from hookspan.agent import attention  # where there is something to read: it takes longer than all else here
    from hookspan.store import Reader

    return attention.of(Reader(paths))


def _settings_problem(paths: Paths) -> str | None:
    """What keeps an agent from starting."""
    from hookspan.config import load

    try:
        load(paths)
    except UserError as error:
        return error.message
    return None


def is_bad(report: Mapping[str, Any]) -> bool:
    """Whether the status is a reason to exit 1."""
    health = report.get("health") or {}
    lost = any(time.time() - drop["last"] < 86_400 for drop in report.get("drops", {}).values())  # noqa: PLR2004 - a day
    if not report["journal"].get("writable", True) or _is_broken(report):
        return True
    return health.get("status") == "critical" or report["agent"].get("state") == "unresponsive" or lost


def _is_broken(report: Mapping[str, Any]) -> bool:
    """Whether hooks are there that don't record, or are to be there."""
    installation = report["installation"]
    expected = report["installed"] or installation["wanted"]
    return bool(expected) and any(problem["broken"] for problem in installation["problems"])


def _is_mended_by_install(report: Mapping[str, Any]) -> bool:
    return all(problem["mends"] for problem in report["installation"]["problems"] if problem["broken"])


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """The report, line by line."""
    yield from _agent(report)
    for variable in report.get("unheard", ()):
        yield _row("settings", style(f"{variable['message']} -> {variable['todo']}", "yellow"))
    yield from _journal(report)
    yield from _store(report)
    yield from _export(report)
    yield from _receive(report)
    yield from _notify(report)
    yield from _hooks(report)
    yield from _quotas(report)
    yield from _watchdog(report)
    yield from _installed(report)
    yield from _drops(report)
    yield from _health(report)
    yield f"\nnext: {next_step(report)}"


def next_step(report: Mapping[str, Any]) -> str:
    """The command that comes next."""
    state = report["agent"].get("state")
    is_broken = _is_broken(report)
    if not report["installed"] and not (is_broken and not _is_mended_by_install(report)):
        return str(report["installation"]["next"])
    if is_broken:
        return "hookspan doctor"
    if state in (by_state := {"unresponsive": "restart", "starting": "status", "down": "up"}):
        return f"hookspan {by_state[state]}"
    if is_bad(report) or report.get("settings_problem"):
        return "hookspan doctor"
    page = report.get("settings", {}).get("dashboard.enabled", {})
    return "hookspan open" if page.get("value", True) else "hookspan sessions"


def _agent(report: Mapping[str, Any]) -> Iterator[str]:
    agent = report["agent"]
    state = agent.get("state")
    if state == "not running":
        yield _row("agent", "not running; the next hook starts it")
    elif state == "down":
        yield _row("agent", "stopped by `hookspan down`; hooks keep recording")
    elif state == "starting":
        yield _row("agent", "is starting")
    elif state == "unresponsive":
        yield _row("agent", style(f"does not answer (pid {agent.get('pid', '?')}): {agent['problem']}", "red"))
    else:
        since = age(time.time() - agent["started"])
        until = "stays" if agent["stay"] else "exits when idle"
        yield _row("agent", f"{state} for {since} (pid {agent['pid']}, version {agent['version']}; {until})")
        if agent.get("url"):
            yield _row("page", agent["url"])
    if problem := report.get("settings_problem"):
        yield _row("settings", style(problem, "yellow"))


def _journal(report: Mapping[str, Any]) -> Iterator[str]:
    journal, ingest = report["journal"], report.get("ingest")
    text = f"{size(journal['bytes'])} in {counted(journal['segments'] + bool(journal['current_bytes']), 'files')}"
    if journal["strays"]:
        text += f", {counted(journal['strays'], 'strays')}"
    if not journal.get("writable", True):
        text += style(", CAN'T BE WRITTEN: hooks lose their events", "red")
    if ingest is not None:
        behind = ingest["behind_seconds"]
        text += (
            f", read{' from its beginning' if ingest.get('whole') else ''} to its end"
            if not behind
            else f", {behind:.1f} s behind ({size(ingest['backlog_bytes'])} to read)"
        )
        if ingest["quarantined"]:
            text += f", {counted(ingest['quarantined'], 'lines')} set aside"
        if behind and ingest["last_failure"]:
            text += style(f", FAILING: {ingest['last_failure']}", "red")
        if ingest["hold"]:
            text += style(f", WAITING: {ingest['hold']['reason']}", "red")
    yield _row("journal", text)
    if ingest is not None:
        yield from (_row("", style(line, "yellow")) for line in _mended(ingest))


def _mended(ingest: Mapping[str, Any]) -> Iterator[str]:
    """What the agent found damaged in the journal since its start, and what it did about it."""
    if ingest.get("restarts"):
        yield "was cut, replaced or deleted: what may be new was read again"
    if damaged := ingest.get("damaged_segments"):
        yield f"packed segments that are damaged: {damaged}; what comes before the damage was read"


def _store(report: Mapping[str, Any]) -> Iterator[str]:
    store = report["store"]
    text = size(store["bytes"])
    if "problem" in store:
        text += style(f", can't be read: {store['problem']}", "red")
    elif "events" in store:
        text += "".join(f", {counted(store[what], what)}" for what in ("events", "spans", "sessions"))
    yield _row("store", text)
    if mended := (report.get("ingest") or {}).get("mended"):
        aside = f"; the old one is `{mended['aside']}`" if mended["aside"] else ""
        yield _row("", style(f"{mended['text']}{aside}", "yellow"))


def _export(report: Mapping[str, Any]) -> Iterator[str]:
    if "export" not in report:
        return
    export = report["export"]
    if export is None:
        yield _row("export", f"off ({report.get('export_off', 'why, an older agent does not say')})")
        return
    if "problem" in export:
        yield _row("export", style(f"is not known: {export['problem']}", "red"))
        return
    text = f"{export['endpoint']}: {counted(export['exported'], 'spans')} out, {export['queue']:,} waiting"
    also = {"refused": "refused", "sampled_out": "sampled out", "held": "held until their turns end"}
    text += "".join(f", {export[name]:,} {word}" for name, word in also.items() if export[name])
    if export["state"] == "off":
        text = f"{export['endpoint']}: metrics only"
    else:
        text += {"off": "; no metrics", "refused": "; metrics are refused"}.get(export["metrics"]["state"], "")
    yield _row("export", text)
    if logs := export["logs"]:
        text = f"{counted(logs['exported'], 'log records')} out, {logs['queue']:,} waiting"
        text += "".join(f", {logs[name]:,} {name}" for name in ("rejected", "refused", "expired") if logs[name])
        yield _row("", text)
        if logs["last_error"]:
            yield _row("", style(str(logs["last_error"]), "yellow"))
    if export.get("cursor_lost"):
        yield _row("", style("export.db was damaged; what was sent is not known, so a day is sent again", "yellow"))
    if renewed := export.get("renewed"):
        text = f"export.db was damaged ({renewed}), was written again; what was sent is known"
        yield _row("", style(text, "yellow"))
    if export.get("last_error"):
        yield _row("", style(str(export["last_error"]), "yellow"))


def _receive(report: Mapping[str, Any]) -> Iterator[str]:
    if (receive := report.get("receive")) is None:
        return
    if receive["problem"]:
        yield _row("receive", style(receive["problem"], "red"))
        return
    queues = receive["forwarding"].values()
    text = f"{receive['url']}: {counted(sum(receive['taken'].values()), 'requests')} in"
    text += f", {counted(sum(queue['forwarded'] for queue in queues), 'requests')} forwarded"
    text += f", {size(sum(queue['waiting_bytes'] for queue in queues))} waiting"
    also = {name: sum(queue[name] for queue in queues) for name in ("rejected", "refused", "expired", "dropped")}
    yield _row("receive", text + "".join(f", {count:,} {name}" for name, count in also.items() if count))
    for error in dict.fromkeys(queue["last_error"] for queue in queues if queue["last_error"]):
        yield _row("", style(str(error), "yellow"))
    if children := receive.get("children"):
        ports = ", ".join(map(str, filter(None, [*receive["ports"][1:], receive["grpc_port"]])))
        counts = "".join(f", {count:,} {words}" for name, words in CHILDREN.items() if (count := children.get(name)))
        yield _row("", f"programs send to {ports or 'no default port: others have them'}{counts}")


def _hooks(report: Mapping[str, Any]) -> Iterator[str]:
    if hooks := report.get("hooks"):
        yield _row("hooks", hooktime.describe(hooks))


def _quotas(report: Mapping[str, Any]) -> Iterator[str]:
    for number, quota in enumerate(report["quota"]):
        resets, words = quota["resets_at"], [f"{WINDOWS[quota['window']]}: {quota['used']:.0%} used"]
        if quota["too_soon"]:
            full = style(f"full at {_clock(quota['full_at'])} at this pace", "yellow")
            words.append(f"{full}, before it begins anew at {_clock(resets)}")
        else:
            words.append(f"begins anew at {_clock(resets)}")
        if sessions := quota["sessions"]:
            words.append(", ".join(f"{short(session)} {share:.0%}" for session, share in sessions.items()))
        yield _row("" if number else "quota", "; ".join(words))


def _clock(at: float) -> str:
    """The time of day, with the date where it is another day's."""
    import datetime as dt

    moment = dt.datetime.fromtimestamp(at).astimezone()
    return f"{moment:%H:%M}" if moment.date() == dt.datetime.now().astimezone().date() else f"{moment:%d %b %H:%M}"


def _watchdog(report: Mapping[str, Any]) -> Iterator[str]:
    if not report["alarms"]:
        return
    from hookspan.catalogue.appearance import ALARMS

    for number, alarm in enumerate(report["alarms"]):
        what = f"{short(alarm['session'])} ({printable(alarm['project'])}) {ALARMS.get(alarm['kind'], alarm['kind'])}"
        spent = f", {money(alarm['cost'])}" if alarm["cost"] else ""
        text = f"{what}: {counted(alarm['calls'], 'calls')} in {age(time.time() - alarm['since'])}{spent}"
        yield _row("" if number else "watchdog", style(text, "yellow"))


def _installed(report: Mapping[str, Any]) -> Iterator[str]:
    installation = report["installation"]
    if where := installation["where"]:
        yield _row("installed", f"in {where}")
    if line := installation.get("status_line"):
        yield _row("", f"the status line of {line} goes through hookspan")
    for number, problem in enumerate(installation["problems"]):
        text = style(problem["message"], "red" if problem["broken"] else "yellow")
        yield _row("" if where or number else "installed", f"{text} -> {problem['todo']}")


def _notify(report: Mapping[str, Any]) -> Iterator[str]:
    if problem := (report.get("notify") or {}).get("problem"):
        yield _row("notify", style(problem, "yellow"))


def _drops(report: Mapping[str, Any]) -> Iterator[str]:
    for reason, drop in report["drops"].items():
        ago = age(time.time() - drop["last"])
        yield _row("lost", style(f"{counted(round(drop['count']), 'events')} ({reason}), the last {ago} ago", "red"))


def _health(report: Mapping[str, Any]) -> Iterator[str]:
    health = report.get("health")
    if not health:
        return
    yield _row("health", style(health["status"], COLOURS.get(health["status"])))
    for name, check in health["checks"].items():
        if check["status"] != "healthy" and name != "installation":  # as seen from here it is told above
            yield _row("", f"{name}: {check['message']}" + (f" -> {check['todo']}" if check["todo"] else ""))


def _row(name: str, text: str) -> str:
    return f"{name:<10}{text}"


def bare() -> str:
    """What `hookspan` alone says: the state in a line, and the next command."""
    report = gather(Paths.from_environment())
    state = report["agent"].get("state")
    if not report["installed"]:
        text = "\n".join(problem["message"] for problem in report["installation"]["problems"])
        text = f"hookspan is not installed here: {text}."
    elif _is_broken(report):
        broken = [problem["message"] for problem in report["installation"]["problems"] if problem["broken"]]
        text = f"hookspan is installed, but not everything is recorded: {'; '.join(broken)}."
    elif state in {"not running", "down"}:
        text = f"hookspan is installed; the agent is {state}. Hooks are recorded in the meantime."
    elif state == "starting":
        text = "The agent is starting."
    elif state == "unresponsive":
        text = f"The agent does not answer: {report['agent']['problem']}."
    else:
        health = (report.get("health") or {}).get("status", "not checked yet")
        text = f"hookspan is {state} (pid {report['agent']['pid']}), health: {health}."
        events = counted(report["store"].get("events", 0), "events")
        text += f"\n{events}, {counted(report['ingest']['open_sessions'], 'open sessions')}."
    return f"{text}\n\nnext: {next_step(report)}\nall commands: hookspan --help"
