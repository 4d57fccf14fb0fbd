"""The newest exporters there are: the sender over gRPC overrides a method of theirs that is not public."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cache import cache

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NEWEST = ("opentelemetry-exporter-otlp-proto-grpc", "opentelemetry-exporter-otlp-proto-http")
TESTS = (
    "tests/export/test_grpc.py::test_one_bad_span_among_many_is_found_and_the_rest_goes_on",
    "tests/export/test_grpc.py::test_spans_and_metrics_arrive_and_partial_success_is_counted",
    "tests/export/test_spans.py::test_a_partial_success_is_counted",
)


def test_their_answers_are_still_heard(tmp_path: Path) -> None:
    """In front of those that are installed: the same tests once more."""
    uv = Path(sys.executable).with_name("uv")
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--upgrade", "--python", sys.executable, "--target", tmp_path, *NEWEST],
        env=os.environ | {"UV_CACHE_DIR": str(cache() / "uv"), "UV_HTTP_TIMEOUT": "180"},
        check=True,
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", *TESTS],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(TESTS)} passed" in done.stdout
