"""What a client without checks uploads is refused by the same named check: curl, and raw bytes."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from acpublish.image.reader import read
from acpublish.release import names
from acpublish.release.checks.registry import examine, findings_of
from acpublish.release.declared import Declared
from acpublish.release.submission import Submission
from acpublish.release.version import Version
from tests.conformance.test_upload import put, token
from tests.support import images
from tests.support.server import RunningServer, running_server

C3 = images.esp32_image("esp32c3", project="lamp", version="1.0.0")
ESP8266 = images.esp8266_image(product="lamp", version="1.0.0")


@dataclass(frozen=True, slots=True)
class Live:
    """A server, and what may publish to it."""

    server: RunningServer
    key: str


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    tmp_path = tmp_path_factory.mktemp("checks")
    (tmp_path / "catalog").mkdir()
    with running_server(tmp_path / "catalog", tmp_path) as running:
        yield Live(running, token(tmp_path))


def declared(**facts: Any) -> str:
    return f"X-Acpublish-Declared: {json.dumps(facts)}"


REFUSED = [
    pytest.param(b"", {}, "empty", id="empty"),
    pytest.param(b"\0" * 500, {}, "wrong-kind", id="no-image"),
    pytest.param(images.merged_image(), {}, "wrong-kind", id="merged"),
    pytest.param(images.bootloader(), {}, "wrong-kind", id="bootloader"),
    pytest.param(gzip.compress(ESP8266), {}, "wrong-kind", id="gzip"),
    pytest.param(C3[:-100], {}, "damaged", id="truncated"),
    pytest.param(C3[:900] + b"\xff\0" + C3[902:], {}, "damaged", id="corrupted"),
    pytest.param(images.esp32_image("esp32c3"), {}, "stamp", id="unstamped"),
    pytest.param(C3, {"slot_bytes": len(C3) - 1}, "slot", id="too-large"),
    pytest.param(C3, {"changed": True}, "dirty", id="changed"),
]


@pytest.mark.parametrize(("body", "facts", "name"), REFUSED)
def test_the_server_refuses_with_the_name_of_the_clients_check(
    live: Live, body: bytes, facts: dict[str, Any], name: str
) -> None:
    answer, document = put(
        live.server, "/api/v1/releases/lamp/1.0.0/c3", body, live.key, declared(**facts)
    )
    assert (answer.status, document["code"]) == (422, "check")
    submission = Submission(
        product=names.product("lamp"),
        version=Version.parse("1.0.0"),
        board=names.board("c3"),
        channel=names.STABLE,
        declared=Declared(**facts),
    )
    (finding, *_) = findings_of(examine(read(body), submission, ()))
    assert finding.check == name
    assert document["error"] == f"{name}: {finding.problem}"
    assert document["check"] == name
    assert live.server.get("/update/lamp/c3").status == 404


def curl(live: Live, file: Path, address: str, *more: str) -> tuple[int, dict[str, Any]]:
    program = shutil.which("curl")
    if program is None:
        pytest.skip("curl is not installed")
    done = subprocess.run(
        [
            *(program, "--silent", "--show-error", "--max-time", "30", "--upload-file", file),
            *("--header", f"Authorization: Bearer {live.key}", *more),
            *("--write-out", "\n%{http_code}", f"{live.server.url}/api/v1/releases/{address}"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


def test_curl_is_refused_as_a_client_with_checks_is(live: Live, tmp_path: Path) -> None:
    file = tmp_path / "firmware.bin"
    for body, address, name in (
        (images.merged_image(), "lamp/1.0.0/c3", "wrong-kind"),
        (gzip.compress(ESP8266), "lamp/1.0.0/d1", "wrong-kind"),
        (C3[:-1], "lamp/1.0.0/c3", "damaged"),
        (C3, "lamp/1.0.0/c3?chip=esp32", "chip"),
        (C3, "lamp/1.0.1/c3", "stamp"),
    ):
        file.write_bytes(body)
        status, document = curl(live, file, address)
        assert (status, document["code"]) == (422, "check")
        assert document["error"].startswith(f"{name}: ")
        assert document["hint"]


def test_curl_is_held_to_the_slot_that_the_last_release_was_published_with(
    live: Live, tmp_path: Path
) -> None:
    first = stamped("1.0.0", "slots")
    room = declared(slot_bytes=len(first) - 1 + 4096)
    answer, _ = put(live.server, "/api/v1/releases/slots/1.0.0/c3", first, live.key, room)
    assert answer.status == 201
    file = tmp_path / "firmware.bin"
    larger = images.esp32_image("esp32c3", project="slots", version="1.1.0", size=len(first) + 4096)
    file.write_bytes(larger)
    status, document = curl(live, file, "slots/1.1.0/c3")
    assert (status, document["error"].partition(":")[0]) == (422, "slot")
    assert document["check"] == "slot"


def test_another_chip_than_an_earlier_release(live: Live) -> None:
    answer, _ = put(live.server, "/api/v1/releases/chips/1.0.0/b", stamped("1.0.0"), live.key)
    assert answer.status == 201
    other = images.esp32_image("esp32s3", project="chips", version="1.1.0")
    answer, document = put(live.server, "/api/v1/releases/chips/1.1.0/b", other, live.key)
    assert (answer.status, document["error"].partition(":")[0]) == (422, "chip")


def stamped(version: str, product: str = "chips") -> bytes:
    return images.esp32_image("esp32c3", project=product, version=version)


def test_warnings_come_with_the_receipt(live: Live) -> None:
    dev = "?channel=dev"
    put(live.server, f"/api/v1/releases/warn/1.1.0/b{dev}", stamped("1.1.0", "warn"), live.key)
    older = stamped("1.0.0", "warn")
    facts = declared(debug=True, flash_bytes=1024, slot_bytes=len(older) + 1)
    target = f"/api/v1/releases/warn/1.0.0/b{dev}"
    answer, document = put(live.server, target, older, live.key, facts)
    assert answer.status == 201
    assert [one.partition(":")[0] for one in document["warnings"]] == [
        *("slot", "flash-size", "debug-build", "version-order"),
    ]


def test_a_channel_is_not_moved_back_without_a_reason(live: Live) -> None:
    old, new = (f"/api/v1/releases/order/{version}/b" for version in ("1.0.0", "1.1.0"))
    assert put(live.server, old, stamped("1.0.0", "order"), live.key)[0].status == 201
    answer, document = put(live.server, new, stamped("1.1.0", "order"), live.key)
    assert (answer.status, document["points_at"]) == (201, "1.1.0")
    answer, document = put(live.server, old, stamped("1.0.0", "order"), live.key)
    assert (answer.status, document["outcome"]) == (200, "already published")
    assert document["points_at"] == "1.1.0"
    lower = "/api/v1/releases/order/0.9.0/b"
    answer, document = put(live.server, lower, stamped("0.9.0", "order"), live.key)
    assert (answer.status, document["check"]) == (422, "version-order")
    reason = 'X-Acpublish-Skip-Checks: {"version-order": "1.1.0 was a mistake"}'
    answer, document = put(live.server, lower, stamped("0.9.0", "order"), live.key, reason)
    assert (answer.status, document["points_at"]) == (201, "0.9.0")


def test_a_check_that_is_switched_off_is_in_the_manifest(live: Live) -> None:
    off = 'X-Acpublish-Skip-Checks: {"dirty": "on the bench"}'
    answer, _ = put(
        *(live.server, "/api/v1/releases/off/1.0.0/b", stamped("1.0.0", "off"), live.key),
        *(declared(changed=True), off),
    )
    assert answer.status == 201
    (release,) = json.loads(live.server.get("/api/v1/products/off").body)["releases"]
    (image,) = release["images"]
    assert image["skipped_checks"] == {"dirty": "on the bench"}
    assert image["declared"] == {"changed": True}


@pytest.mark.parametrize(
    "header",
    [
        'X-Acpublish-Skip-Checks: {"damaged": "it will do"}',
        'X-Acpublish-Skip-Checks: {"dirty": ""}',
        'X-Acpublish-Skip-Checks: {"dirty": 1}',
        "X-Acpublish-Skip-Checks: dirty",
        'X-Acpublish-Declared: {"slot_bytes": -1}',
        "X-Acpublish-Declared: [1]",
        'X-Acpublish-Secrets: {"severity": "off"}',
        "X-Acpublish-Declared: " + "[" * 2000,
    ],
)
def test_what_is_declared_is_read_strictly(live: Live, header: str) -> None:
    answer, document = put(live.server, "/api/v1/releases/lamp/1.0.0/c3", C3[:-1], live.key, header)
    assert (answer.status, document["code"]) == (400, "request")


def leaking() -> tuple[bytes, str]:
    """Returns an image with a token in it, and the token."""
    secret = "ghp_" + "Zq3" * 12
    image = images.esp8266_image(product="leak", version="1.0.0")
    held = image[:9000] + b"\0" + secret.encode() + b"\0" + image[9002 + len(secret) :]
    return images.with_crc_words(held), secret


def test_a_secret_is_found_by_the_server_too(live: Live) -> None:
    body, secret = leaking()
    digest = hashlib.sha256(secret.encode()).hexdigest()[:12]
    target = "/api/v1/releases/leak/1.0.0/b"
    rules = f"X-Acpublish-Secrets: {json.dumps({'severity': 'error'})}"
    answer, document = put(live.server, target, body, live.key, rules)
    assert (answer.status, document["error"].partition(":")[0]) == (422, "secrets")
    assert digest in document["hint"]
    assert secret not in answer.body.decode()
    answer, document = put(live.server, target, body, live.key)
    assert [one.partition(":")[0] for one in document["warnings"]] == ["secrets"]
    accepted = f"X-Acpublish-Secrets: {json.dumps({'accepted': [digest]})}"
    answer, document = put(live.server, target, body, live.key, accepted)
    assert (answer.status, document["warnings"]) == (200, [])
    assert digest not in live.server.get("/api/v1/products/leak").body.decode()
    assert secret not in live.server.log_so_far()
