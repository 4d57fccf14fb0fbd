"""`hookspan doctor`: what is wrong, why that matters, and what to do about it; `doctor/checks` has what it looks at."""

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
from hookspan.cli.doctor.context import Context
from hookspan.cli.doctor.result import Result
from hookspan.cli.terminal.options import JSON
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
@JSON
@click.option("--fix", is_flag=True, help="Make the fixes that are safe; each is shown, and asks first.")
@click.option("--yes", is_flag=True, help="With --fix: don't ask.")
@click.option(
    "--report", "make_report", is_flag=True, help="Write a report to attach to an issue, without secrets or content."
)
@click.option("--end-to-end", is_flag=True, help="Send a test session through the hook and look for it everywhere.")
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
    """Find what is wrong and say how to fix it.

    Exits 1 when something is broken. If an endpoint is set, one test span goes there, marked as synthetic;
    --end-to-end sends a whole session.
    """
    context = Context(Paths.from_environment(), jaeger=jaeger)
    results = list(_run_checks(context, quiet=as_json))
    fixed: list[str] = []
    if fix:
        fixed = list(_fix(results, yes=yes, quiet=as_json))
        if fixed:
            if not as_json:
                click.echo("\nOnce more:")
            context = Context(context.paths, jaeger=jaeger)
            results = list(_run_checks(context, quiet=as_json))
    steps = list(_end_to_end(context, prometheus, quiet=as_json)) if end_to_end else []
    ok = all(result.status != Status.CRITICAL for _, result in results) and all(step["found"] for step in steps)
    answer: dict[str, Any] = {"ok": ok, "checks": [{"check": name, **result.as_dict()} for name, result in results]}
    answer |= {"fixed": fixed} if fix else {}
    answer |= {"end_to_end": steps} if end_to_end else {}
    answer |= {"report": _write_report(context, results)} if make_report else {}
    if as_json:
        click.echo(json.dumps(answer))
    else:
        fixable = not fix and any(result.fix for _, result in results)
        _summarize(results, ok=ok, report=answer.get("report"), fixable=fixable)
    if not ok:
        ctx.exit(EXIT_USER)


def _write_report(context: Context, results: Sequence[tuple[str, Result]]) -> str:
    from hookspan.cli.doctor import report

    return str(report.write_state(context, results))


def _summarize(results: Sequence[tuple[str, Result]], *, ok: bool, report: str | None, fixable: bool) -> None:
    warnings = sum(result.status is not Status.HEALTHY for _, result in results)
    if not ok:
        click.echo("\nSomething is broken: see FAIL above.")
    elif warnings:
        click.echo(f"\nNothing is broken; {counted(warnings, 'warnings')} above.")
    else:
        click.echo("\nEverything is healthy.")
    if report:
        click.echo(f"The report is in `{report}`. Read it, then attach it to an issue.")
    if fixable:
        click.echo("`hookspan doctor --fix` offers to do what is safe.")


def _run_checks(context: Context, *, quiet: bool) -> Iterator[tuple[str, Result]]:
    for name, result in checks.run(context):
        if not quiet:
            _show(name, result)
        yield name, result


def _fix(results: Sequence[tuple[str, Result]], *, yes: bool, quiet: bool) -> Iterator[str]:
    """Show each fix, ask, do it; what was done. Two results may have the same one."""
    fixes = {result.fix.what: result.fix for _, result in results if result.fix is not None}
    if fixes and not yes and not sys.stdin.isatty():
        raise UserError("there is no terminal to ask on; nothing was changed", hint="use `--fix --yes`")
    for what, fix in fixes.items():
        text = f"fix: {printable(what)}"
        if yes:
            click.echo(text, err=quiet)
        elif not click.confirm(f"{text}\nDo it?", err=quiet):
            continue
        try:
            with contextlib.redirect_stdout(sys.stderr if quiet else sys.stdout):  # JSON stays JSON
                fix.do()
        except (UserError, OSError) as error:
            click.echo(f"this failed: {printable(getattr(error, 'message', error))}", err=quiet)
            continue
        yield what


def _end_to_end(context: Context, prometheus: str | None, *, quiet: bool) -> Iterator[dict[str, Any]]:
    from hookspan.cli.doctor.end_to_end import Step, run

    settings, commands = context.settings, context.agents.run
    steps: Sequence[Step] | Iterator[Step]
    if commands:
        jaeger = context.jaeger or settings.links.jaeger
        steps = run(context.paths, settings, commands[0], jaeger=jaeger, prometheus=prometheus)
    else:
        steps = [Step("hook", False, 0.0, "none of hookspan's hooks records here", context.agents.install)]
    for step in steps:
        message = f"{'found' if step.found else 'NOT FOUND'} after {step.seconds:.2f} s: {step.message}"
        if not quiet:
            status = Status.HEALTHY if step.found else Status.CRITICAL
            _show(step.name, Result(status, message, todo=step.hint))
        yield asdict(step)


def _show(name: str, result: Result) -> None:
    """One line for what is well; else why and what to do under it."""
    word, colour = SYMBOLS[result.status]
    click.echo(f"{click.style(f'{word:<5}', fg=colour)}{name:<14}{printable(result.message)}")
    if result.status is Status.HEALTHY:
        return
    if result.why:
        click.echo(f"{INDENT}why: {printable(result.why)}")
    if result.todo:
        click.echo(f"{INDENT}-> {printable(result.todo)}")
