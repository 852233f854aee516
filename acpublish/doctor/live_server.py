"""Examines a server as devices see it, through any proxy in front of it.

In this order:

1. The certificate, if the URL is https. Everything else follows over TLS as well.
2. The list, as AutoConnectUpdate requests it, and the clock. With https, it only names the images.
3. A listed image, as the updater of each family installs it, and again as a device that runs it.
4. Requests of genuine devices that proxies refuse.
5. Files that must not be readable.
6. The address that the server sees.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from acpublish.doctor.certificate import examine_certificate
from acpublish.doctor.client_address import examine_address
from acpublish.doctor.findings import Examination, Finding, error, not_checked, warning
from acpublish.doctor.probe import Probe, Reply
from acpublish.doctor.responding import examine_response
from acpublish.doctor.response_headers import (
    check_body,
    check_clock,
    check_digest,
    check_framing,
    check_size,
)
from acpublish.emulator.autoconnect import CatalogPage
from acpublish.emulator.connection import Endpoint, parse_url
from acpublish.emulator.profile import UpdateResult
from acpublish.errors import SettingsError
from acpublish.wire import DEVICE_LIST_BINS, ENTRY_DOCUMENT_BYTES, Family

_FAMILIES: dict[Family, str] = {"esp8266": "ESP8266", "esp32": "ESP32"}
_LIST, _IMAGE = "the list for AutoConnect", "an image"
#: Request targets of the same form as those of genuine devices, for files that no server has.
_NOWHERE = b"/acpublish-doctor/no-such.bin"
_RAW = "/acpublish-doctor/no such größe.bin".encode()
_HIDDEN = "/.acpublish/"


def check_server(url: str, ca: Path | None = None) -> list[Finding]:
    """Examines a server.

    Args:
        url: Its URL, as sketches use it.
        ca: The file of the only CAs to trust for https; None for those of browsers.

    Returns:
        The findings; each problem with the line to change.

    Raises:
        SettingsError: A device could not use the URL.
    """
    examination = Examination()
    given = _endpoint(url, ca)
    endpoint = given if given.tls is None else examine_certificate(examination, given)
    if endpoint is None:
        return examination.findings()
    probes = [Probe(chip, endpoint) for chip in _FAMILIES]
    before_s = time.time()
    replies = [probes[0].list()]
    first = replies[0][0]
    if not examine_response(examination, probes[0], first):
        return examination.findings()
    replies += [probe.list() for probe in probes[1:]]
    if first.answer is not None:
        clock = check_clock(first.answer, before_s, time.time())
        examination.record("clock", "the server's clock agrees with this machine's", clock)
    if endpoint.tls is None:
        _examine_lists(examination, replies)
    else:
        examination.add([not_checked("catalog", _NO_TLS, _PLAIN_TOO)])
    listed = [
        (probe, page.firmwares[0].name.encode("utf-8", "surrogateescape"))
        for probe, (_, page) in zip(probes, replies, strict=True)
        if page and page.firmwares
    ]
    digests = _examine_images(examination, listed)
    for probe in probes:
        _examine_requests(examination, probe, listed[0][1] if listed else _NOWHERE[1:])
    hidden = _readable(probes[0], digests)
    examination.record("hidden", f"{_HIDDEN} is not public", hidden)
    examine_address(examination, probes[0])
    return examination.findings()


_NO_TLS = (
    "AutoConnectUpdate has no TLS, so its list, and its requests without a leading slash, are "
    "checked only over plain http"
)
_PLAIN_TOO = "Examine the port without TLS as well: acpublish doctor --to http://HOST:PORT."


def _endpoint(url: str, ca: Path | None) -> Endpoint:
    if not url.lower().startswith(("http://", "https://")):
        raise SettingsError(
            "the doctor sends the requests of devices, over http or https",
            hint="Use the URL that devices use, such as http://192.168.1.10:8000.",
        )
    endpoint = parse_url(url, ca)
    if endpoint.target not in (b"", b"/"):
        raise SettingsError(
            "the URL has a path, but AutoConnectUpdate uses only the root of a host",
            hint="Use the URL up to the port, such as http://192.168.1.10:8000, and serve devices "
            "from a separate host or port.",
        )
    return replace(endpoint, target=b"/")


def _examine_lists(
    examination: Examination, replies: Sequence[tuple[Reply, CatalogPage | None]]
) -> None:
    counts = [
        f"{len(page.firmwares) if page else 0} for {name}"
        for name, (_, page) in zip(_FAMILIES.values(), replies, strict=True)
    ]
    fine = f"AutoConnect lists {', '.join(counts)}"
    _record_framing(examination)
    for reply, page in replies:
        if reply.answer is None or examination.add(check_framing(_LIST, reply.answer)):
            examination.record("catalog", fine, _list_problems(reply, page))


def _record_framing(examination: Examination) -> None:
    for name, fine in _FRAMING_CHECKS.items():
        examination.record(name, fine)


#: The texts of checks of response headers without a problem.
_FRAMING_CHECKS = {
    "redirect": "nothing is redirected",
    "chunked": "nothing is sent in chunks",
    "encoding": "nothing is compressed in transit",
    "length": "each response has a Content-Length",
}


def _list_problems(reply: Reply, page: CatalogPage | None) -> Iterator[Finding]:
    problems = list(check_body("catalog", _LIST, reply.answer)) if reply.answer and page else []
    if problems:
        yield from problems
        return
    if reply.status in (401, 403):
        yield error(
            "catalog",
            f"{_LIST} is refused (status {reply.status}), and AutoConnect cannot send credentials",
            "Do not require a password for /_catalog: in nginx, remove auth_basic there.",
        )
    elif page is None or reply.status != 200:
        yield error(
            "catalog",
            f"{_LIST} is not available: {reply.fault or f'status {reply.status}'}",
            "Pass on /_catalog with its query to acpublish serve.",
        )
    elif page.caption.endswith("NoMemory"):
        yield error(
            "catalog",
            f"an entry in the list takes more than the {ENTRY_DOCUMENT_BYTES} bytes that a device "
            "has for it, so AutoConnect offers nothing",
            "Shorten file names to 100 bytes, or use acpublish serve, which shortens the list.",
        )
    elif reply.answer and not reply.answer.received.rstrip().endswith(b"]"):
        yield error(
            "catalog",
            f"{_LIST} is truncated: it ends without a ], so a device misses entries",
            "Serve the list with acpublish serve. In the proxy, turn off anything that changes or "
            "caches lists (nginx: proxy_cache off;).",
        )
    elif page.caption.startswith("Invalid"):
        yield error(
            "catalog",
            f"AutoConnect shows {page.caption!r}",
            "Publish an image, and serve the list with acpublish serve.",
        )
    elif len(page.firmwares) > DEVICE_LIST_BINS:
        yield error(
            "catalog",
            f"the list offers {len(page.firmwares)} images, but a device runs out of memory after "
            f"about {DEVICE_LIST_BINS}",
            "Configure the proxy to pass on User-Agent and not to cache lists (nginx: proxy_cache "
            "off;), so that acpublish serve can shorten them for devices.",
        )


def _examine_images(examination: Examination, listed: list[tuple[Probe, bytes]]) -> list[str]:
    """Returns the SHA-256 of each image that was received."""
    if not listed:
        missing = "no image is listed, so images could not be checked"
        examination.add([warning("image", missing, "Publish an image, then run this again.")])
    else:
        _record_framing(examination)
    bodies = [_examine_image(examination, probe, name) for probe, name in listed]
    return [hashlib.sha256(body).hexdigest() for body in bodies if body]


def _examine_image(examination: Examination, probe: Probe, name: bytes) -> bytes:
    reply = probe.update(b"/" + name, whole=True)
    if reply.status == 401:
        shown = name.decode("utf-8", "backslashreplace")
        unchecked = f"{shown} needs device credentials, so it could not be checked"
        hint = "Write those of its product in the URL: http://USER:PASSWORD@HOST."
        examination.add([warning("image", unchecked, hint)])
        return b""
    sound = reply.answer is None or examination.add(check_framing(_IMAGE, reply.answer))
    if sound and reply.answer:
        sound = examination.add(
            check_body("image", f"{_IMAGE} for {_FAMILIES[probe.chip]}", reply.answer)
        )
    if sound and reply.answer and reply.body:
        fine = "the headers of images are short"
        examination.record("headers", fine, check_size(reply.answer))
        fine = "images are sent with their x-MD5"
        sound = examination.record("md5", fine, check_digest(reply.answer, reply.body)) and sound
    if sound:
        _install(examination, probe, name)
    return reply.body


def _install(examination: Examination, probe: Probe, name: bytes) -> None:
    shown = name.decode("utf-8", "surrogateescape")
    outcome = probe.install(shown)
    fine = "updaters install what is listed"
    if outcome.result is not UpdateResult.UPDATED or outcome.image is None:
        failed = error(
            "image",
            f"{_FAMILIES[probe.chip]} does not install {shown}: "
            f"{outcome.reason or outcome.result.value}",
            "Pass on each request to acpublish serve unchanged, and look at the server's log.",
        )
        examination.record("image", fine, [failed])
        return
    examination.record("image", fine)
    again = probe.update(b"/" + name, runs=outcome.image)
    fine = "a device that already runs an image gets 304"
    examination.record("up-to-date", fine, _not_304(again))


def _not_304(reply: Reply) -> Iterator[Finding]:
    if reply.status == 304:
        return
    if reply.status == 200:
        what = (
            "a device is sent the image that it already runs, so it reinstalls the image at every "
            "check"
        )
    else:
        result = reply.fault or f"status {reply.status}"
        what = f"a device that already runs an image does not get 304, but: {result}"
    yield error(
        "up-to-date",
        what,
        "Configure the proxy to pass on request headers that begin with x-ESP, and responses with "
        "status 304.",
    )


def _examine_requests(examination: Examination, probe: Probe, name: bytes) -> None:
    checks = [("raw-names", _RAW, _NOWHERE, _RAW_NAMES, "spaces and letters beyond ASCII")]
    if probe.endpoint.tls is None:
        accepted = "requests without a leading slash"
        checks.insert(0, ("slash-less", name, b"/" + name, _SLASH_LESS, accepted))
    for check, target, usual_target, form, accepted in checks:
        usual, reply = probe.update(usual_target), probe.update(target)
        if usual.status is not None:
            refused = reply.status != usual.status
            problems = [_refused(check, form, reply, probe.endpoint)] if refused else []
            examination.record(check, f"{accepted} are accepted", problems)


_SLASH_LESS = "requests without a leading slash, which AutoConnect sends if uri is a folder"
_RAW_NAMES = "requests with raw spaces or letters beyond ASCII, which updaters send for such names"


def _refused(name: str, form: str, reply: Reply, endpoint: Endpoint) -> Finding:
    server = reply.answer.header("Server") if reply.answer else ""
    by_nginx = server.lower().startswith("nginx")
    who = "nginx" if by_nginx else "the server or a proxy"
    result = f"status {reply.status}" if reply.answer else reply.fault
    upstream = 8000 if endpoint.tls is None else 8443
    no_fix = "; no setting of nginx's http module fixes this" if by_nginx else ""
    return error(
        name,
        f"{who} refuses ({result}) {form}{no_fix}",
        "Pass TCP through to acpublish (nginx: load libnginx-mod-stream, and outside of http: "
        f"stream {{ server {{ listen {endpoint.port}; proxy_pass 127.0.0.1:{upstream}; }} "
        "}).",
    )


def _readable(probe: Probe, digests: Sequence[str]) -> Iterator[Finding]:
    # A plain web server may refuse to list a folder, but still serve the files in it.
    if probe.update(_NOWHERE).status == 200:
        # The server responds with something to every request.
        return
    for target in (_HIDDEN, *(f"{_HIDDEN}objects/{digest}" for digest in digests)):
        if probe.update(target.encode()).status == 200:
            yield error(
                "hidden",
                f"anyone can read {_HIDDEN}, with all manifests and withdrawn images",
                "Serve the catalog with acpublish serve, or block it (nginx: "
                "location ^~ /.acpublish { return 404; }).",
            )
            return
