"""What Home Assistant accepts of an ``update`` entity by MQTT, as JSON schemas.

The keys and types are those of its documentation, read in November 2026, and written anew:

- https://www.home-assistant.io/integrations/update.mqtt/ (source/_integrations/update.mqtt.markdown
  in home-assistant/home-assistant.io): the configuration variables, and the state in JSON;
- https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery: ``origin``, the topic
  ``<prefix>/<component>/[<node>/]<object>/config``, and the birth message on homeassistant/status.

An entity drops a state with a key or a type that is not there, so no others are allowed here.
"""

from __future__ import annotations

import re
from typing import Any

import jsonschema

_TEXT = {"type": "string", "minLength": 1}
_ANY_TEXT = {"type": "string"}
_URL = {"type": "string", "pattern": r"^https?://[^/\s]+"}
_TOPIC = {"type": "string", "pattern": r"^[^#+\u0000]+$", "maxLength": 255}

_DEVICE = {
    "type": "object",
    "properties": {
        **dict.fromkeys(
            (
                *("hw_version", "manufacturer", "model", "model_id", "name"),
                *("serial_number", "suggested_area", "sw_version", "via_device"),
            ),
            _TEXT,
        ),
        "configuration_url": _URL,
        "connections": {
            "type": "array",
            "items": {"type": "array", "items": _TEXT, "minItems": 2, "maxItems": 2},
        },
        "identifiers": {"type": "array", "items": _TEXT, "minItems": 1},
    },
    "anyOf": [{"required": ["identifiers"]}, {"required": ["connections"]}],
    "additionalProperties": False,
}
_AVAILABILITY = {
    "type": "object",
    "properties": {
        "topic": _TOPIC,
        **dict.fromkeys(("payload_available", "payload_not_available", "value_template"), _TEXT),
    },
    "required": ["topic"],
    "additionalProperties": False,
}
CONFIG: dict[str, Any] = {
    "type": "object",
    "properties": {
        **dict.fromkeys(
            (
                *("availability_template", "default_entity_id", "encoding", "entity_picture"),
                *("icon", "json_attributes_template", "latest_version_template", "name"),
                *("object_id", "payload_install", "release_summary", "release_url", "title"),
                *("unique_id", "value_template"),
            ),
            _TEXT,
        ),
        **dict.fromkeys(
            (
                *("availability_topic", "command_topic", "json_attributes_topic"),
                *("latest_version_topic", "state_topic"),
            ),
            _TOPIC,
        ),
        "availability": {"type": "array", "items": _AVAILABILITY},
        "availability_mode": {"enum": ["all", "any", "latest"]},
        "device": _DEVICE,
        "device_class": {"enum": ["firmware"]},
        "display_precision": {"type": "integer"},
        "enabled_by_default": {"type": "boolean"},
        "entity_category": {"enum": ["config", "diagnostic"]},
        "origin": {
            "type": "object",
            "properties": dict.fromkeys(("name", "sw_version", "support_url"), _TEXT),
            "required": ["name"],
            "additionalProperties": False,
        },
        "qos": {"enum": [0, 1, 2]},
        "retain": {"type": "boolean"},
    },
    # A device needs a unique id, and something that sets the version.
    "required": ["unique_id", "device", "state_topic"],
    "dependentRequired": {"command_topic": ["payload_install"]},
    "additionalProperties": False,
}
STATE: dict[str, Any] = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("installed_version", "latest_version", "title"), _ANY_TEXT),
        **dict.fromkeys(("release_url", "entity_picture"), _URL),
        "release_summary": {"type": "string", "maxLength": 255},
        "in_progress": {"type": "boolean"},
        "update_percentage": {"type": ["number", "null"], "minimum": 0, "maximum": 100},
    },
    "additionalProperties": False,
}
#: Of a topic for discovery, each part but the last.
DISCOVERY_TOPIC = re.compile(r"homeassistant/update(?:/[a-zA-Z0-9_-]+){1,2}/config\Z")


def check_config(topic: str, document: Any) -> None:
    """Fails unless Home Assistant would find an entity by a message."""
    assert DISCOVERY_TOPIC.match(topic), topic
    jsonschema.validate(document, CONFIG)


def check_state(document: Any) -> None:
    """Fails unless an entity would take a state."""
    jsonschema.validate(document, STATE)
