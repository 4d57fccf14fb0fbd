"""A program that the real Codex runs knows its call from its environment: its spans hang below that."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.codex.home import Home
from tests.codex.model import Model
from tests.codex.scenarios import DONE, once, shell
from tests.docs.walk import DOCS
from tests.other_agents.at_home import Run
from tests.otlp_sink import Sink

pytestmark = [pytest.mark.slow, pytest.mark.need_npm, pytest.mark.xdist_group("codex")]

PORT = "receive-port"
PROGRAM = """
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

{recipe}

provider = TracerProvider(resource=resource)
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter("http://127.0.0.1:{port}/v1/traces")))
with provider.get_tracer("shop").start_as_current_span("build"):
    with provider.get_tracer("shop").start_as_current_span("compile"):
        pass
provider.shutdown()
"""
RECIPE = re.compile(r"```python\n(import os\n\nfrom opentelemetry.sdk.resources.*?)```", re.DOTALL)


@pytest.fixture
def home(model: Model, tmp_path: Path) -> Home:
    program = f"{sys.executable} {tmp_path / 'build.py'}"
    made = Home(tmp_path / "home", model.add(tmp_path.name, {"main": [shell(program), DONE]}))
    made.make()
    return made


def test_its_spans_are_below_the_call(home: Home, hookspan: Run, tmp_path: Path) -> None:
    with Sink() as sink:
        settings = {"receive.enabled": "true", "receive.children": "true", "export.endpoint": sink.url}
        for key, value in {**settings, "dashboard.enabled": "false"}.items():
            hookspan("config", "set", key, value)
        hookspan("install", "--agent", "codex", "--yes")
        home.trust()
        hookspan("up")
        (recipe,) = RECIPE.findall((DOCS / "children.md").read_text())
        port = (home.root / ".local/state/hookspan" / PORT).read_text().strip()
        (tmp_path / "build.py").write_text(PROGRAM.format(recipe=recipe, port=port))
        assert once(home).returncode == 0
        hookspan("flush", "--wait", "60s")
        sink.wait(lambda: any(span.name == "compile" for span in sink.spans))
        spans = {span.name: span for span in sink.spans}
        (ran,) = (span for name, span in spans.items() if name.startswith("execute_tool "))
        assert spans["build"].parent_id == ran.span_id
        assert spans["build"].trace_id == ran.trace_id
        assert spans["compile"].parent_id == spans["build"].span_id
        assert spans["build"].resource["service.name"] == "shop-build"
        assert spans["build"].attributes["gen_ai.agent.name"] == "codex"
        hookspan("down")  # while there is somebody who takes the last metrics
