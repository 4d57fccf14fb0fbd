"""A local counterpart of those whom Alertmanager tells."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any


class Receiver:
    """Discord, Slack, PagerDuty and a webhook in one: it keeps every message by its path."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.messages: list[tuple[str, dict[str, Any]]] = []

    def at(self, path: str, words: str = "") -> list[dict[str, Any]]:
        """What came there, and has the words somewhere."""
        return [said for where, said in self.messages if where == path and words in json.dumps(said)]

    def keys(self, folder: Path, *names: str) -> dict[str, str]:
        """Write the files that teams.yml reads, with addresses here; what is to be replaced in it."""
        for name in (*names, "webhook"):
            (folder / name).write_text(f"{self.url}/{name}\n")
        (folder / "pagerduty").write_text("an-integration-key\n")
        return {
            "/etc/alertmanager": str(folder),
            "routing_key_file": f"url: {self.url}/pagerduty\n        routing_key_file",
        }


@contextmanager
def receiving() -> Iterator[Receiver]:
    """One that listens on a loopback port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            receiver.messages.append((self.path, said))
            answer = b'{"ok": true, "status": "success"}'  # as Slack and PagerDuty do
            self.send_response(202)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Stay silent."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield receiver
        finally:
            server.shutdown()
