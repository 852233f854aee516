"""``acpublish publish --dry-run``: the plan is what a publish then does."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import images
from tests.support.server import running_server
from tests.support.tokens import create_token
from tests.unit.cli.invoking import CommandLine, Said

BASE = ("--product", "lamp", "--board", "d1_mini", "--core", "3.1.2")


def plan_of(said: Said) -> dict[str, str]:
    """Returns the rows between the first line and the last."""
    assert (said.status, said.err) == (0, "")
    rows = said.out.splitlines()[1:-1]
    # Names and values are in two columns.
    width = rows[0].index("1.")
    return {row[:width].strip(): row[width:] for row in rows}


def test_the_plan_is_what_happens(
    acpublish: CommandLine, firmware: Path, catalog: Path, tmp_path: Path
) -> None:
    firmware.write_bytes(images.esp8266_image(compressible=True))
    words = ("publish", firmware, "--to", catalog, *BASE, "--compress")
    acpublish(*words, "--version", "1.0.0")
    (tmp_path / "VERSION").write_text("1.1.0\n", encoding="utf-8")
    words = (*words, "--version", "file:VERSION")

    rows = plan_of(acpublish(*words, "--dry-run"))
    facts = acpublish(*words, "--dry-run", "--json").json()
    done = acpublish(*words, "--json").json()

    share = 100 * done["compressed"]["size"] / done["size"]
    assert rows == {
        "version": "1.1.0, from file:VERSION (--version)",
        "file": "lamp/lamp-1.1.0_d1_mini.bin, new",
        "size": f"{done['size']} bytes",
        "sha256": hashlib.sha256((catalog / done["file"]).read_bytes()).hexdigest(),
        "gzip": f"{done['compressed']['size']} bytes ({share:.0f} %)",
        "channel": "stable: from 1.0.0 to 1.1.0",
        "signature": "none",
        "not checked": "flash-size, ota-space, debug-build (known if PlatformIO publishes); "
        "dirty (known if the file is in a git repository)",
        "request": "none: the catalog is a directory",
    }
    assert facts["plan"] == {
        "version_from": "file:VERSION (--version)",
        "new": True,
        "before": "1.0.0",
        "after": "1.1.0",
        "signed_by": [],
        "request": None,
    }
    assert {**facts, "dry_run": False, "plan": None} == done

    again = plan_of(acpublish(*words, "--dry-run"))
    assert again["file"] == "lamp/lamp-1.1.0_d1_mini.bin, already published"
    assert again["channel"] == "stable: stays at 1.1.0"
    beta = plan_of(acpublish(*words, "--dry-run", "--channel", "beta"))
    assert beta["channel"] == "beta: from nothing to 1.1.0"


def test_the_plan_for_a_server_is_the_request_that_is_sent(
    acpublish: CommandLine,
    firmware: Path,
    catalog: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = tmp_path / "key.pem"
    acpublish("key", "create", "-o", key)
    with running_server(catalog, tmp_path) as server:
        monkeypatch.setenv("ACPUBLISH_TOKEN", create_token(tmp_path / "state", "lamp"))
        monkeypatch.setenv("ACPUBLISH_VERSION", "env:FIRMWARE")
        monkeypatch.setenv("FIRMWARE", "1.2.0")
        words = ("publish", firmware, "--to", server.url, *BASE, "--key", key)
        planned = acpublish(*words, "--dry-run", "-v")
        sent = acpublish(*words, "-v")
    assert "PUT" not in planned.err
    rows = plan_of(Said(planned.status, planned.out, ""))
    assert rows["version"] == "1.2.0, from env:FIRMWARE (ACPUBLISH_VERSION)"
    assert f"acpublish: {rows['request']}: 201 in " in sent.err
    assert rows["signature"] not in ("none", "")
    assert planned.out.splitlines()[-1] == sent.out.splitlines()[-1]
    assert "acp_" not in planned.out + planned.err


def test_the_plan_tells_the_state_of_git(
    acpublish: CommandLine, firmware: Path, catalog: Path, tmp_path: Path
) -> None:
    (tmp_path / ".gitignore").write_text("*\n", encoding="utf-8")
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=m")

    def plan() -> Any:
        words = ("publish", firmware, "--to", catalog, *BASE, "--version", "git")
        return acpublish(*words, "--dry-run", "--json").json()["plan"]["version_from"]

    for commands, words in (
        ((("init", "-q"), ("commit", "-qm", "x", "--allow-empty")), "1 commit and no tag"),
        ((("tag", "v1.0.0"),), "tag v1.0.0"),
        ((("commit", "-qm", "y", "--allow-empty"),), "1 commit after tag v1.0.0"),
        ((("add", "-f", ".gitignore"),), "1 commit after tag v1.0.0, and changes"),
    ):
        for command in commands:
            subprocess.run(["git", *who, *command], cwd=tmp_path, check=True, capture_output=True)
        assert plan() == f"git: {words} (--version)"
