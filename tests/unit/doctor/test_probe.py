"""The requests of a device, and what is kept of the responses."""

from __future__ import annotations

from acpublish.doctor.probe import Probe
from acpublish.emulator.connection import parse_url
from acpublish.emulator.profile import UpdateResult
from tests.unit.client.scripted import head, image_answer, json_answer, scripted
from tests.unit.doctor.faulty import IMAGES, NAME, faulty

IMAGE = IMAGES["esp8266"]


def probe(url: str) -> Probe:
    return Probe("esp8266", parse_url(f"{url}/"))


def test_an_image_is_read_only_when_it_is_wanted() -> None:
    with faulty(lambda request, answer: None) as url:
        target = f"/{NAME}".encode()
        assert probe(url).update(target).body == b""
        reply = probe(url).update(target, whole=True)
        assert (reply.status, reply.body, reply.fault) == (200, IMAGE, "")
        assert reply.answer is not None
        assert reply.answer.header("x-MD5")
        assert probe(url).update(target, runs=IMAGE).status == 304


def test_the_target_is_sent_as_it_is_with_the_headers_of_an_updater() -> None:
    with scripted(image_answer(IMAGE)) as server:
        probe(server.url).update(b"a \xc3\xb6.bin")
    assert server.requests[0].startswith(b"GET a \xc3\xb6.bin HTTP/1.")
    assert b"x-ESP8266-free-space: " in server.requests[0]


def test_a_chunked_list_has_headers_but_no_page() -> None:
    chunked = [head(Transfer_Encoding="chunked"), b"2\r\n[]\r\n0\r\n\r\n"]
    with scripted(chunked, json_answer("[]")) as server:
        reply, page = probe(server.url).list()
        assert (reply.status, page) == (200, None)
        reply, page = probe(server.url).list()
        assert reply.status == 200
        assert page is not None
        assert page.firmwares == ()


def test_no_response_is_a_fault_in_the_words_of_a_device() -> None:
    with scripted([b"SSH-2.0\r\n"]) as server:
        reply, page = probe(server.url).list()
        assert (reply.status, reply.answer, page) == (None, None, None)
        assert reply.fault
        assert probe(server.url).update(b"/x").fault == reply.fault


def test_a_listed_image_is_installed() -> None:
    with faulty(lambda request, answer: None) as url:
        outcome = probe(url).install(NAME)
    assert outcome.result is UpdateResult.UPDATED
    assert outcome.image == IMAGE
