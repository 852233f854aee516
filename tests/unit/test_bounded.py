from __future__ import annotations

from acpublish.bounded import BoundedDict


def test_it_never_holds_more_than_its_limit() -> None:
    cache: BoundedDict[int, str] = BoundedDict(3)
    for number in range(100):
        cache[number] = str(number)
        assert len(cache) <= 3
        assert cache[number] == str(number)


def test_a_known_key_is_replaced_and_forgets_nothing() -> None:
    cache: BoundedDict[str, int] = BoundedDict(2)
    cache["a"], cache["b"] = 1, 2
    cache["a"] = 3
    assert cache == {"a": 3, "b": 2}


def test_a_new_key_above_the_limit_drops_all_others() -> None:
    cache: BoundedDict[str, int] = BoundedDict(2)
    cache["a"], cache["b"] = 1, 2
    cache["c"] = 3
    assert cache == {"c": 3}
