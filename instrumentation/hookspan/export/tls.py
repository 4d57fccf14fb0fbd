"""Explains why TLS with an endpoint fails, and names the setting to correct.

Neither HTTP's nor gRPC's library can tell: with TLS 1.3 an endpoint judges our certificate after the handshake, so that
its refusal reaches them as a connection that breaks off. After a failure we shake hands once more, and only listen.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from .settings import ExportSettings

TIMEOUT: Final = 2.0  # seconds to connect, and again to be told a refusal; who says nothing accepts us
ABOUT_US: Final = ("certificate", "ca", "access", "handshake")
"""Words of the alerts by which an endpoint refuses the certificate that it was shown, or that it was not (RFC 8446)."""


def trouble(settings: ExportSettings) -> str:
    """What is wrong; empty if TLS works, if the endpoint uses none, or if it can't be reached at all."""
    if not (settings.endpoint or "").startswith("https:"):
        return ""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2", "http/1.1"])
    if problem := _load(context, settings):
        return problem
    try:
        url = urlsplit(settings.endpoint or "")
        with (
            socket.create_connection((url.hostname or "", url.port or 443), TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname=url.hostname) as secure,
        ):
            secure.recv(1)
    except ssl.SSLCertVerificationError as error:
        why, todo = error.verify_message.rstrip("."), "`export.certificate` names that of its authority"
        if "mismatch" in why:
            todo = f"`{settings.endpoint_key}` has a name that is in it"
        return f"the endpoint's certificate is not trusted ({why}): {todo}"
    except ssl.SSLError as error:
        return _refusal(error.reason or "", settings)
    except (OSError, ValueError):
        return ""
    return ""


def _load(context: ssl.SSLContext, settings: ExportSettings) -> str:
    """Load the files into a context as the senders do; why one can't be used."""
    from requests.utils import DEFAULT_CA_BUNDLE_PATH  # noqa: PLC0415 - gRPC goes without it until something fails

    for name in ("certificate", "client_certificate", "client_key"):
        path = getattr(settings, name)
        try:
            if path:
                Path(path).read_bytes()
        except OSError as error:
            return f"`export.{name}` can't be read: {path}: {error.strerror}"
    try:
        context.load_verify_locations(settings.certificate or DEFAULT_CA_BUNDLE_PATH)
    except ssl.SSLError:
        return f"`export.certificate` holds no certificate (PEM): {settings.certificate}"
    if shown := settings.client_certificate:
        try:
            context.load_cert_chain(shown, settings.client_key or shown, password=lambda: "")
        except (ssl.SSLError, ValueError) as error:
            why = (getattr(error, "reason", None) or "no PEM").replace("_", " ").lower()
            wanted = "a certificate and the key that belongs to it, as PEM, the key not encrypted"
            return f"`export.client_certificate` and `export.client_key` can't be used ({why}): they must hold {wanted}"
    return ""


def _refusal(reason: str, settings: ExportSettings) -> str:
    """What an endpoint's alert means; empty if it is none. `reason`: OpenSSL's name for it."""
    _, is_alert, name = reason.upper().replace(" ", "_").partition("ALERT_")
    alert = name.replace("_", " ").lower()
    if "WRONG_VERSION_NUMBER" in reason:
        return "the endpoint doesn't speak TLS: should its address begin with `http://`?"
    if not is_alert:
        return ""
    if not set(ABOUT_US) & set(alert.split()):
        return f"the endpoint ended the TLS connection: {alert}"
    if not settings.client_certificate:
        return f"the endpoint asks for a client certificate ({alert}): `export.client_certificate` is not set"
    ours = f"`export.client_certificate` ({settings.client_certificate})"
    return f"the endpoint refuses {ours}: {alert}; it takes a valid one, of an authority that it trusts"
