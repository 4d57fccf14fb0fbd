"""`hookspan completion SHELL`: the script that completes verbs and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a completion script; `source` it from the shell's start-up file.

    bash: eval "$(hookspan completion bash)"
    """
    from hookspan.cli.main import cli

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    # Not `source()` for bash: it starts bash to check its version, which need not be the one that reads the script.
    made = found(cli, {}, "hookspan", "_HOOKSPAN_COMPLETE")
    template = made.source_template.replace('string split ","', 'string split -m 1 ","')  # fish: a help line has commas
    click.echo(template % made.source_vars())
