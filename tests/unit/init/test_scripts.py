"""Where the extra script's entry goes; tests/unit/platformio_ini has PlatformIO as the judge."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from acpublish.init.scripts import with_script
from acpublish.platformio_ini.reader import BuiltinReader

OURS = "post:acpublish_ota.py"


def added(root: Path, text: str) -> tuple[str, list[str]]:
    """Returns the text with the script, and the notes."""
    notes: list[str] = []
    return with_script(root, text, list(BuiltinReader(root, text).environments()), notes), notes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[env:a]\nextra_scripts = x.py\n", f"[env:a]\nextra_scripts = x.py\n    {OURS}\n"),
        ("[env:a]\nextra_scripts = x.py, y.py\n", f"[env:a]\nextra_scripts = x.py, y.py, {OURS}\n"),
        (
            "[env:a]\nextra_scripts =\n  x.py, y.py\n",
            f"[env:a]\nextra_scripts =\n  x.py, y.py\n  {OURS}\n",
        ),
        (
            "[env:a]\nextra_scripts = pre:acpublish_ota.py\n",
            f"[env:a]\nextra_scripts = {OURS}\n",
        ),
        ("[env:a]\nextra_scripts = scripts/acpublish_ota.py\n", None),
        ("[env:a]\n", None),
    ],
)
def test_an_entry_is_added_in_the_form_of_the_others(
    tmp_path: Path, text: str, expected: str | None
) -> None:
    assert added(tmp_path, text) == (expected or text, [])


def test_a_section_that_others_refer_to_gets_the_only_entry(tmp_path: Path) -> None:
    text = (
        "[env]\nextra_scripts = x.py\n[env:a]\n[env:b]\n"
        "extra_scripts = ${env.extra_scripts}\n  y.py\n"
    )
    after, notes = added(tmp_path, text)
    assert notes == []
    assert after.count(OURS) == 1
    reader = BuiltinReader(tmp_path, after)
    assert reader.scripts("a") == ["x.py", OURS]
    assert reader.scripts("b") == ["x.py", OURS, "y.py"]


def test_a_section_of_another_file_is_left_to_its_owner(tmp_path: Path) -> None:
    (tmp_path / "more.ini").write_text("[env]\nextra_scripts = x.py\n")
    text = "[platformio]\nextra_configs = more.ini\n[env]\nextra_scripts = x.py\n[env:a]\n"
    after, notes = added(tmp_path, text)
    assert after == text
    assert notes == [
        f"[env] is in a file of extra_configs: add {OURS} to its extra_scripts by hand"
    ]


def test_a_project_of_hundreds_of_environments_does_not_take_minutes(tmp_path: Path) -> None:
    parts = ["[env]\nextra_scripts = x.py\n"]
    parts += [f"[env:e{number}]\nboard = b{number}\n" for number in range(500)]
    begun = time.monotonic()
    after, notes = added(tmp_path, "".join(parts))
    assert time.monotonic() - begun < 20
    assert (after.count(OURS), notes) == (1, [])
