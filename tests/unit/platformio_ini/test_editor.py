"""Edits of platformio.ini, judged by PlatformIO's own reader of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from platformio.project.config import ProjectConfig

from acpublish.errors import SettingsError
from acpublish.init.platformio import project_change, undo_change
from acpublish.platformio_ini.editor import IniEditor

OURS = "post:acpublish_ota.py"
SINGLE = "[env:d1]\nplatform = espressif8266\nboard = d1_mini\nframework = arduino\n"


def initialized(root: Path, text: str) -> str:
    """Returns the ini after init, which must agree with PlatformIO on what changed."""
    path = root / "platformio.ini"
    path.write_text(text, encoding="utf-8", newline="")
    before = scripts(path)
    change = project_change(root, "~/firmware", "1.0.0", {})
    (after,) = [one.after for one in change.files if one.path == path]
    assert after is not None
    path.write_text(after, encoding="utf-8", newline="")
    for name, found in scripts(path).items():
        assert found.count(OURS) == 1
        assert [one for one in found if one != OURS] == [one for one in before[name] if one != OURS]
    return after


def scripts(path: Path) -> dict[str, list[str]]:
    config = ProjectConfig(str(path))
    return {name: config.get(f"env:{name}", "extra_scripts", []) or [] for name in config.envs()}


def test_three_options_at_the_end_of_the_only_environment(tmp_path: Path) -> None:
    assert initialized(tmp_path, SINGLE) == SINGLE + (
        "extra_scripts = post:acpublish_ota.py\n"
        "custom_ota_to = ~/firmware  ; acpublish init\n"
        "custom_ota_version = 1.0.0  ; acpublish init\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        SINGLE,
        SINGLE.replace("\n", "\r\n"),
        "; mine\n[platformio]\ndefault_envs = a\n\n" + SINGLE + "\n; the end\n",
        "[env]\nframework = arduino\n\n[env:a]\nboard = a\n\n[env:b]\nboard = b\n",
        "[env:a]\nboard = a\n[env:b]\nboard = b\n",
        "[env:a]\nextra_scripts = pre:x.py\nboard = a\n",
        "[env:a]\nextra_scripts = pre:x.py, post:y.py ; both\nboard = a\n",
        "[env:a]\nextra_scripts =\n  pre:x.py\n  ; a comment\n  post:y.py  ; why\n\nboard = a\n",
        "[env]\nextra_scripts = pre:x.py\n[env:a]\nextra_scripts = pre:y.py\n[env:b]\nboard = b\n",
        "[c]\nextra_scripts = pre:x.py\n[env:a]\nextends = c\n[env:b]\nboard = b\n",
        "[c]\nextra_scripts = pre:x.py\n[env:a]\nextra_scripts = ${c.extra_scripts}\n\tpost:y.py\n",
        "[env:a]\nboard=a\nextra_scripts=pre:x.py\n",
        "[b]\nextra_scripts = pre:x.py\n[c]\nextra_scripts = pre:y.py\n[env:a]\nextends = b, c\n",
        "[c]\nextra_scripts = pre:y.py\n[b]\nextends = c\n[d]\n[env:a]\nextends =\n  b\n  d\n",
        "[env]\nextra_scripts = pre:x.py\n[env:a]\nboard = a\nextra_scripts =\n",
        "[env]\nextra_scripts = pre:x.py\n[env:a]\nboard = a\n"
        "[env:b]\nboard = b\nextra_scripts = ${env.extra_scripts}\n",
        "[env:b]\nboard = b\nextra_scripts = ${c.extra_scripts}, post:y.py\n"
        "[c]\nextra_scripts = pre:x.py\n[env:a]\nextends = c\n",
        "[env]\nextra_scripts = a.py\n[env:a]\nextra_scripts = ${env.extra_scripts}\n  c.py\n"
        "[env:b]\nboard = b\n",
        "[env:a]\nboard = a\nextra_scripts = x.py, post:my_acpublish_ota.py\n",
        "[env:a]\nboard = a\n\n\n[env:b]\nboard = b\n\n\n",
        "[env:a]\nboard = a",
        "[env:a]\r\nboard = a\r\nframework = x",
        "[env:a]\nboard = a\n[env:b]\nboard = b",
    ],
)
def test_what_is_there_stays_and_undo_gives_the_very_bytes(tmp_path: Path, text: str) -> None:
    after = initialized(tmp_path, text)
    assert initialized_again(tmp_path) == after
    path = tmp_path / "platformio.ini"
    for change in undo_change(tmp_path).files:
        if change.path == path:
            assert change.after == text


@pytest.mark.parametrize(
    "text",
    [
        "[env]\nextra_scripts = a.py\n[env:x]\nextra_scripts = ${env.extra_scripts}, c.py\n"
        "[env:y]\nboard = b\n",
    ],
)
def test_entries_that_would_be_broken_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "platformio.ini"
    path.write_text(text)
    with pytest.raises(SettingsError, match="within a line, which breaks") as refused:
        project_change(tmp_path, "~/firmware", "1.0.0", {})
    assert refused.value.hint.startswith("Write each entry of extra_scripts on a separate line")
    lines = text.replace("= ${env.extra_scripts}, c.py", "=\n  ${env.extra_scripts}\n  c.py")
    path.write_text(lines)
    initialized(tmp_path, lines)
    assert [entries.count(OURS) for entries in scripts(path).values()] == [1, 1]


def test_an_entry_that_begins_alike_stays() -> None:
    ini = IniEditor(f"[env:x]\nextra_scripts = x.py, {OURS}.old, {OURS}\n")
    ini.remove_entry("env:x", "extra_scripts", OURS)
    assert ini.text == f"[env:x]\nextra_scripts = x.py, {OURS}.old\n"


def initialized_again(root: Path) -> str:
    (root / "acpublish_ota.py").write_text("# edited\n")
    change = project_change(root, "~/firmware", "1.0.0", {})
    assert not change.files
    return (root / "platformio.ini").read_bytes().decode()


ENTRIES = st.lists(st.sampled_from(["pre:a.py", "post:b.py", "c.py"]), min_size=1, max_size=3)
FORMS = st.sampled_from(["one line", "lines", "first and lines"])


@st.composite
def sections(draw: st.DrawFn) -> str:
    """An ini of several sections, some of which have extra scripts in one of the usual forms."""
    parts = []
    for name in draw(st.permutations(["env", "env:a", "env:b", "common"])):
        if name in ("env", "common") and draw(st.booleans()):
            continue
        lines = [f"[{name}]", *draw(st.lists(st.sampled_from(["; text", "board = x"]), max_size=1))]
        if draw(st.booleans()):
            entries, form = draw(ENTRIES), draw(FORMS)
            if form == "one line":
                lines.append("extra_scripts = " + ", ".join(entries))
            elif form == "lines":
                lines += ["extra_scripts =", *(f"    {one}" for one in entries)]
            else:
                lines += [f"extra_scripts = {entries[0]}", *(f"  {one}" for one in entries[1:])]
        if name.startswith("env:") and "[common]" in "".join(parts) and draw(st.booleans()):
            lines.append("extends = common")
        parts.append("\n".join([*lines, "monitor_speed = 1", ""]))
    return "\n".join(parts)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sections())
def test_any_project_keeps_its_scripts(tmp_path: Path, text: str) -> None:
    initialized(tmp_path, text)
    (undone,) = [one.after for one in undo_change(tmp_path).files if one.path.suffix == ".ini"]
    assert undone == text


@pytest.mark.parametrize(
    "value", [" a.py, b.py", "\n  a.py, b.py", "\n  ; why\n  a.py\n  b.py, c.py", " a.py\n", ""]
)
def test_entries_are_split_as_platformio_does(tmp_path: Path, value: str) -> None:
    text = f"[env:x]\nextra_scripts ={value}\nboard = x\n"
    (tmp_path / "platformio.ini").write_text(text)
    expected = scripts(tmp_path / "platformio.ini")["x"]
    assert IniEditor(text).entries("env:x", "extra_scripts") == expected
