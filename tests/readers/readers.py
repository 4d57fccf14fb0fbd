"""Phoenix and MLflow as real processes on loopback ports, and what each of them makes of the spans that it was sent."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.ports import Ports
from tests.stack import programs
from tests.stack.stack import Program

START_TIMEOUT = 900.0  # s; they compute for 12 s and 8 s before they answer, which a busy machine makes minutes of
HTTP_TIMEOUT = 60.0  # s; the first answer imports half of what there is
SESSIONS = """{ projects { edges { node { sessions(first: 100) { edges { node {
    sessionId tokenUsage { prompt completion } costSummary { total { cost } }
} } } } } } }"""


@dataclass
class Session:
    """What a reader shows of a session: tokens as the API counts them, and its own price for them in US dollars."""

    input: int = 0
    output: int = 0
    cost: float = 0.0


@dataclass
class Told:
    """What a reader made of all that it was sent.

    `said` has how many spans of a session and kind it shows an input of (`in`), or an output (`out`); `texts` these.
    """

    kinds: Counter[str] = field(default_factory=Counter)  # of spans: agent, tool, model, other
    sessions: dict[str, Session] = field(default_factory=dict)
    said: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)

    def shown(self, session: str, kind: str, which: str, texts: list[str]) -> None:
        """A span's texts."""
        self.said[session, kind, which] += bool(texts)
        self.texts += texts


class Reader:
    """One of them."""

    name: str
    database: str
    headers = ""
    unpriced = frozenset[str]()
    """Models whose price it does not know."""

    def __init__(self, folder: Path, group: int) -> None:
        self.folder = folder / self.name
        self.folder.mkdir()
        self.ports = Ports()
        self.url = f"http://127.0.0.1:{self.ports['http']}"
        shutil.copy(programs.folder(self.name) / programs.LAID_OUT, self.folder / self.database)
        self.program = Program(
            self.name,
            [str(programs.folder(self.name) / "bin" / self.name), *self.words()],
            env={"PATH": os.defpath, "HOME": str(self.folder), **self.variables()},
            folder=self.folder,
            url=self.url,
            ready=f"{self.url}{self.health}",
            group=group,
            patience=START_TIMEOUT,
        )

    health: str

    def words(self) -> list[str]:
        """Its command line."""
        raise NotImplementedError

    def variables(self) -> dict[str, str]:
        """Its environment."""
        raise NotImplementedError

    def told(self) -> Told:
        """What it says now."""
        raise NotImplementedError

    def ask(self, path: str, question: Any = None) -> Any:
        """Its answer, as JSON."""
        data = None if question is None else json.dumps(question).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=HTTP_TIMEOUT) as answer:
            return json.load(answer)


class Phoenix(Reader):
    """Arize's."""

    name = "phoenix"
    database = "phoenix.db"
    health = "/healthz"
    kinds = {"AGENT": "agent", "TOOL": "tool", "LLM": "model"}  # noqa: RUF012 - never changed

    def words(self) -> list[str]:
        return ["serve"]

    def variables(self) -> dict[str, str]:
        return {
            "PHOENIX_WORKING_DIR": str(self.folder),
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(self.ports["http"]),
            "PHOENIX_GRPC_PORT": str(self.ports["grpc"]),
            "PHOENIX_TELEMETRY_ENABLED": "false",
        }

    def told(self) -> Told:
        told = Told()
        for span in self.ask("/v1/projects/default/spans?limit=1000")["data"]:
            kind, attributes = self.kinds.get(span["span_kind"], "other"), span["attributes"]
            told.kinds[kind] += 1
            results = ("llm.output_messages", "output.value") if kind == "tool" else ("llm.output_messages",)
            for which, keys in (("in", ("llm.input_messages", "tool.parameters")), ("out", results)):
                texts = [str(value) for key, value in attributes.items() if key.startswith(keys)]
                told.shown(attributes.get("session.id", ""), kind, which, texts)
        for project in self.ask("/graphql", {"query": SESSIONS})["data"]["projects"]["edges"]:
            for edge in project["node"]["sessions"]["edges"]:
                one = edge["node"]
                tokens = one["tokenUsage"]
                cost = one["costSummary"]["total"]["cost"] or 0.0
                told.sessions[one["sessionId"]] = Session(int(tokens["prompt"]), int(tokens["completion"]), cost)
        return told


class MLflow(Reader):
    """Its tracking server."""

    name = "mlflow"
    database = "mlflow.db"
    headers = 'x-mlflow-experiment-id = "0"'
    unpriced = frozenset({"claude-haiku-5-5"})
    health = "/health"
    kinds = {"AGENT": "agent", "TOOL": "tool", "CHAT_MODEL": "model"}  # noqa: RUF012 - never changed

    def words(self) -> list[str]:
        address = ["--host", "127.0.0.1", "--port", str(self.ports["http"]), "--workers", "1"]
        store = f"sqlite:///{self.folder / self.database}"
        return ["server", *address, "--backend-store-uri", store, "--default-artifact-root", str(self.folder)]

    def variables(self) -> dict[str, str]:
        # Its jobs are seven processes of 240 MB each.
        return {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}

    def told(self) -> Told:
        told = Told()
        experiment = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}
        found = self.ask("/api/3.0/mlflow/traces/search", {"locations": [experiment], "max_results": 100})
        for trace in found.get("traces", []):
            about = trace["trace_metadata"]
            session = told.sessions.setdefault(about["mlflow.trace.session"], Session())
            tokens, cost = (json.loads(about.get(f"mlflow.trace.{key}", "{}")) for key in ("tokenUsage", "cost"))
            session.input += tokens.get("input_tokens", 0)
            session.output += tokens.get("output_tokens", 0)
            session.cost += cost.get("total_cost", 0.0)
            spans = self.ask(f"/ajax-api/3.0/mlflow/get-trace-artifact?request_id={trace['trace_id']}")["spans"]
            for span in spans:
                attributes = {key: json.loads(value) for key, value in span["attributes"].items()}
                kind = self.kinds.get(attributes.get("mlflow.spanType", ""), "other")
                told.kinds[kind] += 1
                for which, key in (("in", "mlflow.spanInputs"), ("out", "mlflow.spanOutputs")):
                    texts = [json.dumps(one)] if (one := attributes.get(key)) else []
                    told.shown(about["mlflow.trace.session"], kind, which, texts)
        return told


def running(folder: Path) -> Iterator[tuple[Phoenix, MLflow]]:
    """Both, started side by side; they are gone when the process that asked for them is."""
    reaper = subprocess.Popen(["sh", "-c", "cat >/dev/null; kill -9 0"], stdin=subprocess.PIPE, process_group=0)
    readers = Phoenix(folder, reaper.pid), MLflow(folder, reaper.pid)
    try:
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda reader: reader.program.start(), readers))
        yield readers
    finally:
        for reader in readers:
            reader.program.kill()
        assert reaper.stdin is not None
        reaper.stdin.close()
        reaper.wait()
