"""The settings that export needs."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from hookspan.config import SIGNALS, ContentLevel, Export, Identity, Signal
from hookspan.record import replace
from hookspan.values import is_on_this_machine, origin, without_secrets

from .sampling import EVERYTHING, Sampling


class ExportSettings(Export):
    """`[export]` of the settings, and what else of them concerns export.

    Attributes:
        content: `content.export`: what spans take along of what was said.
        content_of: The same for projects that have a setting of their own.
        content_bytes: Most bytes of an attribute of the conversation.
        left_out: Projects with `record = false`: what of theirs waits, from before they were, is not sent.
        resource: `[resource]`: what the user wants the resource to say beside what is known of this machine.
        identity: `[identity]`: what the resource says of who it was.
        sampling: `traces.sample`: which turns are sent.
        endpoint_key: The setting that `endpoint` is, for messages.
    """

    content: ContentLevel = False
    content_of: Mapping[str, ContentLevel] = {}
    content_bytes: int = 16 << 10
    left_out: frozenset[str] = frozenset()
    resource: Mapping[str, str] = {}
    identity: Identity = Identity()
    sampling: Sampling = EVERYTHING
    endpoint_key: str = "export.endpoint"

    def of(self, signal: Signal) -> Self:
        """Where one signal is sent, and how: `endpoint`, `headers`, `token_file` and `compression` are its own.

        Keys are for the host that they were set for: those of `export.endpoint` go to no other.
        """
        own: str | None = getattr(self, f"{signal}_endpoint")
        headers: Mapping[str, str] = getattr(self, f"{signal}_headers")
        elsewhere = bool(own and self.endpoint and origin(own) != origin(self.endpoint))
        endpoint = self.endpoint_of(signal)
        compression = self.compression
        if compression == "auto":
            compression = "none" if is_on_this_machine(endpoint or "") else "gzip"
        return replace(
            self,
            endpoint=endpoint,
            endpoint_key=f"export.{signal}_endpoint" if own else self.endpoint_key,
            headers=headers or ({} if elsewhere else self.headers),
            token_file=None if elsewhere else self.token_file,
            compression=compression,
        )

    def level_of(self, project: str) -> ContentLevel:
        """What content of a project may leave."""
        return self.content_of.get(project, self.content)

    @property
    def shown(self) -> str:
        """The endpoints of the signals that are sent, as `status` shows them."""
        shown = {signal: self.shown_of(signal) for signal in SIGNALS if self.sends(signal)}
        first = next(iter(shown.values()), "")
        others = ", ".join(f"{signal}: {url}" for signal, url in shown.items() if url != first)
        return f"{first} ({others})" if others else first

    def shown_of(self, signal: Signal) -> str:
        """The endpoint of one signal, as logs show it."""
        return without_secrets(self.endpoint_of(signal) or "")

    def headers_now(self) -> dict[str, str]:
        """The headers of a request, with the token as its file has it now. OSError if it can't be read."""
        if self.token_file is None:
            return dict(self.headers)
        words = Path(self.token_file).read_text(encoding="utf-8").split(maxsplit=1)
        if not words:
            raise OSError(errno.ENODATA, "it is empty", self.token_file)
        return {**self.headers, "Authorization": f"Bearer {words[0]}"}

    def url(self, signal: Signal) -> str:
        """Where a signal is posted to: a signal's own endpoint as it is, if it has a path.

        People copy an endpoint with its path, too.
        """
        own: str | None = getattr(self, f"{signal}_endpoint")
        if own and urlsplit(own).path.strip("/"):
            return own
        parts = urlsplit(self.endpoint_of(signal) or "")
        base = parts.path.rstrip("/")
        for path in (f"/v1/{name}" for name in SIGNALS):
            base = base.removesuffix(path)
        return parts._replace(path=f"{base}/v1/{signal}").geturl()
