"""The software device fails where the C++ updaters fail, with their words."""

from __future__ import annotations

import gzip
import hashlib
import time
from pathlib import Path

import pytest

from acpublish.emulator.connection import parse_url
from acpublish.emulator.profile import DeviceOptions, UpdateOutcome, UpdateResult
from acpublish.emulator.updater import Device, run
from acpublish.errors import SettingsError
from tests.support import images
from tests.unit.client.scripted import Script, ScriptedServer, head, image_answer, scripted

ESP8266 = images.esp8266_image(size=20_000)
ESP32 = images.esp32_image("esp32c3", size=20_000)
WIRE = Path(__file__).parents[2] / "data" / "wire"


def esp8266(**options: object) -> DeviceOptions:
    return DeviceOptions(chip="esp8266", timeout_s=1.0, stall_s=0.3, **options)  # type: ignore[arg-type]


def esp32(**options: object) -> DeviceOptions:
    return DeviceOptions(chip="esp32", timeout_s=1.0, stall_s=0.3, **options)  # type: ignore[arg-type]


def asked(options: DeviceOptions, script: Script) -> UpdateOutcome:
    with scripted(script) as server:
        return run(options, server.url, "a.bin")


def failed(options: DeviceOptions, script: Script) -> str:
    outcome = asked(options, script)
    assert outcome.result is UpdateResult.FAILED
    assert outcome.image is None
    return outcome.reason


def test_the_bytes_on_the_socket_are_the_captured_ones() -> None:
    options = esp8266(chip_id=15_602_487)
    with scripted(image_answer(ESP8266)) as server:
        Device(options).install(parse_url(server.url), "sketch.bin")
        Device(options).install(parse_url(server.url), "inner.bin", folder="folder")
        run(options, server.url, "/sketch.bin")
        run(options, server.url, "/my sketch.bin")
        ours = [with_usual_port(server, request) for request in server.requests]
    assert ours == [
        next(WIRE.glob(f"{number}-*")).read_bytes() for number in ("03", "04", "10", "05")
    ]


def with_usual_port(server: ScriptedServer, request: bytes) -> bytes:
    return request.replace(b"Host: 127.0.0.1:%d\r\n" % server.port, b"Host: 127.0.0.1:8000\r\n")


@pytest.mark.parametrize(("options", "image"), [(esp8266(), ESP8266), (esp32(), ESP32)])
def test_an_update(options: DeviceOptions, image: bytes) -> None:
    outcome = asked(options, image_answer(image))
    assert (outcome.result, outcome.reason, outcome.status) == (UpdateResult.UPDATED, "", 200)
    assert outcome.image == image


def test_an_update_without_a_digest_is_installed() -> None:
    script: Script = [head(Content_Length=len(ESP8266)), ESP8266]
    assert asked(esp8266(), script).result is UpdateResult.UPDATED


def test_what_was_flashed_is_reported_next_time(tmp_path: Path) -> None:
    flash = tmp_path / "flash.bin"
    with scripted(image_answer(ESP8266), [head("304 Not Modified")]) as server:
        assert run(esp8266(flash=flash), server.url, "a").result is UpdateResult.UPDATED
        outcome = run(esp8266(flash=flash), server.url, "a")
        second = server.requests[1]
    assert (outcome.result, outcome.status) == (UpdateResult.NO_UPDATE, 304)
    assert flash.read_bytes() == ESP8266
    assert b"x-ESP8266-sketch-md5: %s\r\n" % hashlib.md5(ESP8266).hexdigest().encode() in second
    assert b"x-ESP8266-sketch-size: %d\r\n" % len(ESP8266) in second


@pytest.mark.parametrize("options", [esp8266(), esp32()])
@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("401 Who", "Unauthorized (401)"),
        ("403 No", "Forbidden (403)"),
        ("404 No", "File Not Found (404)"),
        ("204 Empty", "Wrong HTTP Code"),
        ("206 Part", "Wrong HTTP Code"),
        ("302 Found", "Wrong HTTP Code"),
        ("500 Oops", "Wrong HTTP Code"),
    ],
)
def test_statuses(options: DeviceOptions, status: str, words: str) -> None:
    assert failed(options, [head(status, Content_Length=0)]) == words


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ([head(), ESP8266], "Server Did Not Report Size"),
        ([head(Content_Length=0)], "Server Did Not Report Size"),
        ([head(Transfer_Encoding="chunked"), chunked(ESP8266)], "Server Did Not Report Size"),
        (
            [head(Transfer_Encoding="chunked", Content_Length=len(ESP8266)), chunked(ESP8266)],
            "Verify Bin Header Failed",
        ),
        (
            [head(Transfer_Encoding="gzip", Content_Length=9), ESP8266],
            "HTTP error: Transfer-Encoding not supported",
        ),
        ([head(Content_Length=5_000_000)], "Not Enough space"),
        (image_answer(b"<html>no image</html>"), "Verify Bin Header Failed"),
        (image_answer(b"\xe9\x01\x02"), "Verify Bin Header Failed"),
        (image_answer(ESP8266, x_MD5="abc"), "Wrong MD5"),
        (
            [
                head(Content_Length=len(ESP8266)).replace(
                    b"Server", b"x-MD5: " + b"0" * 32 + b"\r\nX-Md5: " + b"0" * 32 + b"\r\nServer"
                ),
                ESP8266,
            ],
            "Wrong MD5",
        ),
        (
            image_answer(ESP8266, x_MD5="0" * 32),
            "Update error: ERROR[7]: MD5 verification failed: expected: "
            f"{'0' * 32}, calculated: {hashlib.md5(ESP8266).hexdigest()}",
        ),
        (
            [image_answer(ESP8266)[0], ESP8266[:9000]],
            "Update error: ERROR[6]: Stream Read Timeout",
        ),
        (
            [image_answer(ESP8266)[0], ESP8266[:9000], 2.0],
            "Update error: ERROR[6]: Stream Read Timeout",
        ),
        ([b"SSH-2.0-OpenSSH_9.9\r\n\r\n"], "HTTP error: no HTTP server"),
        ([b"HTTP/1.0 200 OK\r\nContent-Le"], "HTTP error: connection lost"),
        ([5.0], "HTTP error: read Timeout"),
    ],
)
def test_an_esp8266_fails_in_the_words_of_its_core(script: Script, words: str) -> None:
    assert failed(esp8266(), script) == words


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (image_answer(gzip.compress(ESP32)), "Verify Bin Header Failed"),
        (image_answer(b"<html>no image</html>"), "Verify Bin Header Failed"),
        (image_answer(ESP32, x_MD5="0" * 32), "Update error: MD5 Check Failed"),
        (image_answer(ESP32, x_MD5="0" * 31), "Wrong MD5"),
        ([image_answer(ESP32)[0], ESP32[:9000]], "Update error: Stream Read Timeout"),
        (image_answer(ESP8266), "Update error: Could Not Activate The Firmware"),
        (image_answer(ESP32[:-1] + b"\0"), "Update error: Could Not Activate The Firmware"),
        (image_answer(ESP32[:9000]), "Update error: Could Not Activate The Firmware"),
        (
            image_answer(images.merged_image("esp32c3")),
            "Update error: Could Not Activate The Firmware",
        ),
        (
            [head(Transfer_Encoding="gzip", Content_Length=9), ESP32],
            "HTTP error: Transfer-Encoding not supported",
        ),
    ],
)
def test_an_esp32_fails_in_the_words_of_its_core(script: Script, words: str) -> None:
    assert failed(esp32(), script) == words


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_body_bytes_in_the_head_segment_make_an_esp8266_fail(count: int) -> None:
    first = image_answer(ESP8266)[0]
    assert isinstance(first, bytes)
    script: Script = [first + ESP8266[:count], 0.2, ESP8266[count:]]
    assert failed(esp8266(), script) == "Verify Bin Header Failed"


@pytest.mark.parametrize("count", [0, 4, 100])
def test_none_or_enough_body_bytes_in_the_head_segment_are_fine(count: int) -> None:
    first = image_answer(ESP8266)[0]
    assert isinstance(first, bytes)
    script: Script = [first + ESP8266[:count], 0.1, ESP8266[count:]]
    assert asked(esp8266(), script).result is UpdateResult.UPDATED


def test_slow_bytes_are_fine() -> None:
    image = ESP8266
    script: Script = list(image_answer(image)[:1])
    for at in range(0, len(image), 4000):
        script += [0.02, image[at : at + 4000]]
    assert asked(esp8266(), script).image == image


def test_no_byte_in_time_is_a_failure_soon() -> None:
    begun = time.monotonic()
    options = DeviceOptions(timeout_s=0.2)
    assert failed(options, [3.0]) == "HTTP error: read Timeout"
    assert time.monotonic() - begun < 2.0


@pytest.mark.parametrize(
    ("options", "words"), [(esp8266(), "connection failed"), (esp32(), "connection refused")]
)
def test_nobody_listens(options: DeviceOptions, words: str) -> None:
    with scripted([]) as server:
        url = server.url
    assert run(options, url, "a").reason == f"HTTP error: {words}"


def test_an_image_for_a_larger_flash_does_not_fit() -> None:
    image = bytearray(ESP8266)
    image[3] = 0x40 | (image[3] & 0x0F)
    assert asked(esp8266(), image_answer(bytes(image))).result is UpdateResult.UPDATED
    image[3] = 0x80 | (image[3] & 0x0F)
    assert failed(esp8266(), image_answer(bytes(image))) == "New Binary Does Not Fit Flash Size"


def test_the_flash_mode_of_the_chip_is_written_after_the_digest_was_compared() -> None:
    outcome = asked(esp8266(flash_mode="dout"), image_answer(ESP8266))
    assert outcome.image == ESP8266[:2] + b"\x03" + ESP8266[3:]


def test_a_gzip_is_inflated_by_the_boot_loader() -> None:
    packed = gzip.compress(ESP8266, mtime=0)
    assert asked(esp8266(flash_mode="dout"), image_answer(packed)).image == ESP8266


def test_a_gzip_that_its_own_image_would_overwrite_does_not_start(tmp_path: Path) -> None:
    flash = tmp_path / "flash.bin"
    flash.write_bytes(images.esp8266_image(size=8192))
    packed = gzip.compress(images.esp8266_image(size=20_000, compressible=True), mtime=0)
    # Two sectors run, five are written; the gzip takes one.
    fits = esp8266(flash=flash, free_space=4 * 4096)
    assert failed(esp8266(flash=flash, free_space=3 * 4096), image_answer(packed)) == (
        "Update error: eboot overwrites the gzip before it has read it"
    )
    assert asked(fits, image_answer(packed)).result is UpdateResult.UPDATED


def test_a_broken_gzip_does_not_start() -> None:
    packed = gzip.compress(ESP8266, mtime=0)[:-20]
    assert failed(esp8266(), image_answer(packed)) == "Update error: eboot cannot inflate the image"


def test_an_exact_esp32_refuses_another_chips_image() -> None:
    assert asked(esp32(model="esp32c3"), image_answer(ESP32)).result is UpdateResult.UPDATED
    assert "Activate" in failed(esp32(model="esp32"), image_answer(ESP32))


@pytest.mark.parametrize("options", [esp8266(mode="spiffs"), esp32(mode="spiffs")])
def test_a_filesystem_may_begin_with_any_byte(options: DeviceOptions) -> None:
    filesystem = images.littlefs()
    assert asked(options, image_answer(filesystem)).image == filesystem


def test_the_available_version() -> None:
    outcome = asked(esp8266(mode="version"), [head(x_version="1.2.3", Content_Length=0)])
    assert (outcome.result, outcome.available) == (UpdateResult.AVAILABLE, "1.2.3")
    assert asked(esp8266(mode="version"), [head("304 Same")]).result is UpdateResult.NO_UPDATE
    assert failed(esp8266(mode="version"), [head(Content_Length=0)]) == "Wrong HTTP Code"


def test_a_failure_leaves_the_flash_as_it_was(tmp_path: Path) -> None:
    flash = tmp_path / "flash.bin"
    flash.write_bytes(ESP8266)
    failed(esp8266(flash=flash), image_answer(b"\xe9" * 100, x_MD5="0" * 32))
    assert flash.read_bytes() == ESP8266
    assert [path.name for path in tmp_path.iterdir()] == ["flash.bin"]


def test_credentials_of_the_url_are_sent() -> None:
    with scripted(image_answer(ESP8266)) as server:
        run(esp8266(), server.url.replace("//", "//user:s3cret@"), "a")
        assert b"\r\nAuthorization: Basic dXNlcjpzM2NyZXQ=\r\n" in server.requests[0]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host",
        "https://",
        "host",
        "http://",
        "http://host:x",
        "http://me:s3c/ret@host",
        "http://a\n",
    ],
)
def test_a_url_that_cannot_be_asked(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        run(esp8266(), url, "a")
    assert "s3c" not in str(caught.value)


def test_a_flash_file_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        run(esp8266(flash=tmp_path), "http://127.0.0.1:1", "a")
    with scripted(image_answer(ESP8266)) as server, pytest.raises(SettingsError, match="written"):
        run(esp8266(flash=tmp_path / "missing" / "f"), server.url, "a")


def test_a_device_that_hangs_up_has_read_only_its_share() -> None:
    reason = failed(esp8266(reads_share=0.5), image_answer(ESP8266))
    assert "Stream Read Timeout" in reason


def test_a_slow_device_takes_its_time() -> None:
    begin = time.monotonic()
    outcome = asked(esp8266(bytes_per_s=len(ESP8266) / 0.3), image_answer(ESP8266))
    assert outcome.image == ESP8266
    # The first part is there at once, with the head.
    assert time.monotonic() - begin >= 0.2


def test_a_device_may_have_an_address_of_its_own() -> None:
    assert asked(esp8266(source="127.0.0.1"), image_answer(ESP8266)).image == ESP8266
    outcome = asked(esp8266(source="192.0.2.1"), image_answer(ESP8266))
    assert (outcome.result, outcome.reason) == (
        UpdateResult.FAILED,
        "HTTP error: connection failed",
    )
