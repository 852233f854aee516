"""Releases over HTTP: what is sent, what is believed, and what each answer means."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from acpublish.client.remote import RemoteCatalog
from acpublish.client.retry import Patience
from acpublish.errors import (
    AuthenticationError,
    CheckError,
    ConflictError,
    ManifestError,
    RefusedError,
    SettingsError,
    TransferError,
    UnreachableError,
    VerificationError,
)
from acpublish.image.stamper import stamp
from acpublish.release import names
from acpublish.release.candidate import Candidate
from acpublish.release.checks.registry import examine, findings_of
from acpublish.release.manifest import Compressed
from acpublish.release.placement import prepare
from acpublish.release.submission import Outcome, Submission
from acpublish.release.version import Version
from tests.support.images import esp8266_image
from tests.support.original import original_server
from tests.unit.client.scripted import Script, head, json_answer, scripted

QUICK = Patience(attempts=2, first_wait_s=0.02, total_s=3.0)
IMAGE = b"\xe9" + bytes(range(256)) * 300
TOKEN = "acp-token-1234"
SUBMISSION = Submission(
    product=names.product("sensor"),
    version=Version.parse("1.2.4-dev.5+gabc1234"),
    board=names.board("d1_mini"),
    channel=names.channel("dev"),
    chip="esp8266",
    provenance={"commit": "abc1234", "author": "Jürgen"},
)
RECEIPT: dict[str, Any] = {
    "outcome": "published",
    "file": "sensor/sensor-1.2.4-dev.5+gabc1234_d1_mini.bin",
    "size": len(IMAGE),
    "md5": hashlib.md5(IMAGE).hexdigest(),
    "sha256": hashlib.sha256(IMAGE).hexdigest(),
    "url": "http://host/sensor/x.bin",
    "warnings": ["it is unstamped"],
}
RELEASE: dict[str, Any] = {
    "format": 1,
    "product": "sensor",
    "version": "1.0.0",
    "images": [],
}


def catalog(url: str, token: str | None = TOKEN) -> RemoteCatalog:
    return RemoteCatalog(url, token, timeout_s=2.0, patience=QUICK)


def refused(status: str, error: str = "it is so", hint: str = "Do so.") -> Script:
    return json_answer(json.dumps({"error": error, "hint": hint, "code": "x"}), status)


def test_an_upload_and_its_receipt() -> None:
    with scripted(json_answer(json.dumps(RECEIPT), "201 Created")) as server:
        receipt = catalog(server.url).upload(IMAGE, SUBMISSION)
        request = server.requests[0]
    head_, _, body = request.partition(b"\r\n\r\n")
    lines = head_.decode("ascii").split("\r\n")
    assert lines[0] == (
        "PUT /api/v1/releases/sensor/1.2.4-dev.5%2Bgabc1234/d1_mini"
        "?channel=dev&kind=firmware&chip=esp8266 HTTP/1.1"
    )
    assert f"Authorization: Bearer {TOKEN}" in lines
    assert f"Content-Length: {len(IMAGE)}" in lines
    provenance = next(line for line in lines if line.startswith("X-Acpublish-Provenance: "))
    assert json.loads(provenance.partition(": ")[2]) == dict(SUBMISSION.provenance)
    assert body == IMAGE
    assert receipt.outcome is Outcome.PUBLISHED
    assert receipt.file == RECEIPT["file"]
    assert receipt.url == f"{server.url}/{RECEIPT['file']}"
    assert receipt.warnings == ("it is unstamped",)


@pytest.mark.parametrize(("points_at", "version"), [("2.0.0", "2.0.0"), (None, "None")])
def test_what_the_channel_points_at(points_at: str | None, version: str) -> None:
    receipt = json.dumps({**RECEIPT, "points_at": points_at})
    with scripted(json_answer(receipt)) as server:
        assert str(catalog(server.url).upload(IMAGE, SUBMISSION).points_at) == version


@pytest.mark.parametrize("points_at", ["newest", 2, ["2.0.0"], "9" * 5000])
def test_a_channel_that_points_at_no_version_is_no_receipt(points_at: object) -> None:
    receipt = json.dumps({**RECEIPT, "points_at": points_at})
    with (
        scripted(json_answer(receipt)) as server,
        pytest.raises(TransferError, match="other than a receipt"),
    ):
        catalog(server.url).upload(IMAGE, SUBMISSION)


def test_where_to_look_is_the_clients_own_address() -> None:
    said = json.dumps({**RECEIPT, "url": "http://internal:8000/sensor/x.bin"})
    with scripted(json_answer(said, "201 Created")) as server:
        receipt = catalog(f"{server.url}/behind/a/proxy").upload(IMAGE, SUBMISSION)
    assert receipt.url == f"{server.url}/behind/a/proxy/{RECEIPT['file']}"


def test_how_far_devices_go_back_is_asked_for() -> None:
    submission = replace(
        SUBMISSION, no_downgrade_below=Version.parse("1.0.0+a"), requires=">=0.9.0"
    )
    with scripted(json_answer(json.dumps(RECEIPT), "201 Created")) as server:
        catalog(server.url).upload(IMAGE, submission)
        (request,) = server.requests
    assert b"&no_downgrade_below=1.0.0%2Ba&requires=%3E%3D0.9.0 HTTP/1.1\r\n" in request


def test_compression_is_asked_for_and_the_receipt_describes_it() -> None:
    gzip = {"size": 7, "md5": "a" * 32, "sha256": "b" * 64}
    said = {**RECEIPT, "outcome": "compressed", "compressed": gzip}
    with scripted(json_answer(json.dumps(said))) as server:
        receipt = catalog(server.url).upload(IMAGE, replace(SUBMISSION, compress=True))
        request = server.requests[0]
    assert b"&chip=esp8266&compress=yes HTTP/1.1\r\n" in request
    assert request.endswith(IMAGE)
    assert receipt.outcome is Outcome.COMPRESSED
    assert receipt.compressed == Compressed(size=7, md5="a" * 32, sha256="b" * 64)


@pytest.mark.parametrize("gzip", [7, {}, {"size": 7, "md5": "a" * 32, "sha256": "no"}])
def test_a_gzip_that_is_described_badly_is_no_receipt(gzip: object) -> None:
    with (
        scripted(json_answer(json.dumps({**RECEIPT, "compressed": gzip}))) as server,
        pytest.raises(RefusedError, match="something other than a receipt"),
    ):
        catalog(server.url).upload(IMAGE, SUBMISSION)


def test_already_published_is_a_success() -> None:
    with scripted(json_answer(json.dumps({**RECEIPT, "outcome": "already published"}))) as server:
        assert catalog(server.url).upload(IMAGE, SUBMISSION).outcome is Outcome.ALREADY_PUBLISHED


def test_an_upload_is_tried_again() -> None:
    with scripted([], json_answer(json.dumps(RECEIPT))) as server:
        assert catalog(server.url).upload(IMAGE, SUBMISSION).size == len(IMAGE)


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"size": 7}])
def test_what_the_server_holds_is_compared(change: dict[str, Any]) -> None:
    with (
        scripted(json_answer(json.dumps({**RECEIPT, **change}))) as server,
        pytest.raises(VerificationError, match=r"stored .* but .* were sent"),
    ):
        catalog(server.url).upload(IMAGE, SUBMISSION)


@pytest.mark.parametrize(
    ("document", "check"),
    [
        ({"code": "check", "check": "slot"}, "slot"),
        ({"code": "check"}, "dirty"),
        ({"code": "check", "check": ["slot"]}, ""),
        ({"code": "check", "check": "Not A Name"}, ""),
        ({"code": "image"}, ""),
        ({"code": "check", "error": "no name in front"}, ""),
    ],
)
def test_the_check_that_failed_on_the_server_is_known(
    document: dict[str, object], check: str
) -> None:
    answer = json.dumps({"error": "dirty: uncommitted changes", "hint": "Commit.", **document})
    with (
        scripted(json_answer(answer, "422 Check")) as server,
        pytest.raises(CheckError) as caught,
    ):
        catalog(server.url).upload(IMAGE, SUBMISSION)
    assert caught.value.check == check


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        (refused("409 Conflict", "1.0.0 has aa, not bb"), ConflictError, "1.0.0 has aa, not bb"),
        (refused("401 Who"), AuthenticationError, "it is so. Do so"),
        (refused("403 No"), AuthenticationError, "it is so. Do so"),
        (refused("422 Check", "size: too large"), CheckError, "size: too large"),
        (refused("413 Large"), RefusedError, "413 to the image: it is so"),
        (refused("400 Bad"), RefusedError, "400"),
        (refused("507 Full"), RefusedError, "507"),
        (refused("503 Busy"), RefusedError, "503"),
        ([head("307 There", Location="http://other/")], RefusedError, "redirects"),
        (
            [head("405 No", Content_Type="text/html"), b"<p>"],
            RefusedError,
            "responded with HTML, so it is not",
        ),
        (
            [head(Content_Type="text/html"), b"<p>"],
            RefusedError,
            "responded with HTML, so it is not an acp",
        ),
        (json_answer("[]"), RefusedError, "something other than a receipt"),
        (json_answer('{"outcome": "published"}'), RefusedError, "something other than a receipt"),
        (json_answer("nonsense"), RefusedError, "with JSON"),
        ([9.0], UnreachableError, "no response in time"),
        ([], UnreachableError, "cannot be reached"),
    ],
)
def test_each_refusal_has_its_error(script: Script, error: type[Exception], words: str) -> None:
    patience = Patience(attempts=2, first_wait_s=0.02, total_s=1.0)
    with scripted(script) as server, pytest.raises(error, match=words) as caught:
        RemoteCatalog(server.url, TOKEN, timeout_s=0.4, patience=patience).upload(IMAGE, SUBMISSION)
    assert TOKEN not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_repeats_the_token_does_not_get_it_shown() -> None:
    with (
        scripted(refused("400 Bad", f"bad token {TOKEN}", f"Not {TOKEN}!")) as server,
        pytest.raises(RefusedError) as caught,
    ):
        catalog(server.url).upload(IMAGE, SUBMISSION)
    assert TOKEN not in str(caught.value)


def test_publishing_needs_a_token() -> None:
    with pytest.raises(AuthenticationError, match="only with a token"):
        catalog("http://127.0.0.1:1", token=None).upload(IMAGE, SUBMISSION)


def test_the_token_does_not_go_over_plain_http_to_another_machine() -> None:
    with pytest.raises(SettingsError, match="over plain http"):
        catalog("http://192.0.2.1")


def test_the_original_server_is_no_acpublish_server(tmp_path: Path) -> None:
    with original_server(tmp_path) as server:
        with pytest.raises(AuthenticationError) as caught:
            catalog(server.url).releases("sensor")
        assert "that it is an acpublish server" in caught.value.hint


def test_releases_are_read() -> None:
    document = {"product": "sensor", "releases": [RELEASE, {**RELEASE, "version": "1.1.0"}]}
    with scripted(json_answer(json.dumps(document))) as server:
        releases = catalog(server.url).releases("sensor")
        assert server.requests[0].startswith(b"GET /api/v1/products/sensor HTTP/1.1\r\n")
    assert [str(release.version) for release in releases] == ["1.0.0", "1.1.0"]


def test_a_product_that_is_not_there_yet_has_no_releases() -> None:
    with scripted(refused("404 No")) as server:
        assert catalog(server.url).releases("sensor") == ()


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        ([head("404 No", Content_Type="text/html"), b"<p>"], RefusedError, "responded with HTML"),
        (json_answer('{"product": "other", "releases": []}'), RefusedError, "something other"),
        (json_answer('{"product": "sensor"}'), RefusedError, "something other"),
        (json_answer("[]"), RefusedError, "something other"),
        (json_answer('{"product": "sensor", "releases": [{}]}'), ManifestError, r"releases\[0\]"),
        ([head("403 No")], AuthenticationError, "403"),
    ],
)
def test_releases_that_cannot_be_read(script: Script, error: type[Exception], words: str) -> None:
    with scripted(script) as server, pytest.raises(error, match=words):
        catalog(server.url).releases("sensor")


STAMPED = stamp(esp8266_image(), "sensor", str(SUBMISSION.version))
NOTHING_YET = json_answer('{"product": "sensor", "releases": []}')
NO_KEYS = json_answer('{"product": "sensor", "keys": []}')


class TestPut:
    """An image is prepared here before its first byte is sent, and checked again there."""

    def test_an_image_that_is_refused_here_is_not_sent(self) -> None:
        for candidate, wanted, error, words in (
            (Candidate.of(STAMPED[:-16]), SUBMISSION, CheckError, "damaged: "),
            (Candidate.of(STAMPED), replace(SUBMISSION, chip="esp32"), CheckError, "chip: "),
        ):
            with (
                scripted(NOTHING_YET, NO_KEYS) as server,
                pytest.raises(error, match=words),
            ):
                catalog(server.url).put(candidate, wanted)
            assert [request[:4] for request in server.requests] == [b"GET ", b"GET "]

    def test_other_bytes_of_a_version_are_not_sent(self) -> None:
        now = datetime(2026, 11, 24, tzinfo=timezone.utc)
        other = Candidate.of(stamp(esp8266_image(seed=1), "sensor", str(SUBMISSION.version)))
        release = prepare(other, SUBMISSION, (), (), now).placement.release
        document = {"product": "sensor", "releases": [release.to_dict()]}
        with (
            scripted(json_answer(json.dumps(document)), NO_KEYS) as server,
            pytest.raises(ConflictError, match="different bytes"),
        ):
            catalog(server.url).put(Candidate.of(STAMPED), SUBMISSION)
        assert len(server.requests) == 2

    def test_our_warnings_come_first_and_each_comes_once(self) -> None:
        candidate = Candidate.of(esp8266_image(record=False))
        ours = str(findings_of(examine(candidate.image, SUBMISSION, ()))[0])
        image = candidate.image
        said = {"size": image.size, "md5": image.md5, "sha256": image.sha256}
        receipt = {**RECEIPT, **said, "warnings": ["theirs", ours, "theirs"]}
        with scripted(NOTHING_YET, NO_KEYS, json_answer(json.dumps(receipt))) as server:
            published = catalog(server.url).put(candidate, SUBMISSION)
        assert published.warnings == (ours, "theirs")
        assert published.not_checked["flash-size"] == "the size of the board's flash"
        # A server of an earlier version does not say what the channel points at.
        assert published.points_at == SUBMISSION.version
        assert server.requests[2].endswith(candidate.data)

    def test_without_a_token_nothing_is_asked(self) -> None:
        with scripted() as server, pytest.raises(AuthenticationError, match="only with a token"):
            catalog(server.url, token=None).put(Candidate.of(STAMPED), SUBMISSION)
        assert server.requests == []
