"""What is wrong with TLS is said so that one knows which setting to correct, over HTTP and gRPC alike.

An endpoint that asks for a client certificate is in tests/gateway, with the Collector's own judgement.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Literal

import pytest
from opentelemetry.sdk.resources import Resource

from hookspan.export import ExportSettings
from hookspan.export.convert import readable
from hookspan.export.sender import make
from tests.otlp_sink import Sink
from tests.store import made
from tests.waiting import PATIENCE

pytestmark = pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
Protocol = Literal["http/protobuf", "grpc"]


def error(endpoint: str, protocol: Protocol, **files: Path) -> str:
    named = {name: str(path) for name, path in files.items()}
    sender = make(ExportSettings(endpoint=endpoint, protocol=protocol, timeout=PATIENCE, **named), "traces")  # type: ignore[arg-type]
    try:
        return sender.send([readable(made.span(1), Resource({}))]).error
    finally:
        sender.close()


def test_a_file_that_cannot_be_used_is_named(protocol: Protocol, tls: tuple[Path, Path], tmp_path: Path) -> None:
    certificate, key = tls
    other, empty = tmp_path / "other.key", tmp_path / "empty"
    subprocess.run(["openssl", "genrsa", "-out", str(other)], check=True, capture_output=True)
    empty.touch()
    with Sink(tls=tls) as secure:
        gone = error(secure.url, protocol, certificate=certificate, client_certificate=tmp_path / "gone")
        assert gone == f"`export.client_certificate` can't be read: {tmp_path / 'gone'}: No such file or directory"
        assert "`export.certificate` holds no" in error(secure.url, protocol, certificate=empty)
        pair = {"certificate": certificate, "client_certificate": certificate}
        for wrong, why in ((other, "key values mismatch"), (empty, "no PEM"), (certificate, "no PEM")):
            said = error(secure.url, protocol, client_key=wrong, **pair)
            assert f"`export.client_key` can't be used ({why.lower()})" in said, said
        shutil.copy(key, other)
        if protocol == "http/protobuf":  # the other knows no `/v1/traces`
            assert error(secure.url, protocol, client_key=other, **pair) == ""


def test_an_endpoint_that_is_not_trusted_or_speaks_no_tls(protocol: Protocol, tls: tuple[Path, Path]) -> None:
    with Sink(tls=tls) as secure, Sink() as plain:
        assert "is not trusted (self-signed certificate): `export.certificate`" in error(secure.url, protocol)
        other_name = error(secure.url.replace("127.0.0.1", "localhost"), protocol, certificate=tls[0])
        assert "Hostname mismatch" in other_name
        assert "`export.endpoint`" in other_name
        assert "doesn't speak TLS" in error(plain.url.replace("http:", "https:"), protocol)
