"""What is sent about a device, by Home Assistant's documented fields."""

from __future__ import annotations

import json

import jsonschema
import pytest

from acpublish.fleet.known_device import Device
from acpublish.notices.home_assistant import Entity, Topics, entity_config, entity_state, key_of
from tests.support.home_assistant import check_config, check_state

ENTITY = Entity(
    key="lamp_240ac4000001",
    name="Porch",
    product="lamp",
    board="c3",
    mac="24:0a:c4:00:00:01",
    installed="1.0.0",
    latest="1.1.0",
    summary="why",
    in_progress=False,
    page="http://192.168.1.10:8000/_/devices/lamp/24:0a:c4:00:00:01",
    release_page="http://192.168.1.10:8000/_/products/lamp/1.1.0",
)
UNKNOWN = ENTITY._replace(
    installed="", latest="", mac=None, board="", summary="", page="", release_page=""
)


@pytest.mark.parametrize("prefix", ["acpublish", "a/b.c", "x" * 64])
@pytest.mark.parametrize("entity", [ENTITY, UNKNOWN, ENTITY._replace(summary="ü" * 1000)])
@pytest.mark.parametrize("install", [False, True])
def test_home_assistant_would_take_it(prefix: str, entity: Entity, install: bool) -> None:
    topics = Topics(prefix)
    config = entity_config(entity, topics, "1.0", install=install)
    check_config(topics.config(entity.key), json.loads(json.dumps(config)))
    check_state(json.loads(json.dumps(entity_state(entity))))
    assert ("command_topic" in config) is install


def test_the_schemas_can_fail() -> None:
    state = entity_state(ENTITY)
    for wrong in (
        {"release_notes": "x"},
        {"installed_version": None},
        {"release_summary": "x" * 256},
        {"in_progress": "no"},
        {"release_url": ""},
    ):
        with pytest.raises(jsonschema.ValidationError):
            check_state({**state, **wrong})
    config = entity_config(ENTITY, Topics("acpublish"), "1.0", install=True)
    for gone in ("device", "unique_id", "payload_install"):
        with pytest.raises(jsonschema.ValidationError):
            check_config(
                "homeassistant/update/x/config",
                {key: value for key, value in config.items() if key != gone},
            )


def test_what_an_entity_shows() -> None:
    assert entity_state(ENTITY) == {
        "installed_version": "1.0.0",
        "latest_version": "1.1.0",
        "title": "lamp",
        "release_summary": "why",
        "in_progress": False,
        "update_percentage": None,
        "release_url": ENTITY.release_page,
    }
    device = entity_config(ENTITY, Topics("home"), "1.0", install=False)["device"]
    assert device["configuration_url"] == ENTITY.page
    # A null, or a URL that is empty, would make Home Assistant drop the message.
    unknown = {"installed_version", "latest_version", "release_url"}
    assert not unknown & set(entity_state(UNKNOWN))
    assert (ENTITY.has_update, UNKNOWN.has_update) == (True, False)
    assert not ENTITY._replace(latest="1.0.0").has_update


def test_the_button_orders_the_version_that_it_shows() -> None:
    config = entity_config(ENTITY, Topics("home"), "1.0", install=True)
    assert config["payload_install"] == "1.1.0"
    assert config["command_topic"] == "home/devices/lamp_240ac4000001/install"
    assert config["device"]["connections"] == [["mac", "24:0a:c4:00:00:01"]]
    assert "connections" not in entity_config(UNKNOWN, Topics("h"), "1.0", install=True)["device"]


def test_each_device_has_a_key_of_its_own_that_topics_may_have() -> None:
    ids = [
        *("lamp/24:0a:c4:00:00:01", "lamp.v2/24:0a:c4:00:00:01", "lamp-v2/24:0a:c4:00:00:01"),
        *("lamp_v2/24:0a:c4:00:00:01", "lampdotv2/24:0a:c4:00:00:01", "lamp/~0123456789abcdef"),
    ]
    keys = [key_of(Device(own, own.partition("/")[0])) for own in ids]
    assert len(set(keys)) == len(keys)
    for key in keys:
        check_config(
            Topics("home").config(key),
            entity_config(ENTITY._replace(key=key), Topics("home"), "1.0", install=False),
        )
    assert keys[0] == "lamp_240ac4000001"


def test_a_topic_names_its_device() -> None:
    topics = Topics("a/b")
    for topic in (topics.state("lamp_1"), topics.install("lamp_1")):
        assert topics.key_in(topic) == "lamp_1"
    assert topics.key_in("homeassistant/status") != "status"
