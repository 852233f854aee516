from __future__ import annotations

import json
from typing import Any

import pytest

from acpublish.errors import ManifestError
from acpublish.release import channel_document
from acpublish.release.channel_document import (
    change_from_fields,
    change_to_dict,
)
from acpublish.release.channels import Channels
from acpublish.release.documents import Fields
from tests.unit.release.publishing import D1, POLICY, Product, everything, three, v


def text_of(product: Product) -> bytes:
    return channel_document.to_json(product.channels, "lamp")


def read(text: bytes) -> Channels:
    return channel_document.from_json(text, "channels.json", "lamp")


def test_what_is_written_is_read_again() -> None:
    product = everything()
    assert read(text_of(product)) == product.channels


def test_fields_of_a_newer_version_are_kept() -> None:
    document = json.loads(text_of(three()))
    document["more"] = {"deep": [1]}
    channels = read(json.dumps(document).encode())
    assert channels.extra == {"more": {"deep": [1]}}
    assert json.loads(channel_document.to_json(channels, "lamp")) == document


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 3}, r"channels\.json\.format is newer than 2"),
        ({"format": None}, r"channels\.json\.format is not of type int"),
        ({"product": "other"}, "is of a different product, other"),
        ({"serial": -1}, r"channels\.json\.serial is not a possible number"),
        ({"pointers": [{}]}, r"channels\.json\.pointers\[0\]\.channel is not of type str"),
        ({"pointers": {}}, r"channels\.json\.pointers is not of type list"),
        ({"images": [{"version": "one"}]}, r"channels\.json\.images\[0\]\.version: "),
        ({"marks": [{"state": "lost"}]}, r"channels\.json\.marks\[0\]\.state is not one of"),
        ({"history": [{"serial": 1}]}, r"channels\.json\.history\[0\]\.action is not one of"),
    ],
)
def test_a_damaged_document_is_named_with_the_field(change: dict[str, Any], words: str) -> None:
    document = {**json.loads(text_of(three())), **change}
    with pytest.raises(ManifestError, match=words):
        read(json.dumps(document).encode())


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 100_000, b"[]", b'{"format": NaN}'])
def test_something_else_is_refused(text: bytes) -> None:
    with pytest.raises(ManifestError, match=r"^channels\.json is not "):
        read(text)


def test_a_line_of_the_history_says_whose_devices_were_ordered_back() -> None:
    lines = [change_to_dict(line) for line in everything().channels.history]
    (rollback,) = [line for line in lines if line["action"] == "rollback"]
    assert rollback["ordered_back"] == [
        {"board": "d1", "kind": "filesystem", "versions": ["1.2.0"]},
        {"board": "d1", "kind": "firmware", "versions": ["1.2.0"]},
    ]
    # Earlier versions did not write it down.
    del rollback["ordered_back"]
    assert change_from_fields(Fields(rollback, "line", "Mend it.")).ordered_back == {}


def test_a_publish_below_what_was_taken_back_says_whose_devices_follow() -> None:
    product = three()
    product.change("rollback", None, "stable")
    product.put("1.1.1")
    assert product.channels.history[-1].ordered_back == {D1: (v("1.2.0"),)}


def test_each_line_of_the_history_is_read_again() -> None:
    for line in everything().channels.history:
        document = json.loads(json.dumps(change_to_dict(line)))
        assert change_from_fields(Fields(document, "line", "Mend it.")) == line


def test_a_line_about_a_policy_that_does_not_say_which_is_read() -> None:
    product = three()
    product.roll("policy", policy=POLICY)
    product.roll("policy")
    documents = [change_to_dict(line) for line in product.channels.history[-2:]]
    assert [document["policy"] for document in documents] == [POLICY, None]
    changes = [change_from_fields(Fields(own, "line", "Mend it.")) for own in documents]
    assert [change.policy for change in changes] == [POLICY, {}]
    for own in documents:
        del own["policy"]
        assert change_from_fields(Fields(own, "line", "Mend it.")).policy is None
