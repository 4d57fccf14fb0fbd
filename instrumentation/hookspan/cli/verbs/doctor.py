"""`hookspan doctor`: what is wrong, why that matters, and what to do about it; `cli/checks` has what it looks at."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

import click

from hookspan.agent.health import Status
from hookspan.cli.doctor import checks
from hookspan.cli.doctor.checks import Found, Place
from hookspan.cli.terminal.text import printable
from hookspan.errors import EXIT_USER, UserError
from hookspan.paths import Paths
from hookspan.units import counted

SYMBOLS: Final = {
    Status.HEALTHY: ("ok", "green"),
    Status.WARNING: ("warn", "yellow"),
    Status.UNKNOWN: ("?", "yellow"),
    Status.CRITICAL: ("FAIL", "red"),
}
INDENT: Final = " " * 19


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--fix", is_flag=True, help="Do what is safe to do, each after showing it and asking.")
@click.option("--yes", is_flag=True, help="With --fix: don't ask.")
@click.option("--report", "make_report", is_flag=True, help="Write a report without secrets or content, to attach.")
@click.option("--end-to-end", is_flag=True, help="Send a marked session through the hook and look for it everywhere.")
@click.option("--jaeger", metavar="URL", help="Where to look for the spans; default: `links.jaeger`.")
@click.option("--prometheus", metavar="URL", help="With --end-to-end: where to look for the counters.")
@click.pass_context
def doctor(
    ctx: click.Context,
    as_json: bool,
    fix: bool,
    yes: bool,
    make_report: bool,
    end_to_end: bool,
    jaeger: str | None,
    prometheus: str | None,
) -> None:
    """Find what is wrong and say how to mend it.

    Exits 1 when something is broken. Where an endpoint is set one test span goes there, marked as synthetic;
    --end-to-end sends a whole session.
    """
    place = Place(Paths.from_environment(), jaeger=jaeger)
    found = list(_looked(place, quiet=as_json))
    fixed: list[str] = []
    if fix:
        fixed = list(_fixed(found, yes=yes, quiet=as_json))
        if fixed:
            if not as_json:
                click.echo("\nOnce more:")
            place = Place(place.paths, jaeger=jaeger)
            found = list(_looked(place, quiet=as_json))
    steps = list(_end_to_end(place, prometheus, quiet=as_json)) if end_to_end else []
    ok = all(each.status != Status.CRITICAL for _, each in found) and all(step["found"] for step in steps)
    told: dict[str, Any] = {"ok": ok, "checks": [{"check": name, **each.report()} for name, each in found]}
    told |= {"fixed": fixed} if fix else {}
    told |= {"end_to_end": steps} if end_to_end else {}
    told |= {"report": _reported(place, found)} if make_report else {}
    if as_json:
        click.echo(json.dumps(told))
    else:
        _close(found, ok=ok, report=told.get("report"), fixable=not fix and any(each.fix for _, each in found))
    if not ok:
        ctx.exit(EXIT_USER)


def _reported(place: Place, found: Sequence[tuple[str, Found]]) -> str:
    from hookspan.cli.doctor import report

    return str(report.bundle(place, found))


def _close(found: Sequence[tuple[str, Found]], *, ok: bool, report: str | None, fixable: bool) -> None:
    warnings = sum(each.status is not Status.HEALTHY for _, each in found)
    if not ok:
        click.echo("\nSomething is broken: see FAIL above.")
    elif warnings:
        click.echo(f"\nNothing is broken; {counted(warnings, 'warnings')} above.")
    else:
        click.echo("\nAll is well.")
    if report:
        click.echo(f"The report is in `{report}`. Read it, then attach it to an issue.")
    if fixable:
        click.echo("`hookspan doctor --fix` offers to do what is safe.")


def _looked(place: Place, *, quiet: bool) -> Iterator[tuple[str, Found]]:
    for name, found in checks.run(place):
        if not quiet:
            _show(name, found)
        yield name, found


def _fixed(found: Sequence[tuple[str, Found]], *, yes: bool, quiet: bool) -> Iterator[str]:
    """Show each fix, ask, do it; what was done. Two findings may have the same one."""
    fixes = {each.fix.what: each.fix for _, each in found if each.fix is not None}
    if fixes and not yes and not sys.stdin.isatty():
        raise UserError("there is no terminal to ask on; nothing was changed", hint="`--fix --yes` goes ahead")
    for what, each in fixes.items():
        text = f"fix: {printable(what)}"
        if yes:
            click.echo(text, err=quiet)
        elif not click.confirm(f"{text}\nDo it?", err=quiet):
            continue
        try:
            with contextlib.redirect_stdout(sys.stderr if quiet else sys.stdout):  # JSON stays JSON
                each.do()
        except (UserError, OSError) as error:
            click.echo(f"that failed: {printable(getattr(error, 'message', error))}", err=quiet)
            continue
        yield what


def _end_to_end(place: Place, prometheus: str | None, *, quiet: bool) -> Iterator[dict[str, Any]]:
    from hookspan.cli.doctor.end_to_end import Step, steps

    settings, commands = place.settings, place.installation.run
    found: Sequence[Step] | Iterator[Step]
    if commands:
        jaeger = place.jaeger or settings.links.jaeger
        found = steps(place.paths, settings, commands[0], jaeger=jaeger, prometheus=prometheus)
    else:
        found = [Step("hook", False, 0.0, "no hook of ours records here", "`hookspan install`")]
    for step in found:
        words = f"{'found' if step.found else 'NOT FOUND'} after {step.seconds:.2f} s: {step.message}"
        if not quiet:
            _show(step.name, Found(Status.HEALTHY if step.found else Status.CRITICAL, words, todo=step.hint))
        yield asdict(step)


def _show(name: str, found: Found) -> None:
    """One line for what is well; else why and what to do under it."""
    word, colour = SYMBOLS[found.status]
    click.echo(f"{click.style(f'{word:<5}', fg=colour)}{name:<14}{printable(found.message)}")
    if found.status is Status.HEALTHY:
        return
    if found.why:
        click.echo(f"{INDENT}why: {printable(found.why)}")
    if found.todo:
        click.echo(f"{INDENT}-> {printable(found.todo)}")
