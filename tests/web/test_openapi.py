"""The API against its own document, by schemathesis."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from hookspan.web.api import ENDPOINTS, PREFIX, Endpoint
from tests.waiting import PATIENCE
from tests.web.site import Play, Site

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
    ignored_auth,
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory):
    site = Site(Path(tmp_path_factory.mktemp("openapi")) / "machine")
    play = Play()
    site.append(play.start(), play.submit(), *play.tool(asked=True), *play.tool(), play.stop())
    yield site
    site.close()


@pytest.fixture(scope="module")
def schema(site: Site) -> BaseSchema:
    """Read once, as are the strategies that are made of it."""
    schema = schemathesis.openapi.from_dict(site.script().get("/api/v1/openapi.json").json())
    schema.config.generation.update(with_security_parameters=False)  # a made-up cookie beside our token proves nothing
    return schema


@pytest.fixture(scope="module")
def connection() -> Iterator[requests.Session]:
    """One for all that is asked."""
    with requests.Session() as session:
        yield session


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(
    "endpoint", [*ENDPOINTS, None], ids=lambda one: f"{one.method} {one.path}" if one else "health"
)
def test_every_answer_is_what_the_document_says(
    site: Site, schema: BaseSchema, connection: requests.Session, endpoint: Endpoint | None, mode: GenerationMode
) -> None:
    headers = {"Authorization": f"Bearer {site.token}"}  # written as the document has it, or it seems made up
    for path in [PREFIX + endpoint.path] if endpoint else ["/healthz", "/readyz"]:
        operation = schema[path][endpoint.method if endpoint else "GET"]
        if mode is GenerationMode.NEGATIVE and not (endpoint and endpoint.parameters):
            continue

        @settings(max_examples=25, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: Any) -> None:
            case.call_and_validate(site.url, connection, dict(headers), checks=CHECKS, timeout=PATIENCE)

        check()


def test_the_document_holds_every_path(site: Site) -> None:
    paths = site.script().get("/api/v1/openapi.json").json()["paths"]
    wanted = "summary sessions sessions/{id} traces/{id} friction events health health/history log stream"
    assert {f"/api/v1/{one}" for one in wanted.split()} <= paths.keys()
