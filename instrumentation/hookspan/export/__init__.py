"""OTLP spans and metrics, from the store."""

from .convert import Reading
from .db import ExportDb, Refusal
from .exporter import Exporter
from .sender import forget_ambient
from .settings import ExportSettings

__all__ = ["ExportDb", "ExportSettings", "Exporter", "Reading", "Refusal", "forget_ambient"]
