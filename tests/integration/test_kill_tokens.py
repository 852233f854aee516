"""A kill -9 between each two steps of a token command leaves the old tokens or the new ones."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from acpublish.release.grants import Grant, TokenRequest
from acpublish.server.token_file import FILE, Token, TokenStore
from acpublish.server.tokens import Tokens
from tests.integration.killing import kill_before
from tests.support.tokens import create_token
from tests.unit.server.test_token_file import FORMAT_1, LAMP_1

# The children only make system calls before they end, so threads of the parent do no harm.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

MOST_STEPS = 40
READ = TokenRequest(grant=Grant.of("", (), read=True, manage=False))


def create(state: Path) -> None:
    TokenStore(state).create(READ)


def revoke(state: Path) -> None:
    TokenStore(state).revoke("old")


def rotate(state: Path) -> None:
    TokenStore(state).rotate("old", timedelta(hours=1))


def rotate_at_once(state: Path) -> None:
    TokenStore(state).rotate("old", timedelta(0))


def revoke_format_1(state: Path) -> None:
    TokenStore(state).revoke("ef72b677")


def rotate_format_1(state: Path) -> None:
    TokenStore(state).rotate("ef72b677", timedelta(hours=1))


def nothing(state: Path) -> None:
    """There is no state folder yet."""


def two(state: Path) -> None:
    create_token(state, "lamp", name="kept")
    create_token(state, "door", name="old")


def format_1(state: Path) -> None:
    state.mkdir(mode=0o700)
    (state / FILE).write_text(FORMAT_1)
    (state / FILE).chmod(0o600)


def seen(state: Path, start: Path) -> list[Any]:
    """What is stored; of a time, or what a command drew by lot, only whether it is there."""
    if not (state / FILE).exists():
        return []
    document = json.loads((state / FILE).read_bytes())
    before = (start / FILE).read_text() if start.exists() else ""

    def shown(name: str, value: Any) -> Any:
        is_new = name in ("id", "sha256", "replaced_by") and f'"{value}"' not in before
        return value is not None if is_new or name in ("created", "expires") else value

    return [
        document["format"],
        *(
            {name: shown(name, value) for name, value in entry.items()}
            for entry in document["tokens"]
        ),
    ]


def killed(state: Path, step: int, command: Callable[[Path], None]) -> bool:
    """Runs a command in a child that is killed before its n-th step; tells whether it was."""
    child = os.fork()
    if child == 0:
        try:
            kill_before(step, state)
            command(state)
            os._exit(0)
        finally:
            os._exit(70)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize(
    ("prepare", "command"),
    [
        (nothing, create),
        (two, create),
        (two, revoke),
        (two, rotate),
        (two, rotate_at_once),
        (format_1, create),
        (format_1, revoke_format_1),
        (format_1, rotate_format_1),
    ],
)
def test_each_step(
    tmp_path: Path, prepare: Callable[[Path], None], command: Callable[[Path], None]
) -> None:
    start, finished = tmp_path / "start", tmp_path / "finished"
    prepare(start)
    old = seen(start, start)
    if old:
        shutil.copytree(start, finished)
    command(finished)
    new = seen(finished, start)
    assert old != new
    before = (start / FILE).read_bytes() if old else b""

    outcomes = []
    for step in range(1, MOST_STEPS):
        state = tmp_path / str(step)
        if old:
            shutil.copytree(start, state)
        was_killed = killed(state, step, command)
        left = seen(state, start)
        assert left in (old, new), f"step {step}"
        is_old = left == old
        assert not (is_old and old) or (state / FILE).read_bytes() == before
        outcomes.append(is_old)
        if prepare is format_1:
            # The token that nobody touched is valid before and after the upgrade.
            assert isinstance(Tokens(state).allowed(LAMP_1, "lamp"), Token)
        # The lock ended with the process, and the next command works.
        if is_old:
            command(state)
            assert seen(state, start) == new
        text = create_token(state, "bell")
        assert isinstance(Tokens(state).allowed(text, "bell"), Token)
        # Whatever is left over is as private as the tokens are.
        assert {path.stat().st_mode & 0o077 for path in state.rglob("*")} == {0}
        shutil.rmtree(state)
        if not was_killed:
            break
    else:
        pytest.fail("the command never came to its end")
    # Old until the commit, new from then on, and both were met.
    assert outcomes == sorted(outcomes, reverse=True)
    assert {True, False} == set(outcomes)
    assert len(outcomes) > 5
