"""What the software device trusts over TLS, against a server whose certificate a CA signed."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from acpublish.emulator.connection import NoTlsError, connected, parse_url
from acpublish.emulator.device_tls import unverified, verifying
from acpublish.emulator.profile import DeviceOptions, UpdateResult
from acpublish.emulator.updater import Device, run
from acpublish.errors import SettingsError
from tests.support.certificates import Certificates, certificates
from tests.unit.doctor.faulty import IMAGES, NAME, Answer, Request, faulty


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def _no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)


def nothing(request: Request, answer: Answer) -> None:
    pass


@pytest.mark.parametrize("chip", ["esp8266", "esp32"])
def test_a_device_that_trusts_the_ca_updates(files: Certificates, chip: str) -> None:
    options = DeviceOptions(chip=chip, ca=files.ca)  # type: ignore[arg-type]
    with faulty(nothing, files.context()) as url:
        outcome = run(options, url, NAME)
        page = Device(options).catalog(url)
    assert (outcome.result, outcome.image) == (UpdateResult.UPDATED, IMAGES[chip])
    assert [firmware.name for firmware in page.firmwares] == [NAME]


def test_a_device_that_does_not_trust_it_has_its_own_words_and_a_cause(
    files: Certificates,
) -> None:
    for chip, words in (("esp8266", "connection failed"), ("esp32", "connection refused")):
        options = DeviceOptions(chip=chip)  # type: ignore[arg-type]
        with faulty(nothing, files.context()) as url:
            outcome = run(options, url, NAME)
            page = Device(options).catalog(url)
        assert outcome.result is UpdateResult.FAILED
        assert outcome.reason == f"HTTP error: {words}"
        assert page.caption == f"Update server responds ({words})"
        for cause in (outcome.cause, page.cause):
            assert cause.startswith("no trusted CA signed its certificate")
            assert "--ca" in cause


def test_the_variable_of_requests_names_the_cas(
    files: Certificates, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(files.ca))
    with faulty(nothing, files.context()) as url:
        assert run(DeviceOptions(), url, NAME).result is UpdateResult.UPDATED
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with pytest.raises(SettingsError, match=r"missing\.pem does not contain") as caught:
        verifying(None)
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint


def test_it_has_the_newest_version_of_the_updaters(files: Certificates) -> None:
    newer = files.context()
    newer.minimum_version = ssl.TLSVersion.TLSv1_3
    for context in (verifying(files.ca), unverified()):
        assert context.maximum_version is ssl.TLSVersion.TLSv1_2
    with (
        faulty(nothing, newer) as url,
        pytest.raises(NoTlsError) as caught,
        connected(parse_url(url, files.ca), chip="esp32", timeout_s=5.0),
    ):
        raise AssertionError("it is connected")
    assert "no version of TLS" in caught.value.cause
