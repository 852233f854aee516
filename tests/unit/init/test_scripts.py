"""Where the extra script's entry goes; tests/unit/platformio_ini has PlatformIO as the judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.errors import SettingsError
from acpublish.init.scripts import with_script
from acpublish.platformio_ini.reader import BuiltinReader

OURS = "post:acpublish_ota.py"


def added(root: Path, text: str) -> tuple[str, list[str]]:
    """Returns the text with the script, and the notes."""
    notes: list[str] = []
    project = with_script(root, BuiltinReader(root, text), notes)
    return project.texts[root / "platformio.ini"], notes


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


@pytest.mark.parametrize(
    "text",
    [
        # The section that refers comes first, and an environment's is the one referred to.
        "[env:b]\nextra_scripts =\n  ${env:a.extra_scripts}\n[env:a]\nextra_scripts = x.py\n",
        # What is referred to has the option from a section that it extends.
        "[env:b]\nextra_scripts =\n  ${mid.extra_scripts}\n  y.py\n[mid]\nextends = base\n"
        "[base]\nextra_scripts = x.py\n[env:a]\nextends = mid\n",
        # Only one of the two that need it has it, and the other brings it along.
        "[env]\nextra_scripts = x.py\n[env:a]\n[env:b]\nextra_scripts =\n  ${env.extra_scripts}\n"
        f"  {OURS}\n",
    ],
)
def test_each_environment_gets_the_script_once(tmp_path: Path, text: str) -> None:
    after, notes = added(tmp_path, text)
    reader = BuiltinReader(tmp_path, after)
    assert [reader.scripts(name).count(OURS) for name in "ab"] == [1, 1]
    assert (after.count(OURS), notes) == (1, [])
    assert added(tmp_path, after) == (after, [])


def test_two_references_that_bring_the_script_are_refused(tmp_path: Path) -> None:
    text = (
        "[env:a]\nextra_scripts = x.py\n[env:b]\nextra_scripts = y.py\n"
        "[env:c]\nextra_scripts =\n  ${env:a.extra_scripts}\n  ${env:b.extra_scripts}\n"
    )
    with pytest.raises(SettingsError, match="the environment c would have the extra script twice"):
        added(tmp_path, text)


def test_a_section_of_a_file_elsewhere_is_left_to_its_owner(tmp_path: Path) -> None:
    root = tmp_path / "lamp"
    root.mkdir()
    (tmp_path / "more.ini").write_text("[env]\nextra_scripts = x.py\n")
    text = "[platformio]\nextra_configs = ../more.ini\n[env]\nextra_scripts = x.py\n[env:a]\n"
    after, notes = added(root, text)
    assert after == text
    assert notes == [
        f"[env] is in {root}/../more.ini, outside of this project: add {OURS} to its "
        "extra_scripts by hand"
    ]
