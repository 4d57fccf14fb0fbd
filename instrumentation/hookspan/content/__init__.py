"""The content that is kept of sessions: the archive of transcripts, and the index that searches them."""

from hookspan.observe.transcript_paths import Source

from .archive import ArchivedFile, archived_files, archived_lines
from .copies import Copies
from .database import ContentDb, Deleted, Kept, Limits
from .hook_events import HookEvents
from .intake import Intake
from .search import Hit, Hits, Query, Search
from .sources import sources, title_of

__all__ = [
    "ArchivedFile",
    "ContentDb",
    "Copies",
    "Deleted",
    "Hit",
    "Hits",
    "HookEvents",
    "Intake",
    "Kept",
    "Limits",
    "Query",
    "Search",
    "Source",
    "archived_files",
    "archived_lines",
    "sources",
    "title_of",
]
