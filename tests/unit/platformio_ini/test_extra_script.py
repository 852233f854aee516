from __future__ import annotations

from pathlib import Path

import pytest

import acpublish
from acpublish.platformio_ini.extra_script import ENTRY, is_script, packaged_script, path_of


@pytest.mark.parametrize(
    ("entry", "path", "ours"),
    [
        (ENTRY, "acpublish_ota.py", True),
        ("pre:acpublish_ota.py", "acpublish_ota.py", True),
        ("scripts/acpublish_ota.py", "scripts/acpublish_ota.py", True),
        ("post:my_acpublish_ota.py", "my_acpublish_ota.py", False),
        ("post:acpublish_ota.py.old", "acpublish_ota.py.old", False),
    ],
)
def test_entries(entry: str, path: str, ours: bool) -> None:
    assert (path_of(entry), is_script(entry)) == (path, ours)


def test_the_packaged_script_is_that_of_the_checkout() -> None:
    checkout = Path(acpublish.__file__).parents[1] / "extra_scripts" / "acpublish_ota.py"
    assert packaged_script() == checkout.read_text(encoding="utf-8")
    assert "acpublish.pio" in packaged_script()
