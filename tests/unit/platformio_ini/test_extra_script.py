from __future__ import annotations

from pathlib import Path

import pytest

import acpublish
from acpublish.platformio_ini.extra_script import (
    ENTRY,
    is_current,
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


#: What each released version shipped.
SHIPPED = sorted((Path(__file__).parents[2] / "compat").glob("*/acpublish_ota.py"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_what_a_version_shipped_is_recognised(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert is_unedited(text)
    assert not is_unedited(text + "# Mine.\n")


def test_a_script_with_another_sentence_at_its_top_is_recognised() -> None:
    assert not is_current(SHIPPED[0].read_text(encoding="utf-8"))
    assert is_current(packaged_script())
    assert is_current(with_top(FORMER))
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
