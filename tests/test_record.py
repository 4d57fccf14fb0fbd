"""Records: what is taken, what is left out, and that nothing changes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import ClassVar

import pytest

from hookspan.record import About, Record, plain, replace


class Place(Record):
    """A place."""

    KIND: ClassVar[str] = "place"

    name: str
    size: int = About(1, help="how large")
    labels: dict[str, str] = {}  # noqa: RUF012 - each has its own


class Town(Place):
    """A place with a river."""

    river: str = ""


def test_values_come_in_order_or_by_name_and_the_rest_is_the_default() -> None:
    assert plain(Place("a", 2)) == {"name": "a", "size": 2, "labels": {}}
    assert Town("a", river="b") == Town(river="b", name="a", size=1)
    assert Place("a").labels is not Place("a").labels
    assert (Town.FIELDS, Town.ABOUT) == (("name", "size", "labels", "river"), {"size": {"help": "how large"}})
    assert repr(Place("a")) == "Place(name='a', size=1, labels={})"


@pytest.mark.parametrize(
    "give", [Place, lambda: Place("a", 1, {}, 4), lambda: Place("a", name="b"), lambda: Place("a", x=1)]
)
def test_one_value_too_many_or_too_few_is_refused(give: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match="Place"):
        give()


def test_it_stays_as_it_is() -> None:
    place = Place("a")
    with pytest.raises(AttributeError, match="name"):
        place.name = "b"
    assert replace(place, name="b") == Place("b")
    assert place != Town("a")
    assert copy.copy(place) == pickle.loads(pickle.dumps(place)) == place


def test_what_is_equal_is_found_in_a_set() -> None:
    assert len({Place("a", 1, ()), Place("a", 1, ()), Place("b", 1, ())}) == 2
