from __future__ import annotations

from typing import Any

import pytest

from acpublish.errors import ManifestError
from acpublish.release.declared import Declared

ALL = Declared(slot_bytes=1, layout="a" * 64, flash_bytes=0, ota_bytes=2, changed=False, debug=True)


@pytest.mark.parametrize("declared", [Declared(), ALL, Declared(changed=True)])
def test_round_trip(declared: Declared) -> None:
    assert Declared.from_dict(declared.to_dict(), "here") == declared


def test_only_what_is_known_is_written() -> None:
    assert Declared(changed=False).to_dict() == {"changed": False}
    assert Declared.from_dict({"later": 1, "debug": None}, "here") == Declared()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "here is not an object"),
        (None, "here is not an object"),
        ({"slot_bytes": -1}, "here.slot_bytes is not a number"),
        ({"slot_bytes": True}, "here.slot_bytes is not a number"),
        ({"flash_bytes": 1.5}, "here.flash_bytes is not a number"),
        ({"changed": "no"}, "here.changed is not true or false"),
        ({"layout": "A" * 64}, "here.layout is not a SHA-256"),
        ({"layout": 7}, "here.layout is not a string"),
    ],
)
def test_another_type_is_named(document: Any, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        Declared.from_dict(document, "here")
