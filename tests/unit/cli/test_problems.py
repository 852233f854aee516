"""A failure with ``--json``: exactly one problem on stdout, and its exit status."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from acpublish.cli import COMMANDS, exit_status
from acpublish.cli import acpublish as group
from tests.support import images
from tests.unit.cli.invoking import CommandLine, python

NAMES = ("--product", "lamp", "--version", "1.2.3", "--board", "d1_mini")
#: For each command with --json, a call that fails.
FAILING = {
    "backup": ("fleet.backup", "--to", "missing"),
    "channels": ("lamp", "--to", "missing"),
    "check": ("missing.bin",),
    "config": ("-e", "nothing"),
    "delete": ("lamp", "1.0.0", "--to", "missing", "--reason", "a secret"),
    "deploy": ("lamp", "1.0.0", "--device", "kitchen", "--to", "missing"),
    "device-credentials list": ("--to", "missing"),
    "device-credentials revoke": ("lamp", "--user", "esp", "--to", "missing"),
    "device-credentials set": ("lamp", "--user", "esp", "--to", "missing"),
    "device-path create": ("lamp", "--to", "missing"),
    "device-path list": ("--to", "missing"),
    "device-path revoke": ("nothing", "--to", "missing"),
    "devices forget": ("kitchen", "--to", "missing", "--yes"),
    "devices group": ("kitchen", "house", "--to", "missing"),
    "devices list": ("--to", "missing"),
    "devices name": ("kitchen", "attic", "--to", "missing"),
    "devices note": ("kitchen", "it hums", "--to", "missing"),
    "devices retry": ("--flagged", "--to", "missing"),
    "devices show": ("kitchen", "--to", "missing"),
    "devices tag": ("kitchen", "canary", "--to", "missing"),
    "diff": ("missing.bin", "firmware.bin"),
    "doctor": ("ftp://x",),
    "emulate": ("--to", "ftp://x", "x.bin"),
    "explain": ("lamp", "--to", "missing", "--board", "d1_mini"),
    "history": ("lamp", "--to", "missing"),
    "import": ("missing", "--to", "catalog", "--yes"),
    "inspect": ("missing.bin",),
    "key resign": ("--to", "catalog", "--product", "lamp", "--key", "missing.pem"),
    "key show": ("missing.pem",),
    "key trust": ("--to", "missing", "--product", "lamp"),
    "list": ("--to", "missing"),
    "login-link": ("--to", "missing"),
    "pin": ("kitchen", "1.0.0", "--to", "missing"),
    "policy clear": ("lamp", "stable", "--to", "missing"),
    "policy set": ("lamp", "stable", "--to", "catalog", "--stages", "0"),
    "policy show": ("lamp", "stable", "--to", "missing"),
    "promote": ("lamp", "1.0.0", "--to", "missing", "--channel", "beta"),
    "publish": ("firmware.bin", "--to", "missing", *NAMES),
    "restore": ("missing", "--to", "catalog"),
    "retain": ("lamp", "--to", "missing", "--keep", "3"),
    "rollback": ("lamp", "--to", "missing", "--channel", "stable"),
    "rollout abort": ("lamp", "--to", "missing"),
    "rollout advance": ("lamp", "--to", "missing"),
    "rollout pause": ("lamp", "--to", "missing"),
    "rollout plan": ("lamp", "1.0.0", "--channel", "stable", "--to", "missing"),
    "rollout resume": ("lamp", "--to", "missing"),
    "rollout start": ("lamp", "1.0.0", "--channel", "stable", "--to", "missing"),
    "rollout status": ("--to", "missing"),
    "sign": ("firmware.bin", "--key", "missing.pem", "-o", "out.bin"),
    "simulate": ("--profile", "missing.toml"),
    "stamp": ("missing.bin", "--product", "lamp", "--version", "1.0.0", "-o", "out.bin"),
    "status": ("--to", "missing"),
    "token create": ("--to", "catalog"),
    "token list": ("--to", "missing"),
    "token revoke": ("nothing", "--to", "catalog"),
    "token rotate": ("nothing", "--to", "catalog"),
    "verify": ("firmware.bin", "--key", "missing.pem"),
    "webhook add": ("ftp://example.com/", "--to", "catalog"),
    "webhook list": ("--to", "missing"),
    "webhook remove": ("nothing", "--to", "catalog"),
    "webhook test": ("nothing", "--to", "catalog"),
    "webhook undelivered": ("nothing", "--to", "catalog"),
    "withdraw": ("lamp", "1.0.0", "--to", "missing", "--reason", "it hangs"),
}


def with_json() -> list[str]:
    """Returns each command that has the option --json."""
    found = []
    with click.Context(group) as context:
        for name in COMMANDS:
            command = group.get_command(context, name)
            assert command is not None
            parts = command.commands if isinstance(command, click.Group) else {"": command}
            for part, parsed in parts.items():
                if any("--json" in parameter.opts for parameter in parsed.params):
                    found.append(f"{name} {part}".strip())
    return found


@pytest.mark.parametrize("name", with_json())
def test_every_command_with_json_fails_with_one_problem(
    acpublish: CommandLine, firmware: Path, catalog: Path, name: str
) -> None:
    said = acpublish(*name.split(), *FAILING[name], "--json")
    problem = said.problem()
    assert problem["status"] in range(2, 9)
    assert problem["error"]
    assert problem["hint"]
    assert problem["code"] != "internal"
    # Without the option, stdout stays empty.
    assert acpublish(*name.split(), *FAILING[name]).error()


@pytest.mark.parametrize("name", with_json())
def test_a_wrong_call_is_a_problem_as_well(acpublish: CommandLine, name: str) -> None:
    problem = acpublish(*name.split(), "--nothing", "--json").problem()
    assert (problem["code"], problem["status"]) == ("usage", 2)
    assert problem["hint"] == f"See acpublish {name} --help."


def test_a_failed_check_and_a_conflict_are_named(
    acpublish: CommandLine, firmware: Path, catalog: Path
) -> None:
    words = ("publish", firmware, "--to", catalog, *NAMES)
    problem = acpublish(*words, "--chip", "esp32", "--json").problem()
    assert (problem["code"], problem["check"], problem["status"]) == ("check", "chip", 7)
    assert acpublish(*words).status == 0
    firmware.write_bytes(images.esp8266_image(seed=2))
    problem = acpublish(*words, "--json").problem()
    assert (problem["code"], problem["status"]) == ("conflict", 4)
    assert problem["hint"]


def test_no_secret_is_in_a_problem(acpublish: CommandLine, firmware: Path) -> None:
    said = acpublish("list", "--to", "http://me:s3cret-s3cret@h:1", "--json")
    assert said.problem()["status"] == 2
    assert "s3cret" not in said.out + said.err


def test_a_word_that_only_looks_like_the_option_is_none(acpublish: CommandLine) -> None:
    assert acpublish("inspect", "--", "--json").error()


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, click.Abort])
def test_an_interruption_is_a_problem(
    acpublish: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    firmware: Path,
    interrupt: type[BaseException],
) -> None:
    def interrupted(path: Path) -> None:
        raise interrupt

    monkeypatch.setattr("acpublish.api.read_image", interrupted)
    problem = acpublish("inspect", firmware, "--json").problem()
    assert (problem["code"], problem["status"]) == ("interrupted", 130)


def test_ctrl_c_ends_a_real_process_with_its_status(tmp_path: Path) -> None:
    # It waits for the rest of its token on standard input.
    words = ("publish", "x.bin", "--to", "http://127.0.0.1:9", "--token-file", "-", *NAMES)
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "acpublish", *words, "--json"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        # The last module that is loaded before it reads.
        for line in process.stderr:
            if line.rstrip().endswith("acpublish.settings.platformio_layer"):
                break
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == exit_status.INTERRUPTED
    assert json.loads(out)["code"] == "interrupted"
    assert "Traceback" not in err


def test_output_that_breaks_has_no_problem_on_it(tmp_path: Path) -> None:
    # A reader that is gone from the start: even the problem cannot be written.
    done = python(
        "import os, subprocess, sys\n"
        "reader, writer = os.pipe()\n"
        "os.close(reader)\n"
        "done = subprocess.run(\n"
        "    [sys.executable, '-m', 'acpublish', 'inspect', 'missing.bin', '--json'],\n"
        "    stdout=writer, stderr=subprocess.PIPE)\n"
        "print(done.returncode)\n"
        "print(done.stderr.decode(), end='')"
    )
    status, *lines = done.stdout.splitlines()
    # The failure matters more than the output that is lost.
    assert int(status) == 7
    assert len(lines) == 1
    assert "missing.bin cannot be read" in lines[0]


def test_a_fault_of_our_own_is_a_problem(
    acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch, firmware: Path
) -> None:
    def broken(path: Path) -> None:
        raise KeyError("secret")

    monkeypatch.setattr("acpublish.api.read_image", broken)
    said = acpublish("inspect", firmware, "--json")
    assert said.problem()["status"] == exit_status.INTERNAL
    assert "KeyError" in said.problem()["error"]
    assert "secret" not in said.out


def test_several_documents_are_never_printed(
    acpublish: CommandLine, firmware: Path, catalog: Path
) -> None:
    (catalog.parent / "broken.bin").write_bytes(b"no image")
    words = ("publish", "a=broken.bin", "b=missing.bin", f"c={firmware}", "--to", catalog)
    said = acpublish(*words, *NAMES, "--json")
    assert json.loads(said.out)["status"] == 7
    assert len(said.err.splitlines()) == 2
