"""Arguments of a function are checked as settings are, and errors name the argument."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from acpublish.catalog.state import state_dir
from acpublish.errors import AcpublishError, BadNameError, SettingsError, VersionError
from acpublish.keys import PrivateKey, create_key
from acpublish.publishing.options import PublishOptions
from acpublish.settings.arguments import publish_options
from acpublish.settings.setting_names import NAMES

DIGEST = "0123456789ab"


def options(**changes: Any) -> PublishOptions:
    given: dict[str, Any] = {
        "to": "catalog",
        "product": "lamp",
        "version": "1.0.0",
        "board": "d1",
        "channel": None,
        "kind": "firmware",
        "chip": None,
        "core": None,
        "compress": False,
        "no_downgrade_below": None,
        "requires": None,
        "by": "",
        "token": None,
        "insecure_http": False,
        "ca": None,
        "signing_key": None,
        "partitions": None,
        "skip_checks": {},
        "secret_scan": None,
        "accept_secrets": (),
        "provenance": {},
    }
    assert set(given) - {"provenance"} <= set(NAMES)
    return publish_options(**{**given, **changes})


def test_what_is_given_is_in_the_options() -> None:
    made = options(
        to=Path("catalog"), channel=" beta ", core="3.1.2", provenance={"core": "2.7.4", "a": "b"}
    )
    assert made.destination.to == "catalog"
    assert made.destination.state == state_dir(Path("catalog"), os.environ)
    assert (made.product, made.version_source, made.board) == ("lamp", "1.0.0", "d1")
    assert made.channel == "beta"
    assert made.provenance == {"core": "3.1.2", "a": "b"}


def test_who_publishes_and_how_far_devices_go_back() -> None:
    made = options(no_downgrade_below=" 2.0.0 ", by="anna")
    assert (str(made.no_downgrade_below), made.by) == ("2.0.0", "anna")
    assert (options().no_downgrade_below, options().by) == (None, "")


def test_what_devices_have_to_run() -> None:
    assert options(requires=" >=1.4.0,<2.0.0 ").requires == ">=1.4.0,<2.0.0"
    assert options().requires is None


def test_a_server_gets_the_token() -> None:
    destination = options(to="http://h:8000/", token="secret", insecure_http=True).destination
    assert (destination.to, destination.token) == ("http://h:8000", "secret")
    assert destination.insecure_http
    assert options(token="secret").destination.token is None


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"product": "A b"}, BadNameError, "product: the product name 'A b'"),
        ({"board": "A b"}, BadNameError, "board: "),
        ({"channel": "A b"}, BadNameError, "channel: "),
        ({"version": "v1"}, VersionError, "version: "),
        ({"core": "3.1"}, VersionError, "core: "),
        ({"no_downgrade_below": "2"}, VersionError, "no_downgrade_below: "),
        ({"requires": "1.4.0"}, VersionError, "requires: '1.4.0' is not a comparison"),
        ({"requires": ">2.0.0,<1.0.0"}, VersionError, "requires: no version satisfies"),
        ({"by": "a\nb"}, SettingsError, "by: the name contains a control character"),
        ({"by": "x" * 65}, SettingsError, "by: the name is 65 characters long"),
        ({"kind": "sketch"}, SettingsError, "kind: "),
        ({"chip": "8266"}, SettingsError, "chip: "),
        ({"secret_scan": "never"}, SettingsError, "secret_scan: "),
        ({"accept_secrets": ["xyz"]}, SettingsError, "accept_secrets: "),
        ({"skip_checks": {"dity": "why"}}, SettingsError, "skip_checks: there is no check"),
        ({"skip_checks": {"dirty": " "}}, SettingsError, "skip_checks: "),
        ({"skip_checks": {"dirty": "a\nslot=b"}}, SettingsError, "skip_checks: "),
        ({"signing_key": "missing.pem"}, SettingsError, "signing_key: the key missing.pem cannot"),
        ({"to": "ftp://h"}, SettingsError, "to: "),
        ({"to": " "}, SettingsError, "no destination is given"),
        ({"version": ""}, SettingsError, "no version is given"),
    ],
)
def test_an_error_names_the_argument(
    change: dict[str, Any], error: type[AcpublishError], said: str
) -> None:
    with pytest.raises(error) as caught:
        options(**change)
    assert caught.value.problem.startswith(said)


def test_a_missing_argument_is_named_in_the_hint() -> None:
    with pytest.raises(SettingsError) as caught:
        options(to="")
    assert "the argument to" in caught.value.hint


def test_a_reason_separates_nothing() -> None:
    made = options(skip_checks={"dirty": "built on the bench; slot=x"})
    assert made.skipped_checks == {"dirty": "built on the bench; slot=x"}


def test_one_digest_may_be_given_as_it_is() -> None:
    assert options(accept_secrets=DIGEST).secrets.accepted == (DIGEST,)
    assert options(accept_secrets=[DIGEST, "a" * 64]).secrets.accepted == (DIGEST, "a" * 64)


@pytest.mark.parametrize(
    ("scan", "severity", "skipped"),
    [
        (None, "warning", {}),
        ("error", "error", {}),
        ("off", "warning", {"secrets": "secret_scan = off"}),
    ],
)
def test_how_secrets_are_treated(scan: str | None, severity: str, skipped: dict[str, str]) -> None:
    made = options(secret_scan=scan)
    assert (made.secrets.severity, made.skipped_checks) == (severity, skipped)
    own = options(secret_scan=scan, skip_checks={"secrets": "known"})
    assert own.skipped_checks == {"secrets": "known"}


def test_a_signing_key_is_a_path_or_a_pem(tmp_path: Path) -> None:
    key = create_key()
    path = tmp_path / "key.pem"
    path.write_bytes(key.to_pem())
    assert options(signing_key=path).signing_key == path
    for pem in (key.to_pem(), key.to_pem().decode()):
        signer = options(signing_key=pem).signing_key
        assert isinstance(signer, PrivateKey)
        assert signer.public.id == key.public.id
        assert key.to_pem().decode()[40:60] not in repr(options(signing_key=pem))
    with pytest.raises(SettingsError, match=r"^signing_key: .*private key"):
        options(signing_key=key.public.pem)
