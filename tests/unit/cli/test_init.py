"""``init``: what it shows, asks and writes, and that it can be reverted."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.init.arduino_core import build_property
from tests.unit.cli.invoking import CommandLine

INI = "[env:d1]\nplatform = espressif8266\nboard = d1_mini\nframework = arduino\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "lamp"
    root.mkdir()
    (root / "platformio.ini").write_text(INI)
    return root


def test_it_shows_writes_and_does_nothing_twice(
    acpublish: CommandLine, project: Path, tmp_path: Path
) -> None:
    options = ("init", "-d", project, "--to", tmp_path / "catalog")
    refused = acpublish(*options)
    assert refused.status == 2
    assert "run it again with --yes" in refused.err
    assert f"new file {project / 'acpublish_ota.py'}\n" in refused.out
    assert "+from acpublish.pio import setup" in refused.out.replace("+    ", "+")
    assert "+extra_scripts = post:acpublish_ota.py" in refused.out
    assert [path.name for path in project.iterdir()] == ["platformio.ini"]
    said = acpublish(*options, "--yes")
    assert said.status == 0
    assert "environments: d1 (espressif8266, arduino)" in said.out
    assert said.out.endswith("Now: pio run -t upload_ota\n")
    added = (project / "platformio.ini").read_text().removeprefix(INI).splitlines()
    assert added == [
        "extra_scripts = post:acpublish_ota.py",
        f"custom_ota_to = {tmp_path / 'catalog'}  ; acpublish init",
        "custom_ota_version = file:VERSION  ; acpublish init, with VERSION",
    ]
    assert (project / "VERSION").read_text() == "0.1.0\n"
    assert (tmp_path / "catalog").is_dir()
    assert "nothing to do" in acpublish(*options, "--yes").out
    undone = acpublish("init", "-d", project, "--undo", "--yes")
    assert undone.status == 0
    assert [path.name for path in project.iterdir()] == ["platformio.ini"]
    assert (project / "platformio.ini").read_text() == INI


def test_a_destination_that_the_shell_has_is_not_written(
    acpublish: CommandLine, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACPUBLISH_TO", "http://127.0.0.1:1")
    acpublish("init", "-d", project, "--yes", "--version", "git")
    text = (project / "platformio.ini").read_text()
    assert "custom_ota_to" not in text
    assert "custom_ota_version = git" in text


def test_a_destination_that_a_file_has_is_not_written(
    acpublish: CommandLine, project: Path
) -> None:
    (project / "acpublish.toml").write_text('to = "http://127.0.0.1:1"\n')
    acpublish("init", "-d", project, "--yes", "--version", "git")
    assert "custom_ota_to" not in (project / "platformio.ini").read_text()


def test_a_version_that_a_file_has_is_not_written(acpublish: CommandLine, project: Path) -> None:
    (project / "acpublish.toml").write_text('version = "1.2.0"\n')
    acpublish("init", "-d", project, "--to", project / "out", "--yes")
    assert "custom_ota_version" not in (project / "platformio.ini").read_text()
    assert not (project / "VERSION").exists()


def test_undo_leaves_what_init_did_not_write(acpublish: CommandLine, project: Path) -> None:
    text = f"{INI}custom_ota_to = out\n"
    (project / "platformio.ini").write_text(text)
    (project / "VERSION").write_text("0.1.0\n")
    said = acpublish("init", "-d", project, "--to", "other", "--yes")
    assert "custom_ota_to is kept as it is" in said.out
    assert said.out.endswith("Then: pio run -t upload_ota\n")
    assert not Path("other").exists()
    assert acpublish("init", "-d", project, "--undo", "--yes").status == 0
    assert (project / "platformio.ini").read_text() == text
    assert (project / "VERSION").read_text() == "0.1.0\n"


@pytest.mark.parametrize("prefix", ["", "pre:"])
def test_a_script_that_stands_there_in_another_way(
    acpublish: CommandLine, project: Path, tmp_path: Path, prefix: str
) -> None:
    (project / "platformio.ini").write_text(f"{INI}extra_scripts = {prefix}acpublish_ota.py\n")
    acpublish("init", "-d", project, "--to", tmp_path, "--yes")
    text = (project / "platformio.ini").read_text()
    # Without a prefix PlatformIO runs it after its own, as with post:.
    assert f"extra_scripts = {'post:' if prefix else ''}acpublish_ota.py\n" in text
    acpublish("init", "-d", project, "--undo", "--yes")
    assert (project / "platformio.ini").read_text() == INI


def test_environments_of_another_file(
    acpublish: CommandLine, project: Path, tmp_path: Path
) -> None:
    text = "[platformio]\nextra_configs = more.ini\n"
    (project / "platformio.ini").write_text(text)
    more = "[env:a]\nboard = a\n[env:b]\nboard = b\nextra_scripts = pre:x.py\n"
    (project / "more.ini").write_text(more)
    said = acpublish("init", "-d", project, "--to", tmp_path, "--yes")
    assert said.status == 0, said.err
    assert "environments: a, b" in said.out
    assert (
        "[env]\nextra_scripts = post:acpublish_ota.py" in (project / "platformio.ini").read_text()
    )
    assert (project / "more.ini").read_text() == f"{more}    post:acpublish_ota.py\n"
    acpublish("init", "-d", project, "--undo", "--yes")
    assert (project / "platformio.ini").read_text() == text
    assert (project / "more.ini").read_text() == more


def test_files_within_files_are_followed_and_a_broken_one_is_named(
    acpublish: CommandLine, project: Path, tmp_path: Path
) -> None:
    (project / "platformio.ini").write_text(f"[platformio]\nextra_configs = more.ini\n{INI}")
    (project / "more.ini").write_text("[platformio]\nextra_configs = last.ini\n")
    (project / "last.ini").write_text("[env:q]\nboard = q\n")
    assert (
        "environments: d1 (espressif8266, arduino), q"
        in acpublish("init", "-d", project, "--to", tmp_path).out
    )
    (project / "last.ini").write_text("board = q\n")
    refused = acpublish("init", "-d", project, "--to", tmp_path, "--yes")
    assert refused.status == 2
    assert "last.ini cannot be read: " in refused.error()


def test_a_section_that_a_file_elsewhere_overrides_is_told(
    acpublish: CommandLine, project: Path, tmp_path: Path
) -> None:
    text = f"[platformio]\nextra_configs = ../more.ini\n[env]\nextra_scripts = a.py\n{INI}"
    (project / "platformio.ini").write_text(text)
    more = project.parent / "more.ini"
    more.write_text("[env]\nextra_scripts = b.py\n")
    said = acpublish("init", "-d", project, "--to", tmp_path, "--yes")
    assert "more.ini, outside of this project: add post:acpublish_ota.py to its" in said.out
    assert more.read_text() == "[env]\nextra_scripts = b.py\n"
    assert "post:acpublish_ota.py" not in (project / "platformio.ini").read_text()


@pytest.mark.parametrize(
    "words",
    [
        ("--arduino", "core", "--to", "x"),
        ("--arduino-cli", "--undo"),
        ("--arduino-cli", "--to", "x"),
    ],
)
def test_options_that_do_not_go_together(acpublish: CommandLine, words: tuple[str, ...]) -> None:
    assert acpublish("init", *words).status == 2


def test_a_byte_order_mark_is_named(acpublish: CommandLine, project: Path) -> None:
    (project / "platformio.ini").write_text(INI, encoding="utf-8-sig")
    assert "byte order mark" in acpublish("init", "-d", project, "--yes").error()


def test_environments_of_one_board_are_told(
    acpublish: CommandLine, project: Path, tmp_path: Path
) -> None:
    (project / "platformio.ini").write_text(f"{INI}[env:debug]\nboard = d1_mini\n")
    said = acpublish("init", "-d", project, "--to", tmp_path, "--yes")
    assert "set custom_ota_board = d1_mini-debug in [env:debug]" in said.out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--to", "https://me:secret@h"), "the URL contains a user or a password"),
        (("--to", "a ; b"), "--to: platformio.ini cannot contain this value"),
        (("--to", "a\nb"), "--to: platformio.ini cannot contain this value"),
        (("--to", "http://"), "--to: "),
        (("--version", "1.0"), "--version: "),
        (("--version", ""), "--version is empty"),
    ],
)
def test_what_a_run_would_refuse_is_not_written(
    acpublish: CommandLine, project: Path, words: tuple[str, str], why: str
) -> None:
    refused = acpublish("init", "-d", project, "--yes", *words)
    assert refused.status != 0
    assert why in refused.error()
    assert "secret" not in refused.err
    assert (project / "platformio.ini").read_text() == INI


def test_what_pio_could_not_read_is_not_edited(acpublish: CommandLine, project: Path) -> None:
    (project / "platformio.ini").write_text(INI + INI)
    refused = acpublish("init", "-d", project, "--yes")
    assert refused.status == 2
    assert "section 'env:d1' already exists" in refused.error()


def test_whoever_says_no_finds_nothing_written(
    acpublish: CommandLine, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", lambda *given, **named: False)
    said = acpublish("init", "-d", project)
    assert said.status == 1
    assert said.out.endswith("nothing was written\n")
    assert (project / "platformio.ini").read_text() == INI


def test_the_home_of_an_unknown_user_is_no_reason_to_stop(
    acpublish: CommandLine, project: Path
) -> None:
    said = acpublish(
        "init", "-d", project, "--to", "~nosuchuser9/fw", "--version", "1.0.0", "--yes"
    )
    assert (said.status, said.err) == (0, "")
    assert (project / "~nosuchuser9" / "fw").is_dir()


def test_line_ends_of_a_core_stay(acpublish: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "platform.txt").write_text("name=x\n")
    local = tmp_path / "platform.local.txt"
    local.write_bytes(b"a=1\r\nb=2\r\n")
    acpublish("init", "--arduino", tmp_path, "--yes")
    assert local.read_bytes().count(b"\r\n") == 4
    assert "nothing to do" in acpublish("init", "--arduino", tmp_path, "--yes").out
    acpublish("init", "--arduino", tmp_path, "--undo", "--yes")
    assert local.read_bytes() == b"a=1\r\nb=2\r\n"


def test_an_option_without_a_value_gets_one(
    acpublish: CommandLine, project: Path, tmp_path: Path
) -> None:
    (project / "platformio.ini").write_text(f"{INI}custom_ota_to =\n")
    assert acpublish("init", "-d", project, "--to", tmp_path, "--yes").status == 0
    text = (project / "platformio.ini").read_text()
    assert text.count("custom_ota_to") == 1
    assert f"custom_ota_to = {tmp_path}  ; acpublish init\n" in text


def test_an_edited_script_stays(acpublish: CommandLine, project: Path, tmp_path: Path) -> None:
    (project / "acpublish_ota.py").write_text("# mine\n")
    acpublish("init", "-d", project, "--to", tmp_path, "--yes")
    assert (project / "acpublish_ota.py").read_text() == "# mine\n"
    assert "stays" in acpublish("init", "-d", project, "--undo", "--yes").out
    assert (project / "acpublish_ota.py").read_text() == "# mine\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "there is no platformio.ini"), ("", "no environment"), ("\xff", "not valid UTF-8")],
)
def test_no_project(acpublish: CommandLine, tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "platformio.ini").write_bytes(text.encode("latin-1"))
    refused = acpublish("init", "-d", tmp_path, "--yes")
    assert refused.status == 2
    assert said in refused.error()


def test_an_arduino_core(acpublish: CommandLine, tmp_path: Path) -> None:
    assert "no platform.txt" in acpublish("init", "--arduino", tmp_path, "--yes").error()
    (tmp_path / "platform.txt").write_text("name=x\n")
    local = tmp_path / "platform.local.txt"
    local.write_text("compiler.cpp.extra_flags=-DX")
    assert acpublish("init", "--arduino", tmp_path, "--yes").status == 0
    lines = local.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("compiler.cpp.extra_flags=-DX", build_property())
    assert "nothing to do" in acpublish("init", "--arduino", tmp_path, "--yes").out
    assert acpublish("init", "--arduino", tmp_path, "--undo", "--yes").status == 0
    assert local.read_text() == "compiler.cpp.extra_flags=-DX\n"
    local.write_text("recipe.hooks.objcopy.postobjcopy.90.pattern=echo\n")
    assert "already contains" in acpublish("init", "--arduino", tmp_path, "--yes").error()
    printed = acpublish("init", "--arduino-cli").out
    assert printed == f"--build-property '{build_property()}'\n"


def test_no_secret_of_the_ini_is_shown_and_none_written(
    acpublish: CommandLine, project: Path
) -> None:
    held = INI + "build_flags = -DWIFI_PSK=s3cret\ncustom_ota_token = s3cret\n"
    (project / "platformio.ini").write_text(held)
    refused = acpublish("init", "-d", project, "--yes", "--to", "http://me:s3cret@host")
    assert refused.status == 2
    assert "--to: the URL contains a user or a password" in refused.error()
    assert (project / "platformio.ini").read_text() == held
    said = acpublish("init", "-d", project, "--yes", "--to", "http://host")
    assert " build_flags = -DWIFI_PSK=***" in said.out
    assert "s3cret" not in said.out + said.err + refused.err
