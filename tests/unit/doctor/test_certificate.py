"""What the doctor says about the certificate of a server, and what it examines all the same."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from acpublish.doctor.findings import Finding, State
from acpublish.doctor.live_server import check_server
from tests.support.certificates import Certificates, certificates
from tests.unit.doctor.faulty import Answer, Request, faulty
from tests.unit.doctor.test_live_server import ALL

#: AutoConnectUpdate has no TLS.
OVER_TLS = ["certificate", *(name for name in ALL if name not in ("catalog", "slash-less"))]


@pytest.fixture(autouse=True)
def _no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)


def nothing(request: Request, answer: Answer) -> None:
    pass


def made(folder: Path, days: float) -> Certificates:
    return certificates(folder, valid=datetime.timedelta(days=days))


def found(files: Certificates, ca: Path | None, host: str = "127.0.0.1") -> dict[str, Finding]:
    with faulty(nothing, files.context()) as url:
        findings = check_server(url.replace("127.0.0.1", host), ca)
    assert all(
        each.change.endswith(".") and not each.what.endswith(".")
        for each in findings
        if each.state is not State.OK
    )
    by_name = {each.name: each for each in findings}
    # Whatever the certificate is, everything else is examined.
    assert sorted(by_name) == sorted([*OVER_TLS, "catalog"])
    assert by_name["catalog"].state is State.NOT_CHECKED
    others = set(by_name) - {"catalog", "certificate"}
    assert {by_name[name].state for name in others} == {State.OK}
    return by_name


def test_a_trusted_certificate(tmp_path: Path) -> None:
    files = made(tmp_path, 400)
    certificate = found(files, files.ca)["certificate"]
    assert certificate.state is State.OK
    assert certificate.what.startswith("the server's certificate is trusted, until 20")


def test_a_certificate_that_ends_soon_is_a_warning(tmp_path: Path) -> None:
    files = made(tmp_path, 3)
    certificate = found(files, files.ca)["certificate"]
    assert certificate.state is State.WARNING
    assert "expires on 20" in certificate.what


@pytest.mark.parametrize(
    ("days", "trusted", "host", "words"),
    [
        (400, False, "127.0.0.1", "no trusted CA signed its certificate"),
        (400, True, "localhost", "its certificate is for another name than localhost"),
        (-1, True, "127.0.0.1", "its certificate has expired"),
    ],
)
def test_a_certificate_that_devices_refuse(
    tmp_path: Path, days: float, trusted: bool, host: str, words: str
) -> None:
    (tmp_path / "other").mkdir()
    files, other = made(tmp_path, days), made(tmp_path / "other", 400)
    certificate = found(files, files.ca if trusted else other.ca, host)["certificate"]
    assert certificate.state is State.ERROR
    assert certificate.what.startswith(f"devices that verify the server refuse it: {words}")


def test_a_password_is_not_sent_to_a_server_that_may_be_another(tmp_path: Path) -> None:
    requests = list[bytes]()

    def note(request: Request, answer: Answer) -> None:
        requests.append(request.head)

    files = made(tmp_path, 400)
    with faulty(note, files.context()) as url:
        secret = url.replace("https://", "https://me:s3cret@")
        assert [each.name for each in check_server(secret)] == ["certificate"]
        assert requests == []
        assert len(check_server(secret, files.ca)) > 1
    assert any(b"Authorization: Basic " in head for head in requests)


def test_a_redirect_of_a_server_with_tls(tmp_path: Path) -> None:
    def elsewhere(request: Request, answer: Answer) -> None:
        if request.fetches:
            answer.status, answer.headers["Location"] = 301, "https://other/"

    files = made(tmp_path, 400)
    with faulty(elsewhere, files.context()) as url:
        (redirect,) = (each for each in check_server(url, files.ca) if each.name == "redirect")
    assert "redirected to another URL" in redirect.what
