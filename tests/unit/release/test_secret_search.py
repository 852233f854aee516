"""Secrets are found, shown masked, and accepted by digest; headings and look-alikes are none."""

from __future__ import annotations

import base64
import hashlib
import random
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acpublish.image.reader import read
from acpublish.release.checks.facts import Facts, Severity
from acpublish.release.checks.registry import run
from acpublish.release.secret_search import find_secrets
from tests.support import images


def letters(count: int, seed: int = 1) -> str:
    """Returns text that no key was ever made of, so that no scanner takes this file for a leak."""
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ234567"
    return "".join(random.Random(seed).choices(alphabet, k=count))


KEY_BODY = base64.b64encode(images.filler(600, 3)).decode()
TOKENS = {
    "AWS access key": "AKIA" + letters(16),
    "GitHub token": "ghp_" + letters(36),
    "Slack token": "xoxb-" + letters(12) + "-" + letters(24),
    "Slack webhook": f"hooks.slack.com/services/T{letters(8)}/B{letters(8)}/{letters(24)}",
    "Google API key": "AIza" + letters(35),
    "Stripe key": "sk_live_" + letters(24),
    "JSON web token": f"eyJ{letters(20)}.eyJ{letters(40)}.{letters(43)}",
    "acpublish token": "acp_" + letters(43),
    "GitLab token": "glpat-" + letters(20),
    "npm token": "npm_" + letters(36),
    "Hugging Face token": "hf_" + "abcdefgh" * 4 + "xy",
    "language model key": "sk-ant-api03-" + letters(40),
    "SendGrid key": f"SG.{letters(22)}.{letters(43)}",
    "private key": f"-----BEGIN EC PRIVATE KEY-----\n{KEY_BODY}\n-----END EC PRIVATE KEY-----",
}


def within(text: str) -> bytes:
    return images.filler(1000, 5) + b"\0" + text.encode() + b"\0" + images.filler(1000, 6)


@pytest.mark.parametrize("kind", sorted(TOKENS))
def test_a_known_shape_is_found_and_masked(kind: str) -> None:
    (found,) = find_secrets(within(TOKENS[kind]))
    assert found.what == f"a {kind}"
    assert found.offset == 1001
    shown = found.masked.removesuffix("********")
    assert found.masked != shown
    assert TOKENS[kind].startswith(shown)
    assert TOKENS[kind].removeprefix(shown) not in repr(found)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"1234567890:AA{letters(33)}", "Telegram bot token"),
        (f"mqtt://lamp:{letters(8)}@broker.example", "password in a URL"),
        (f"-----BEGIN PRIVATE KEY-----\\n{KEY_BODY}\\n-----END PRIVATE KEY-----", "private key"),
        (f"-----BEGIN PRIVATE KEY-----{KEY_BODY}-----END PRIVATE KEY-----", "private key"),
        (f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{KEY_BODY}", "private key"),
    ],
)
def test_a_secret_within_other_text_is_found_and_masked(text: str, kind: str) -> None:
    (found,) = find_secrets(within(text))
    assert found.what == f"a {kind}"
    assert letters(8) not in repr(found)
    assert KEY_BODY[:8] not in repr(found)


@pytest.mark.parametrize("kind", sorted(set(TOKENS) - {"private key"}))
def test_it_is_accepted_by_its_digest(kind: str) -> None:
    digest = hashlib.sha256(TOKENS[kind].encode()).hexdigest()
    (found,) = find_secrets(within(TOKENS[kind]))
    assert digest.startswith(found.digest)
    for accepted in (found.digest, digest, digest[:8]):
        assert not find_secrets(within(TOKENS[kind]), accepted=(accepted,))
    assert find_secrets(within(TOKENS[kind]), accepted=("0" * 8,))


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN RSA PRIVATE KEY-----\0-----END RSA PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\n" + KEY_BODY,
        "-----BEGIN PUBLIC KEY-----\n" + KEY_BODY,
        "xAKIA" + letters(16),
        "AKIA" + letters(17),
        "AKIA" + letters(15),
        "ghp_short",
        "AIza" + letters(30),
        "eyJub3QgYSB0b2tlbg",
        "acp_event_loop",
        "xoxo",
        "hooks.slack.com/services/",
        "http://%s:%s@%s/",
        "http://192.168.1.10:8000/a@b",
        "-----BEGIN PRIVATE KEY-----short",
        "sk-proj-short",
    ],
)
def test_what_only_looks_like_one(text: str) -> None:
    assert find_secrets(within(text)) == ()


def test_known_values_are_found_by_name_and_never_shown() -> None:
    values = {"-D WIFI_PASS": "correct horse", "$TOKEN": "not there", "-D PIN": "1234"}
    (found,) = find_secrets(within("correct horse 1234"), values)
    assert (found.what, found.masked) == ("the value of -D WIFI_PASS", "********")
    assert "correct" not in repr(found)


def test_each_is_told_once_and_not_too_many() -> None:
    token = TOKENS["GitHub token"]
    assert len(find_secrets(within(f"{token} {token}"))) == 1
    assert len(find_secrets(" ".join("ghp_" + letters(36, n) for n in range(50)).encode())) == 20


@given(st.binary(max_size=400), st.dictionaries(st.text(max_size=4), st.text(max_size=9)))
def test_any_bytes_give_a_result(data: bytes, values: dict[str, str]) -> None:
    for prefix in (b"", b"-----BEGIN PRIVATE KEY-----\n", b"eyJ"):
        find_secrets(prefix + data, values)


@pytest.mark.parametrize(
    "data",
    [
        b"eyJ" * 350_000,
        b"-----BEGIN " * 100_000,
        b"-----BEGIN PRIVATE KEY-----\n" * 40_000,
        b"-----BEGIN PRIVATE KEY-----\n" + b"A: b\n" * 200_000,
        b"-----BEGIN PRIVATE KEY-----\n" + b"A \n" * 300_000,
        b"eyJ" + b"a" * 10 + b"." + b"eyJ" * 300_000,
    ],
)
def test_no_bytes_make_it_slow(data: bytes) -> None:
    started = time.process_time()
    find_secrets(data)
    assert time.process_time() - started < 2


def test_a_secret_is_a_warning_or_an_error_and_says_what_to_accept() -> None:
    image = read(images.esp8266_image())
    (secret,) = found = find_secrets(within(TOKENS["GitHub token"]))
    facts = Facts(image=image, secrets=found)
    for given_facts, severity in (
        (facts, Severity.WARNING),
        (replace(facts, secrets_stop=True), Severity.ERROR),
    ):
        (result,) = [one for one in run(given_facts) if one.check.name == "secrets"]
        (finding,) = result.findings
        assert finding.severity is severity
        assert secret.digest in finding.hint
        assert TOKENS["GitHub token"] not in str(finding)
    (unknown,) = [one for one in run(Facts(image=image)) if one.check.name == "secrets"]
    assert unknown.lacks == "the bytes of the image"
