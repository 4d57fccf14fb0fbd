"""What is found in which text: the words of code and of languages without blanks, and what a query may say."""

import sqlite3

import pytest

from hookspan.content.words import expression, indexed, snippet, terms

MINIFIED = "!function(t,e){var n=t.requestTimeout||3e4;window.__appState={cartTotal:n}}(this);"
JAPANESE = "注文のキャンセルを修正し、テストを追加してください。"


def is_found(text: str, query: str, scope: str = "") -> bool:
    with sqlite3.connect(":memory:") as db:
        db.execute(
            "CREATE VIRTUAL TABLE t USING fts5(words, scope, content='', tokenize='unicode61 remove_diacritics 2')"
        )
        db.execute("INSERT INTO t (rowid, words, scope) VALUES (1, ?, 'shop')", (indexed(text),))
        asked = expression(terms(query), scope)
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
        ("git push --force origin", "git push --force"),
        ("git push --force origin", "--force"),
        ("rm -rf build", "rm -rf build"),
    ],
)
def test_is_found(text: str, query: str):
    assert is_found(text, query)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("status exit", '"exit status"'),
        ("one two", "one -two"),
        ("修正 テスト", "修正 -テスト"),
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


@pytest.mark.parametrize(
    ("query", "found"),
    [("", True), ("-three", True), ("-two", False), ("one -three", True), ("one -two", False), ("-three -one", False)],
)
def test_what_must_not_be_there_is_not_found_where_nothing_else_is_asked_but_where(query: str, found: bool):
    assert is_found("one two", query, "(scope : (shop))") is found
    assert not is_found("one two", query, "(scope : (till))")


def test_a_query_is_never_syntax():
    for query in ('a" OR "b', "NEAR(a b)", "words:x", "^a", "a AND", "(", "*", '"*"', "a*b*", "{x} : y", "\x00", "-"):
        is_found("text", query)


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("Could not compile; see src/main.c and main.c", "main.c", ["main.c", "main.c"]),
        ("a maintainer's main", '"main"', ["main"]),
        ("und dann Über allem", "uber", ["Über"]),
        ("U\u0308ber", "uber", ["U\u0308ber"]),
        ("ﾃｽﾄ of ＡＰＩ", "api テスト", ["ﾃｽﾄ", "ＡＰＩ"]),  # noqa: RUF001 - that is the point
        (MINIFIED, "timeout", ["Timeout"]),
        (MINIFIED, "requestTimeout", ["requestTimeout"]),
        ("an HTTPServer", "server http", ["HTTP", "Server"]),
        ("exit, or exit status 1", '"exit status"', ["exit status"]),
        ("exit timeouts", "time", ["time"]),
        (JAPANESE, "修正", ["修正"]),
        ("Claudeを使う", "claude", ["Claude"]),
        ("git push --force", "git --force", ["git", "force"]),
        ("nothing of it", "absent", []),
        ("\u0e48\u0e49", "\u0e48\u0e49", ["\u0e48\u0e49"]),  # marks alone
        ("maintainer " * 500 + "main …", '"main"', ["main"]),
        ("é" * 3_000 + " Straße é", "strasse", ["Straße"]),
    ],
)
def test_a_snippet_marks_the_words_that_were_found(text: str, query: str, marked: list[str]):
    pieces = snippet("x " * 200 + text, terms(query))
    assert [piece for piece, hit in pieces if hit] == marked
    assert not marked or text[-60:] in "".join(piece for piece, _ in pieces)


def test_a_snippet_shows_the_first_hit_and_is_never_markup():
    pieces = snippet("x" * 200 + "\n<b>the Timeout</b> is " + "y" * 500, terms("timeout"))
    assert [text for text, hit in pieces if hit] == ["Timeout"]
    assert "".join(text for text, _ in pieces).startswith("…")
    assert "<b>the " in "".join(text for text, _ in pieces)
    assert len("".join(text for text, _ in pieces)) < 260
