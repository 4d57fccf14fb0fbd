"""The settings: declared once (`sections`), listed as options, read from files, merged by layers, edited in a file."""

from hookspan.config.files import Layer, from_snapshot, parse, read_file, read_text
from hookspan.config.layers import load, merge, values
from hookspan.config.options import OPTIONS, SECTIONS, TABLES, Option, is_locked, nearest, options_of
from hookspan.config.sections import Collector, Export, Notify, Project, Settings

__all__ = [
    "OPTIONS",
    "SECTIONS",
    "TABLES",
    "Collector",
    "Export",
    "Layer",
    "Notify",
    "Option",
    "Project",
    "Settings",
    "from_snapshot",
    "is_locked",
    "load",
    "merge",
    "nearest",
    "options_of",
    "parse",
    "read_file",
    "read_text",
    "values",
]
