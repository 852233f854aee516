from __future__ import annotations

from random import Random

from acpublish.bounded import BoundedDict, SharedMemory


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


def test_the_largest_product_forgets_its_oldest() -> None:
    memory: SharedMemory[int] = SharedMemory(10)
    memory.put("quiet", "first", 1)
    for number in range(1000):
        memory.put("loud", number, number)
    assert (len(memory), memory.get("quiet", "first")) == (10, 1)
    assert (memory.get("loud", 999), memory.get("loud", 990)) == (999, None)
    memory.put("quiet", "first", 2)
    assert (len(memory), memory.get("quiet", "first")) == (10, 2)
    assert memory.get("none", 1) is None


def test_a_product_forgets_its_own_oldest_beyond_its_limit() -> None:
    memory: SharedMemory[int] = SharedMemory(100, 3)
    for number in range(5):
        memory.put("lamp", number, number)
        memory.put("plug", number, number)
    assert memory.values("lamp") == [2, 3, 4]
    memory.put("lamp", 3, 33)
    assert memory.values("lamp") == [2, 4, 33]
    assert (len(memory), memory.values("none")) == (6, [])


def test_the_largest_is_known_whatever_happens() -> None:
    random = Random(7)
    memory: SharedMemory[int] = SharedMemory(60, 25)
    model: dict[str, dict[int, int]] = {}
    for number in range(4000):
        product, key = f"p{random.randrange(8)}", random.randrange(40)
        memory.put(product, key, number)
        values = model.setdefault(product, {})
        values.pop(key, None)
        values[key] = number
        if len(values) > 25:
            values.pop(next(iter(values)))
        elif sum(map(len, model.values())) > 60:
            # Of several that are equally large, any may forget its oldest.
            most = max(map(len, model.values()))
            (shrunk,) = [name for name in model if len(memory.values(name)) < len(model[name])]
            assert len(model[shrunk]) == most
            model[shrunk].pop(next(iter(model[shrunk])))
        assert {name: memory.values(name) for name in model} == {
            name: list(values.values()) for name, values in model.items()
        }
        assert len(memory) == sum(map(len, model.values()))
