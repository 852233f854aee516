from __future__ import annotations

from pathlib import Path

import pytest

import acpublish
from acpublish.platformio_ini.extra_script import (
    ENTRY,
    is_script,
    is_unedited,
    packaged_script,
    path_of,
)


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


#: What the releases before wrote at the top of the script.
FORMER = '"""acpublish: copy this beside platformio.ini."""'


def with_top(line: str) -> str:
    return "".join([f"{line}\n", *packaged_script().splitlines(keepends=True)[1:]])


def test_a_script_of_an_earlier_version_is_recognised() -> None:
    assert is_unedited(packaged_script())
    assert is_unedited(with_top(FORMER))
    assert is_unedited(with_top('"""Another sentence."""'))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "def f(:\n",
        "\0",
        FORMER,
        packaged_script() + "print(env)\n",
        packaged_script() + "# Mine.\n",
        with_top("# Mine."),
    ],
)
def test_an_edited_script_is_its_owners(text: str) -> None:
    assert not is_unedited(text)
