"""The verbs: each is a module here, named as the verb, with its click command under the same name in it.

The table is all that `hookspan --help` needs, so that no verb is imported before it is called.
"""

from __future__ import annotations

import builtins
import importlib
import keyword
from collections.abc import Mapping
from typing import Final

import click

SECTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "Set up": {
        "install, uninstall": "Add hooks to coding agents, or remove them.",
        "config": "Show or change settings.",
        "doctor": "Find what is wrong and say how to fix it.",
        "service": "Start the agent at login.",
    },
    "Agent": {
        "up, down, restart": "Start the agent, stop it until `up`, or both.",
        "status": "Is the agent running and healthy?",
        "flush": "Export everything that is waiting, now.",
    },
    "Look": {
        "open": "Open the page in a browser.",
        "now": "One line for a prompt or a status bar.",
        "sessions": "List sessions, those that need you first.",
        "trace, share": "Where a turn's time went; a file to share.",
        "cost, receipt, waste": "What work cost; by commit; for nothing.",
        "search": "Find what was said and done.",
        "tail": "Follow the raw events.",
        "demo, bench": "Show a recorded session; measure this machine.",
    },
    "Data": {
        "import": "Import transcripts from before hookspan.",
        "audit": "Verify log records that were sent.",
        "forget, prune": "Delete sessions; data past its limits.",
        "rebuild": "Rebuild the store from the journal.",
        "stack": "Run Collector, Jaeger, Prometheus and Grafana.",
    },
    "Other": {
        "completion, man, version": "Print completion, manual page, versions.",
    },
}
"""The help page: its sections, each with its lines, and the verbs of a line."""


def in_section(title: str) -> list[str]:
    """The verbs of one section, in the order of the help page."""
    return [name for names in SECTIONS[title] for name in names.split(", ")]


NAMES: Final = tuple(name for title in SECTIONS for name in in_section(title))


def module_name(name: str) -> str:
    """The verb's module and the command in it: its name, with a `_` behind a word that is Python's own."""
    return f"{name}_" if keyword.iskeyword(name) or hasattr(builtins, name) else name


def load(name: str) -> click.Command:
    """Import one verb, and nothing else. Raises KeyError where there is none of this name."""
    if name not in NAMES:
        raise KeyError(name)
    module = importlib.import_module(f"{__name__}.{module_name(name)}")
    command = getattr(module, module_name(name))
    assert isinstance(command, click.Command)  # noqa: S101 - a mistake in a verb is ours, and reported as a bug
    return command
