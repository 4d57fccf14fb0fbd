"""Secrets of the usual shapes are taken out; ordinary words, paths and commands stay as they are."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookspan.wire import scrub as scrubbing
from hookspan.wire.scrub import GONE, LABEL_LENGTH, bounded_json, label, scrub

A, B, D = "aB3dE5fG7hI9", "Zx8Cv6Bn4Mq2", "0123456789"
SECRETS = {
    "Anthropic": f"sk-ant-api03-{A}_{B}",
    "OpenAI": f"sk-proj-{A}{B}",
    "GitHub": f"ghp_{A}{B}{A}",
    "GitHub, fine-grained": f"github_pat_{A}{B}_{A}",
    "GitLab": f"glpat-{A}{B}",
    "Slack": f"xoxb-{D}-{A}{B}",
    "Slack, app": f"xapp-1-{A}-{D}",
    "AWS id": "AKIAIOSFODNN7EXAMPLE",
    "AWS, temporary": "ASIAIOSFODNN7EXAMPLE",
    "Google": "AIza" + A + B + A[:11],
    "Google OAuth": f"ya29.{A}{B}{A}",
    "npm": f"npm_{A}{B}{A}",
    "PyPI": f"pypi-{A}{B}{A}",
    "Hugging Face": f"hf_{A}{B}{A}",
    "Stripe": f"sk_live_{A}{B}",
    "SendGrid": f"SG.{A}.{B}{A}",
    "DigitalOcean": f"dop_v1_{A}{B}",
    "JWT": f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx{D}.{A}{B}",
    "hex": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c",
    "Base64": f"{A}{B}{A}{B}",
}
IN_WORDS = [
    ("export DB_PASSWORD={}", "hunter2"),
    ("password: {}", "correct-horse"),
    ("curl -u bob:{} https://x", "hunter2"),
    ("curl --user=bob:{} https://x", "hunter2"),
    ("sshpass -p {} ssh host", "hunter2"),
    ("mysql://root:{}@db/shop", "s3cr3t"),
    ("git clone https://{}@host/shop.git", "s3cr3t"),
    ('{{"api_key": "{}"}}', "qwertyuiop"),
    ("--token {} --verbose", "abcdefgh1234"),
    ("Authorization: Bearer {}", "abc.def-ghi"),
    ("Authorization: Basic {}", "dXNlcjpwYXNz"),
    ("client_secret='{}'", "with blanks in it"),
    ("AWS_SECRET_ACCESS_KEY={}", f"wJalr/{A}+{B}"),
    ("PGPASSWORD={} psql", "pg-pass"),
    ("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", "MIIEow"),
    ("-----BEGIN OPENSSH PRIVATE KEY-----\n{}", "b3Blbn"),
]
PLAIN = [
    "npm test -- --watch=false && git commit -m 'Fix the cart'",
    "/home/u/shop/src/components/shopping_cart_controller_test.py",
    "git checkout 4f2a9c1 -- README.md",
    "explain why the tokenizer splits words",
    "https://example.com/docs/getting-started?page=2",
    "git clone ssh://git@example.com/shop.git",
    "docker run -u 1000:1000 node",
    "3e76516d-d493-402c-8065-14fe7f2c0e93",
    "SELECT count(*) FROM orders WHERE state = 'open'",
]


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("around", ["{}", "use {} please", "KEY={};", '"{}"', "curl https://x/?k={}&v=1", "({})\n"])
def test_keys_and_tokens(kind, around):
    text = scrub(around.format(SECRETS[kind]))
    assert SECRETS[kind] not in text
    assert GONE in text
    for length in (12, 20):  # nor a good part of it
        assert SECRETS[kind][-length:] not in text


@pytest.mark.parametrize(("around", "secret"), IN_WORDS)
def test_what_a_name_or_a_place_gives_away(around, secret):
    text = scrub(around.format(secret))
    assert secret not in text
    assert GONE in text


@pytest.mark.parametrize("text", PLAIN)
def test_ordinary_text_stays(text):
    assert scrub(text) == text


_PARTS = [
    *SECRETS.values(),
    *(around.format(secret) for around, secret in IN_WORDS),
    *(
        "sk-",
        "://",
        "@",
        " -u ",
        "Bearer ",
        "to\u212aen=",
        "\u2014",
        "\u65e5\u672c",
        "+",
        "-",
        "?",
        "\ud800",
        "a" * 39,
        D * 4,
    ),
]


@given(st.lists(st.one_of(st.sampled_from(_PARTS), st.sampled_from(PLAIN), st.text(max_size=50)), max_size=12))
def test_only_places_where_a_secret_may_begin_are_looked_at_and_none_is_missed(parts):
    text = "".join(parts)
    assert scrub(text) == scrubbing._SECRETS.sub(scrubbing._replace, text)


@pytest.mark.parametrize("kind", SECRETS)
@given(before=st.integers(0, 700))
def test_a_label_never_ends_within_a_secret(kind, before):
    found = label("x " * (before // 2) + SECRETS[kind])
    assert len(found) <= LABEL_LENGTH
    assert SECRETS[kind][:12] not in found


@given(st.text(max_size=300))
def test_a_label_is_one_short_line_and_stays_the_same(text):
    found = label(text)
    assert len(found) <= LABEL_LENGTH
    assert found.isprintable() or all(char not in found for char in "\n\r\t\x1b\u202e\u200b")
    assert label(found) == found


def test_all_beneath_a_key_that_names_a_secret_is_one():
    kept = json.loads(bounded_json({"user": {"name": "me"}, "secrets": {"a": ["hunter2", {"b": "hunter2"}]}}, 1000))
    assert kept == {"user": {"name": "me"}, "secrets": {"a": [GONE, {"b": GONE}]}}
