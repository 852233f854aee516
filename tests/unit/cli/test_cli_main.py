"""The command line as a whole: help, lazy imports, one-line errors."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

import acpublish as package
from acpublish import errors
from acpublish.cli import COMMANDS, exit_status
from acpublish.cli import acpublish as group
from tests.support import images
from tests.unit.cli.invoking import CommandLine, python

HEAVY = ("requests", "rich", "starlette", "uvicorn", "httptools", "uvloop", "esptool")


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_help_lists_every_command(acpublish: CommandLine, words: tuple[str, ...]) -> None:
    said = acpublish(*words)
    assert said.status == 0
    for name, help_text in COMMANDS.items():
        assert f"  {name} " in said.out
        assert help_text.split()[0] in said.out


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(acpublish: CommandLine, name: str) -> None:
    for option in ("-h", "--help"):
        said = acpublish(name, option)
        assert said.status == 0
        assert said.out.startswith(f"Usage: acpublish {name} ")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_is_listed_under_its_own_name(name: str) -> None:
    with click.Context(group) as context:
        command = group.get_command(context, name)
    assert command is not None
    assert command.name == name


def test_version(acpublish: CommandLine) -> None:
    said = acpublish("--version")
    assert said.status == 0
    assert said.out.split()[-1] == package.__version__


def test_python_m_acpublish_is_the_same(firmware: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "acpublish", "inspect", str(firmware)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "esp8266" in done.stdout


@pytest.mark.parametrize(
    "program",
    [
        "import acpublish",
        "import acpublish.pio",
        "from acpublish.cli import main; main(['--help'])",
        "from acpublish.cli import main; main(['serve', '--help'])",
        "from acpublish.cli import main; main(['publish', '--help'])",
        "from acpublish.cli import main; main(['list', '--help'])",
        "from acpublish.cli import main; main(['inspect', '/dev/null'])",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(program: str) -> None:
    done = python(
        f"import sys\n{program}\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "[]"


def test_the_hook_imports_the_standard_library_only() -> None:
    done = python(
        "import sys\nimport acpublish.pio\n"
        "ours = [name for name in sys.modules if name.split('.')[0] == 'click']\n"
        "print(ours)"
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("missing", ["starlette", "uvicorn", "httptools"])
def test_a_server_without_its_extra_says_what_to_install(tmp_path: Path, missing: str) -> None:
    done = python(
        f"import sys\nsys.modules[{missing!r}] = None\n"
        "from acpublish.cli import main\n"
        f"sys.exit(main(['serve', '--catalog', {str(tmp_path)!r}, '--port', '0']))"
    )
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("acpublish: error: the server needs ")
    assert missing in lines[0]
    assert "pip install 'acpublish[server]'" in lines[0]


@pytest.mark.parametrize(
    "words",
    [
        ("nothing",),
        ("--nothing",),
        ("publish",),
        ("publish", "--nothing", "x"),
        ("inspect",),
        ("serve", "--port", "99999"),
        ("serve", "--log", "loud"),
        ("serve", "--grace", "-1"),
        ("stamp", "x"),
        ("token", "create"),
        ("emulate", "http://127.0.0.1:9"),
    ],
)
def test_a_wrong_call_is_one_line_with_status_2(
    acpublish: CommandLine, words: tuple[str, ...]
) -> None:
    said = acpublish(*words)
    assert said.status == 2
    assert said.error()


def test_a_fault_of_our_own_is_one_line(
    acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch, firmware: Path
) -> None:
    def broken(path: Path) -> None:
        raise KeyError("secret")

    monkeypatch.setattr("acpublish.api.read_image", broken)
    said = acpublish("inspect", firmware)
    assert said.status == 70
    assert "internal error in acpublish (KeyError)" in said.error()
    assert "secret" not in said.err
    monkeypatch.setenv("ACPUBLISH_DEBUG", "1")
    assert "Traceback" in acpublish("inspect", firmware).err


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, click.Abort])
def test_ctrl_c_is_status_130_and_no_traceback(
    acpublish: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    firmware: Path,
    interrupt: type[BaseException],
) -> None:
    def interrupted(path: Path) -> None:
        raise interrupt

    monkeypatch.setattr("acpublish.api.read_image", interrupted)
    said = acpublish("inspect", firmware)
    assert said.status == 130
    assert "Traceback" not in said.err


@pytest.mark.parametrize("words", [("list", ".", "--json"), ("--help",), ("inspect", "lamp.bin")])
def test_a_reader_that_leaves_is_a_status_and_no_message(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "lamp.bin").write_bytes(images.esp8266_image())
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "acpublish", *words],
        cwd=tmp_path,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == exit_status.BROKEN_PIPE


def test_an_error_is_shown_with_what_to_do(
    acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch, firmware: Path
) -> None:
    def wrong(path: Path) -> None:
        raise errors.DamagedImageError("it is\nbroken", hint="Build it again.")

    monkeypatch.setattr("acpublish.api.read_image", wrong)
    said = acpublish("inspect", firmware)
    assert said.error() == "acpublish: error: it is broken. Build it again."


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_output_that_cannot_be_written_is_one_line(catalog: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "acpublish", "list", str(catalog), "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == exit_status.OUTPUT
    assert done.stderr.startswith(
        "acpublish: error: the output cannot be written: no space left on device. "
    )
    assert len(done.stderr.splitlines()) == 1


def test_what_is_logged_is_a_warning_said_once(
    acpublish: CommandLine, firmware: Path, catalog: Path
) -> None:
    words = ("--to", catalog, "--product", "lamp", "--version", "1.0.0", "--board", "d1")
    acpublish("publish", firmware, *words)
    (catalog / ".acpublish/releases/lamp/1.0.0.json").write_text("{")
    done = python(
        f"from acpublish.cli import main\nmain(['list', {str(catalog)!r}, '--path', 'lamp'])\n"
    )
    assert done.stderr.startswith("acpublish: warning: left out: .acpublish/releases/lamp/")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("check", "x.bin"),
        ("inspect", "x.bin"),
        ("key", "show", "x.bin"),
        ("publish", "x.bin", "--to", ".", "--product", "a", "--version", "1.0.0", "--board", "b"),
        ("sign", "x.bin", "--key", "k.pem", "-o", "y.bin"),
        ("stamp", "x.bin", "--product", "a", "--version", "1.0.0", "-o", "y.bin"),
        ("verify", "x.bin", "--key", "k.pem"),
    ],
)
def test_a_file_that_may_not_be_read_is_no_wrong_usage(
    acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    Path("x.bin").touch()
    Path("k.pem").touch()
    # Root can read everything, so both ways to find out are made to refuse.
    monkeypatch.setattr("os.access", lambda *_, **__: False)
    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    said = acpublish(*words)
    assert said.status in (2, 7)
    assert "cannot be read: permission denied" in said.error()
    assert "--help" not in said.err


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("serve --bind ''", "--bind"),
        ("serve --catalog=", "--catalog"),
        ("import ''", "an argument"),
        ("token create --publish lamp --state ' '", "--state"),
        ("doctor ''", "an argument"),
        ("publish x.bin --skip-check ''", "--skip-check"),
        ("publish x.bin --accept-secret ''", "--accept-secret"),
        ("config -e ''", "-e"),
        ("key create -o ''", "-o"),
    ],
)
def test_no_option_and_no_argument_may_be_empty(
    acpublish: CommandLine, words: str, name: str
) -> None:
    said = acpublish(*shlex.split(words))
    assert said.status == 2
    assert said.error().startswith(f"acpublish: error: {name} is empty. Pass a value, or omit the")


def test_an_error_without_a_file_is_not_taken_for_the_output(
    acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch, firmware: Path
) -> None:
    def wrong(path: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("acpublish.api.read_image", wrong)
    said = acpublish("inspect", firmware)
    assert said.status == 70
    assert "internal error in acpublish (OSError)" in said.error()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("publish x --too y", "Did you mean '--to'? See acpublish publish --help."),
        ("serve --port x", "'--port' / '-p': 'x' is not a valid number. See acpublish serve"),
        ("serve --grace x", "'--grace': 'x' is not a valid number. See acpublish serve"),
        ("device http://h:1?a=b /x", "the URL has a query without a path. Write a /"),
        ("init --arduino-cli --undo", "--arduino-cli cannot be combined with other options."),
        ("init --arduino x --to y", "--arduino can be combined only with --undo."),
        ("check x --skip-check signature=no", "It protects devices; see acpublish check"),
    ],
)
def test_what_a_wrong_call_is_told(acpublish: CommandLine, words: str, line: str) -> None:
    assert line in acpublish(*shlex.split(words)).error()
