"""OTLP spans, metrics and log records, from the store."""

from .convert import Reading
from .db import ExportDb
from .exporter import Exporter
from .plan import Refusal
from .sampling import Sampling
from .sender import Forwarder, forget_ambient
from .settings import ExportSettings

__all__ = ["ExportDb", "ExportSettings", "Exporter", "Forwarder", "Reading", "Refusal", "Sampling", "forget_ambient"]
