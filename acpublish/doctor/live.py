"""Examines a server as devices see it, through whatever stands in between.

In this order: the list, as AutoConnectUpdate asks for it; a listed firmware, as the updater of each
family installs it, and once more as a device that runs it; the requests of genuine devices that
proxies refuse; what must not be readable; the clock.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from acpublish.doctor.asker import Asker, Reply
from acpublish.doctor.findings import Examination, Finding, error, warning
from acpublish.doctor.response_heads import judge_clock, judge_digest, judge_head, judge_size
from acpublish.emulator.autoconnect import CatalogPage
from acpublish.emulator.connection import Endpoint, parse_url
from acpublish.emulator.profile import Result
from acpublish.errors import SettingsError
from acpublish.wire import DEVICE_LIST_BINS, ENTRY_DOCUMENT_BYTES, Family

_FAMILIES: dict[Family, str] = {"esp8266": "ESP8266", "esp32": "ESP32"}
_LIST, _IMAGE = "the list for AutoConnect", "an image"
#: Targets of the same form as those of genuine devices; no server has them.
_NOWHERE = b"/acpublish-doctor/no-such.bin"
_RAW = "/acpublish-doctor/no such größe.bin".encode()
_HIDDEN = "/.acpublish/"


def check_server(url: str) -> list[Finding]:
    """Examines a server.

    Args:
        url: Its address, as sketches have it.

    Returns:
        What was found; each trouble with the line to change.

    Raises:
        SettingsError: The address is none that a device could ask.
    """
    place = _place(url)
    examination = Examination()
    askers = [Asker(chip, place) for chip in _FAMILIES]
    before_s = time.time()
    replies = [asker.list() for asker in askers]
    first = replies[0][0]
    fine = f"{place.host} answers at port {place.port}"
    if not examination.look_at("connection", fine, _no_connection(first, place)):
        return examination.findings()
    if first.answer is not None:
        clock = judge_clock(first.answer, before_s, time.time())
        examination.look_at("clock", "the server's clock agrees with this machine's", clock)
    _look_at_lists(examination, replies)
    listed = [
        (asker, page.firmwares[0].name.encode("utf-8", "surrogateescape"))
        for asker, (_, page) in zip(askers, replies, strict=True)
        if page and page.firmwares
    ]
    digests = _look_at_images(examination, listed)
    for asker in askers:
        _look_at_requests(examination, asker, listed[0][1] if listed else _NOWHERE[1:], place)
    hidden = _readable(askers[0], digests)
    examination.look_at("hidden", f"{_HIDDEN} is not public", hidden)
    return examination.findings()


def _place(url: str) -> Endpoint:
    if not url.lower().startswith("http://"):
        raise SettingsError(
            "the doctor asks as devices do, over plain http",
            hint="Give the address that devices have, such as http://192.168.1.10:8000.",
        )
    place = parse_url(url)
    if place.target not in (b"", b"/"):
        raise SettingsError(
            "the address has a path, and AutoConnectUpdate asks at the root of a host alone",
            hint="Give the address up to the port, such as http://192.168.1.10:8000, and give "
            "devices a host or a port of their own.",
        )
    return replace(place, target=b"/")


def _no_connection(reply: Reply, place: Endpoint) -> Iterator[Finding]:
    if reply.answer is None:
        where = f"{place.host}, port {place.port}"
        yield error(
            "connection",
            f"no answer that a device would take from {where}: {reply.fault}",
            "Start acpublish serve --bind 0.0.0.0 there, and let the port through the firewall.",
        )


def _look_at_lists(
    examination: Examination, replies: Sequence[tuple[Reply, CatalogPage | None]]
) -> None:
    counts = [
        f"{len(page.firmwares) if page else 0} for {name}"
        for name, (_, page) in zip(_FAMILIES.values(), replies, strict=True)
    ]
    fine = f"AutoConnect lists {', '.join(counts)}"
    for name, words in _HEAD_CHECKS.items():
        examination.look_at(name, words)
    for reply, page in replies:
        if reply.answer is None or examination.add(judge_head(_LIST, reply.answer)):
            examination.look_at("catalog", fine, _judge_list(reply, page))


#: What is said of a head that is as it should be.
_HEAD_CHECKS = {
    "redirect": "nothing is redirected",
    "chunked": "nothing comes in chunks",
    "encoding": "nothing comes compressed by the way",
    "length": "each answer says its length",
}


def _judge_list(reply: Reply, page: CatalogPage | None) -> Iterator[Finding]:
    if reply.status in (401, 403):
        yield error(
            "catalog",
            f"{_LIST} is refused (status {reply.status}), and AutoConnect has no credentials",
            "Ask for no password at /_catalog: in nginx, no auth_basic there.",
        )
    elif page is None or reply.status != 200:
        yield error(
            "catalog",
            f"{_LIST} is not given: {reply.fault or f'status {reply.status}'}",
            "Pass /_catalog with its query on to acpublish serve.",
        )
    elif page.caption.endswith("NoMemory"):
        yield error(
            "catalog",
            f"an entry of the list takes more than the {ENTRY_DOCUMENT_BYTES} bytes that a device "
            "has for it, so that AutoConnect offers none",
            "Shorten the names of files to 100 bytes, or let acpublish serve make the list.",
        )
    elif page.caption.startswith("Invalid"):
        yield error(
            "catalog",
            f"AutoConnect shows {page.caption!r}",
            "Publish an image, and let acpublish serve make the list.",
        )
    elif len(page.firmwares) > DEVICE_LIST_BINS:
        yield error(
            "catalog",
            f"the list offers {len(page.firmwares)} firmwares, and after about {DEVICE_LIST_BINS} "
            "a device has no memory left",
            "Let the proxy pass User-Agent on and keep no lists (nginx: proxy_cache off;), so that "
            "acpublish serve shortens them for devices.",
        )


def _look_at_images(examination: Examination, listed: list[tuple[Asker, bytes]]) -> list[str]:
    """Returns the SHA-256 of each image that came."""
    if not listed:
        lack = "no firmware is listed, so images could not be looked at"
        examination.add([warning("image", lack, "Publish an image, then run this again.")])
    bodies = [_look_at_image(examination, asker, name) for asker, name in listed]
    return [hashlib.sha256(body).hexdigest() for body in bodies if body]


def _look_at_image(examination: Examination, asker: Asker, name: bytes) -> bytes:
    reply = asker.ask(b"/" + name, whole=True)
    sound = reply.answer is None or examination.add(judge_head(_IMAGE, reply.answer))
    if reply.answer and reply.body:
        fine = "the headers of images are short"
        examination.look_at("headers", fine, judge_size(reply.answer))
        fine = "images come with the x-MD5 of their bytes"
        sound = examination.look_at("md5", fine, judge_digest(reply.answer, reply.body)) and sound
    if sound:
        _install(examination, asker, name)
    return reply.body


def _install(examination: Examination, asker: Asker, name: bytes) -> None:
    shown = name.decode("utf-8", "surrogateescape")
    outcome = asker.install(shown)
    fine = "updaters install what is listed"
    if outcome.result is not Result.UPDATED or outcome.image is None:
        failed = error(
            "image",
            f"{_FAMILIES[asker.chip]} does not install {shown}: "
            f"{outcome.reason or outcome.result.value}",
            "Pass each address on to acpublish serve as it is, and look at the server's log.",
        )
        examination.look_at("image", fine, [failed])
        return
    examination.look_at("image", fine)
    again = asker.ask(b"/" + name, runs=outcome.image)
    fine = "a device that runs an image is answered with 304"
    examination.look_at("up-to-date", fine, _not_304(again))


def _not_304(reply: Reply) -> Iterator[Finding]:
    if reply.status == 304:
        return
    if reply.status == 200:
        what = "a device is sent the image that it runs, and would install it at each check"
    else:
        said = reply.fault or f"status {reply.status}"
        what = f"a device that runs an image is not answered with 304, but: {said}"
    yield error(
        "up-to-date",
        what,
        "Let the proxy pass the headers that begin with x-ESP on, and answers with status 304.",
    )


def _look_at_requests(examination: Examination, asker: Asker, name: bytes, place: Endpoint) -> None:
    for of, target, like, fine, form in (
        (
            "slash-less",
            name,
            b"/" + name,
            "requests without a leading slash are taken",
            _SLASH_LESS,
        ),
        ("raw-names", _RAW, _NOWHERE, "spaces and letters beyond ASCII are taken", _RAW_NAMES),
    ):
        usual, reply = asker.ask(like), asker.ask(target)
        if usual.status is not None:
            refused = reply.status != usual.status
            examination.look_at(of, fine, [_refused(of, form, reply, place)] if refused else [])


_SLASH_LESS = "requests without a leading slash, which AutoConnect sends for a folder as uri"
_RAW_NAMES = "requests with raw spaces or letters beyond ASCII, which updaters send for such names"


def _refused(name: str, form: str, reply: Reply, place: Endpoint) -> Finding:
    server = reply.answer.header("Server") if reply.answer else ""
    by_nginx = server.lower().startswith("nginx")
    who = "nginx" if by_nginx else "the server or a proxy"
    said = f"status {reply.status}" if reply.answer else reply.fault
    cure = "; no setting of nginx's http module cures this" if by_nginx else ""
    return error(
        name,
        f"{who} refuses ({said}) {form}{cure}",
        "Pass TCP through to acpublish (nginx: load libnginx-mod-stream, and outside of http: "
        f"stream {{ server {{ listen {place.port}; proxy_pass 127.0.0.1:8000; }} }}).",
    )


def _readable(asker: Asker, digests: Sequence[str]) -> Iterator[Finding]:
    # A plain web server may refuse to list a folder, and still give out what is in it.
    if asker.ask(_NOWHERE).status == 200:
        # Whatever is asked for, it answers something.
        return
    for target in (_HIDDEN, *(f"{_HIDDEN}objects/{digest}" for digest in digests)):
        if asker.ask(target.encode()).status == 200:
            yield error(
                "hidden",
                f"everyone can read {_HIDDEN}, with all manifests and withdrawn images",
                "Serve the catalog with acpublish serve, or close it (nginx: "
                "location ^~ /.acpublish { return 404; }).",
            )
            return
