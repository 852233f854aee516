"""What devices have experienced, as numbers."""

from __future__ import annotations

import json

from acpublish.emulator.experienced import COLUMNS, Experienced
from acpublish.simulation.behaviour import Behaviour
from acpublish.simulation.fleet_profile import Kind, Profile
from acpublish.simulation.population import Population


def test_devices_are_counted_once_and_by_board() -> None:
    kinds = (Kind(board="a"), Kind(board="b"))
    population = Population(Profile(kinds=kinds), 4, 1)
    behaviour = Behaviour(population, 1, start_s=100, rolling="2.0.0")
    result = Experienced(population, "mine", "lamp", 1)
    for number in range(3):
        # The second offer is one more, but of the same device.
        result.offered(number)
        result.offered(number)
    for number in range(2):
        result.received(number, new=True)
        behaviour.comes_back(number, "2.0.0")
        result.sampled(behaviour, 100 + 60 * number)
    result.sampled(behaviour, 500)
    # One goes back by an order.
    result.received(1, new=False)
    behaviour.comes_back(1, "1.0.0")
    result.sampled(behaviour, 700)
    result.conclude(behaviour, 1100)
    document = json.loads(json.dumps(result.to_dict()))
    assert {key: document[key] for key in ("profile", "product", "version", "devices")} == {
        "profile": "mine",
        "product": "lamp",
        "version": "2.0.0",
        "devices": 4,
    }
    sums = [sum(row[column] for row in document["boards"]) for column in COLUMNS]
    assert sums == [4, 3, 2, 1, 0, 0, 1]
    assert [row["board"] for row in document["boards"]] == ["a", "b"]
    assert (document["offers"], document["downloads"]) == (6, 3)
    assert document["runs"] == {"1.0.0": 3, "2.0.0": 1}
    assert [list(sample.values()) for sample in document["adoption"]] == [
        [0, 0],
        [0, 1],
        [60, 2],
        [600, 1],
    ]
    assert document["lasted_s"] == 1000


def test_without_a_new_release_there_is_nothing_to_tell() -> None:
    population = Population(Profile(), 2, 1)
    result = Experienced(population, "mine", "lamp", 1)
    result.conclude(Behaviour(population, 1), 500)
    assert (result.version, result.lasted_s) == ("", 0)
    assert result.to_dict()["version"] is None
