"""What was said in a span that is exported, where its source can't be opened."""

from __future__ import annotations

import contextlib
import errno

import pytest

from hookspan.catalogue import attributes as sc
from hookspan.observe.conversation import Conversation
from hookspan.paths import Paths
from hookspan.store import Reader
from tests.store import made


@pytest.mark.parametrize(("number", "lost"), [(errno.EMFILE, False), (errno.ENOENT, True)])
def test_a_span_waits_for_a_descriptor_and_not_for_a_file_that_is_gone(
    number: int, lost: bool, paths: Paths, monkeypatch: pytest.MonkeyPatch
):
    """It would leave without what was said, for good."""
    span = made.span(1, attributes={sc.GEN_AI_OPERATION_NAME: "execute_tool"})

    def refused(*_: object, **__: object) -> None:
        raise OSError(number, "can't be opened")

    with contextlib.closing(Reader(paths)) as reader:
        conversation = Conversation(paths, reader)
        monkeypatch.setattr(conversation._records, "read", refused)
        with contextlib.nullcontext() if lost else pytest.raises(OSError, match="can't be opened"):
            assert conversation(span, 1000) == {}
