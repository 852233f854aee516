"""The search for secrets finds what is planted, so that a test with it can fail."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.seeds import Seeds

SECRET = "p@ss word/5eed+of?a#planted/one"

FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda secret: secret,
    "cut": lambda secret: secret[:20],
    "percent": lambda secret: quote(secret, safe=""),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "basic": lambda secret: base64.b64encode(f"me:{secret}".encode()).decode(),
    "basic of a longer user": lambda secret: base64.b64encode(f"me2:{secret}".encode()).decode(),
    "urlsafe": lambda secret: base64.urlsafe_b64encode(f"user:{secret}/".encode()).decode(),
}


@pytest.fixture
def seeds() -> Seeds:
    return Seeds(values={"it": SECRET}, known={"it": ("known.txt", "sub/*.log")})


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found_in_a_text_and_in_a_file(
    seeds: Seeds, tmp_path: Path, form: str
) -> None:
    text = f"before{FORMS[form](SECRET)}after"
    (tmp_path / "a").mkdir()
    (tmp_path / "a/plain").write_text(text)
    (tmp_path / "a/packed").write_bytes(gzip.compress(text.encode()))
    assert {leak.place for leak in seeds.in_text(text, "printed")} == {"printed"}
    assert {leak.place for leak in seeds.in_files(tmp_path)} == {"a/plain", "a/packed"}


def test_a_name_of_a_file_is_searched_too(tmp_path: Path) -> None:
    (tmp_path / "5eed@host").mkdir()
    (leak,) = Seeds(values={"it": "5eed"}).in_files(tmp_path)
    assert leak.place == "the name 5eed@host"


def test_only_what_is_listed_may_hold_it(seeds: Seeds, tmp_path: Path) -> None:
    for name in ("known.txt", "other.txt"):
        (tmp_path / name).write_text(SECRET)
    assert {leak.place for leak in seeds.in_files(tmp_path)} == {"other.txt"}
    assert seeds.unmet() == {("it", "sub/*.log")}
