"""The command itself: its help, how it finds a verb, and how it prints a failure.

A verb is imported when it is called and not before, so that `hookspan status` pays for neither OpenTelemetry nor the
web server.
"""

from __future__ import annotations

import sys
from typing import Any, Final, NoReturn

import click

from hookspan import __version__
from hookspan.cli import verbs
from hookspan.cli.terminal import output
from hookspan.cli.terminal.text import colour
from hookspan.errors import EXIT_BUG, EXIT_INTERRUPTED, EXIT_USAGE, EXIT_USER, UserError


class _Text(click.types.StringParamType):
    """A text on the command line, of bytes that need not be UTF-8; paths have another type."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """With U+FFFD in their place."""
        text = str(super().convert(value, param, ctx))
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


_TEXT: Final = _Text()


class LazyGroup(click.Group):
    """A group that knows its verbs' names and help lines without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The verbs in the order of the help page."""
        return list(verbs.NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the verb, and nothing else."""
        if cmd_name not in verbs.NAMES:
            return None
        command = verbs.load(cmd_name)
        for parameter in command.params:
            if parameter.type is click.STRING:
                parameter.type = _TEXT
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it; for an unknown verb the message names the most similar one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not near:
                raise
            raise click.UsageError(f"No such command '{args[0]}'. Did you mean '{near[0]}'?", ctx) from error

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """All of it on a screen of 24 lines: a line a verb, or for some, with the section at its left."""
        formatter.write(f"Usage: {ctx.command_path} [-h] [-V] VERB ...    {self.help}\n\n")
        for title, lines in verbs.SECTIONS.items():
            for number, (names, meaning) in enumerate(lines.items()):
                formatter.write(f"{title if not number else '':<8}{names:<26}{meaning}\n")


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", prog_name="hookspan", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """OpenTelemetry for coding agents."""
    if ctx.invoked_subcommand is None:
        from hookspan.cli.quick.status import bare

        click.echo(bare())


def main() -> NoReturn:
    """Run the command line and exit: 0 ok, 1 failed check or user's error, 2 usage, 3 bug, 130 interrupted."""
    try:
        result = cli.main(standalone_mode=False, prog_name="hookspan", color=colour())
        sys.stdout.flush()
    except UserError as error:
        show_error(error.message, error.hint)
        code = EXIT_USER
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True, color=colour())  # the help of a group that was given no verb
        code = EXIT_USAGE
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx is not None else "hookspan"
        show_error(error.format_message(), f"`{command} --help` lists what is allowed")
        code = EXIT_USAGE
    except click.ClickException as error:
        show_error(error.format_message())
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo(err=True)
        code = EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last handler of a program: it reports
        code = report(error)
    else:
        code = result if isinstance(result, int) else 0
    sys.exit(code)


def report(error: Exception) -> int:
    """Say what came of it, a bug unless nothing more can be printed, and how to end."""
    if isinstance(error, OSError) and (refused := output.refused()) is not None:
        if refused.message:
            show_error(refused.message, refused.hint)
        return EXIT_USER
    from hookspan.cli.doctor.report import write_crash

    path = write_crash(error)
    show_error(
        f"hookspan has a bug: {type(error).__name__}; the report is in `{path}`",
        "read it, then attach it to an issue",
    )
    return EXIT_BUG


def show_error(message: str, hint: str | None = None) -> None:
    """Print `error: ...` and, after a blank line, `hint: ...` on stderr."""
    click.echo(click.style("error", fg="red", bold=True) + f": {message}", err=True, color=colour())
    if hint is not None:
        click.echo("\n" + click.style("hint", fg="cyan", bold=True) + f": {hint}", err=True, color=colour())
