"""The schema, instrumentation scopes and service names under which telemetry is exported."""

from __future__ import annotations

from typing import Final

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"
"""Schema of the names in `attributes`. It marks `gen_ai.*` as moved to a repository of their own."""

SCOPE: Final = "hookspan"
HOOK_SCOPE: Final = "hookspan.hooks"
"""Hook spans have a scope of their own, so that a Collector can drop or sample them with one condition."""

CHILD_SCOPE: Final = "hookspan.children"
"""So have the spans of programs that calls run."""

SERVICE_NAME: Final = "claude-code-hooks"
"""Claude Code's native telemetry calls itself `claude-code`; ours must not mix with it."""
AGENT_SERVICE_NAME: Final = "hookspan"
"""The service of the agent's own metrics."""
