"""`hookspan completion SHELL`: the script that completes verbs and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a completion script; `source` it from the shell's start-up file.

    bash: eval "$(hookspan completion bash)"
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    # Not `source()` for bash: it starts bash to check its version, which need not be the one that reads the script.
    script = kind(ctx.find_root().command, {}, "hookspan", "_HOOKSPAN_COMPLETE")
    template = script.source_template.replace(
        'string split ","', 'string split -m 1 ","'
    )  # fish: a help line has commas
    click.echo(template % script.source_vars())
