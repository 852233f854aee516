"""Links that sign in, and how guesses are counted."""

from __future__ import annotations

import stat
from pathlib import Path

from acpublish.server.login_links import (
    FILE,
    GUESSES,
    GUESSES_OF_ALL,
    LASTS_S,
    Guesses,
    LoginLinks,
    has_signed_in,
    note_sign_in,
)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_link_is_for_one_use_within_ten_minutes() -> None:
    clock = Clock()
    links = LoginLinks(clock)
    path, _, secret = links.new().partition("#")
    assert path == "/_/sign-in"
    assert len(secret) >= 43
    assert not links.use(secret[:-1])
    assert links.use(secret)
    assert not links.use(secret)
    late = links.new().partition("#")[2]
    clock.now += LASTS_S
    assert not links.use(late)


def test_there_are_few_links() -> None:
    links = LoginLinks()
    secrets = [links.new().partition("#")[2] for _ in range(25)]
    assert [bool(links.use(secret)) for secret in secrets] == [False] * 5 + [True] * 20


def test_wrong_guesses_are_counted_by_network() -> None:
    clock = Clock()
    guesses = Guesses(clock)
    for number in range(GUESSES):
        assert guesses.wait_s("2001:db8::1") == 0
        guesses.note_wrong(f"2001:db8::{number:x}")
    assert 0 < guesses.wait_s("2001:db8::ffff") <= 60
    assert guesses.wait_s("192.0.2.1") == 0
    clock.now += 60
    assert guesses.wait_s("2001:db8::1") == 0


def test_wrong_guesses_are_counted_in_all() -> None:
    guesses = Guesses(Clock())
    guesses.wait_s(None)
    for number in range(GUESSES_OF_ALL):
        guesses.note_wrong(f"192.0.2.{number}")
    assert guesses.wait_s("192.0.2.1") > 0
    # Whoever has not guessed is not kept out by those who have.
    assert guesses.wait_s("198.51.100.1") == 0
    guesses.note_wrong("198.51.100.1")
    assert guesses.wait_s("198.51.100.1") > 0


def test_that_somebody_has_signed_in_is_remembered(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert not has_signed_in(state)
    note_sign_in(state)
    assert has_signed_in(state)
    first = (state / FILE).read_bytes()
    note_sign_in(state)
    assert (state / FILE).read_bytes() == first
    assert stat.S_IMODE((state / FILE).stat().st_mode) == 0o600


def test_a_state_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    note_sign_in(tmp_path / "state" / "deeper")
    assert not has_signed_in(tmp_path / "state" / "deeper")
