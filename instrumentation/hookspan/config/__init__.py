"""The settings: declared once (`sections`), listed as options, read from files, merged by layers, edited in a file."""

from hookspan.config.files import Layer, from_snapshot, parse, read_file, read_text
from hookspan.config.layers import HIDDEN, load, merge, values
from hookspan.config.options import OPTIONS, SECTIONS, TABLES, Option, is_locked, is_named, nearest, options_of
from hookspan.config.sections import (
    DESKTOP,
    SIGNALS,
    Collector,
    ContentLevel,
    Export,
    Identity,
    Notify,
    Project,
    Settings,
    Signal,
    Watchdog,
)

__all__ = [
    "DESKTOP",
    "HIDDEN",
    "OPTIONS",
    "SECTIONS",
    "SIGNALS",
    "TABLES",
    "Collector",
    "ContentLevel",
    "Export",
    "Identity",
    "Layer",
    "Notify",
    "Option",
    "Project",
    "Settings",
    "Signal",
    "Watchdog",
    "from_snapshot",
    "is_locked",
    "is_named",
    "load",
    "merge",
    "nearest",
    "options_of",
    "parse",
    "read_file",
    "read_text",
    "values",
]
