"""What is found in which text: the words of code and of languages without blanks, and what a query may say."""

import sqlite3

import pytest

from hookspan.content.words import expression, indexed, snippet, terms

MINIFIED = "!function(t,e){var n=t.requestTimeout||3e4;window.__appState={cartTotal:n}}(this);"
JAPANESE = "注文のキャンセルを修正し、テストを追加してください。"


def is_found(text: str, query: str) -> bool:
    with sqlite3.connect(":memory:") as db:
        db.execute("CREATE VIRTUAL TABLE t USING fts5(words, content='', tokenize='unicode61 remove_diacritics 2')")
        db.execute("INSERT INTO t (rowid, words) VALUES (1, ?)", (indexed(text),))
        asked = expression(terms(query))
        return bool(asked and db.execute("SELECT 1 FROM t WHERE t MATCH ?", (asked,)).fetchone())


@pytest.mark.parametrize(
    ("text", "query"),
    [
        (MINIFIED, "requestTimeout"),
        (MINIFIED, "timeout"),
        (MINIFIED, "appstate cart"),
        (MINIFIED, "window.__appState"),
        (MINIFIED, "window.__appstate"),
        (MINIFIED, "reque"),
        ("edit src/shop/cart_total.py now", "shop/cart_total.py"),
        ("edit src/shop/cart_total.py now", "total"),
        ("HTTPServer on port 8420", "server 8420"),
        ("sha256 of it", "sha"),
        (JAPANESE, "修正"),
        (JAPANESE, "キャンセル"),
        (JAPANESE, "正"),
        (JAPANESE, "テスト 追加"),
        ("Claudeを使う", "claudeを使う"),
        ("ﾃｽﾄ ＡＰＩ", "テスト API"),  # noqa: RUF001 - that is the point
        ("Über die Größe", "uber GRÖSSE"),
        ("배포를 확인", "배포"),
        ("exit status 1", '"exit status"'),
        ("one two", "one -three"),
    ],
)
def test_is_found(text: str, query: str):
    assert is_found(text, query)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("status exit", '"exit status"'),
        ("one two", "one -two"),
        ("timeouts", '"timeout"'),
        ("timeouts here", "timeout here"),
        (JAPANESE, "正修"),
        (JAPANESE, "キャル"),
        ("anything", ""),
        ("anything", "-any"),
        ("anything", '"'),
    ],
)
def test_is_not_found(text: str, query: str):
    assert not is_found(text, query)


def test_a_query_is_never_syntax():
    for query in ('a" OR "b', "NEAR(a b)", "words:x", "^a", "a AND", "(", "*", '"*"', "a*b*", "{x} : y", "\x00", "-"):
        is_found("text", query)


def test_a_snippet_shows_the_first_hit_and_is_never_markup():
    pieces = snippet("x" * 200 + "\n<b>the Timeout</b> is " + "y" * 500, terms("timeout"))
    assert [text for text, hit in pieces if hit] == ["Timeout"]
    assert "".join(text for text, _ in pieces).startswith("…")
    assert "<b>the " in "".join(text for text, _ in pieces)
    assert len("".join(text for text, _ in pieces)) < 260
