"""Sends the requests of a device, and keeps the response headers, which an updater discards."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from acpublish.emulator.autoconnect import CatalogPage, read_page
from acpublish.emulator.connection import DeviceResponse, Endpoint, HttpError, exchange
from acpublish.emulator.flash import FACTORY, running
from acpublish.emulator.profile import DeviceOptions, UpdateOutcome
from acpublish.emulator.request import catalog_request, plain_request, update_request
from acpublish.emulator.updater import Device
from acpublish.wire import MAX_IMAGE_BYTES, NO_MAC, Family

#: The largest flash there is, so findings never depend on the free space of a device.
_CHIP_BYTES = 16 * 1024 * 1024
_STALL_S = 10.0
_LIST_STALL_S = 5.0
_CLIENT = b"/api/v1/client"
#: More than an address and a port take.
_CLIENT_BYTES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The result of one request.

    Attributes:
        answer: The response, with its headers read; None if there is none that a device accepts.
        body: The image, if it was requested and could be read.
        error: Why there is no response.
    """

    answer: DeviceResponse | None = None
    body: bytes = b""
    error: HttpError | None = None

    @property
    def fault(self) -> str:
        """Why there is no response, in the words of a device; empty if there is one."""
        return str(self.error or "")

    @property
    def status(self) -> int | None:
        """The HTTP status, None without a response."""
        return self.answer.status if self.answer else None


class Probe:
    """A device of one family in front of one server."""

    def __init__(self, chip: Family, endpoint: Endpoint) -> None:
        """Prepares the requests; nothing is sent yet.

        Args:
            chip: The family.
            endpoint: Where the server is.
        """
        self.chip = chip
        self.endpoint = endpoint
        self._options = DeviceOptions(
            chip=chip,
            mac=NO_MAC,
            chip_size=_CHIP_BYTES,
            free_space=MAX_IMAGE_BYTES,
            stall_s=_STALL_S,
            catalog_timeout_s=_LIST_STALL_S,
            user=endpoint.user,
            password=endpoint.password,
        )

    def list(self) -> tuple[Reply, CatalogPage | None]:
        """Requests the list that AutoConnectUpdate shows; there is no page if it is chunked."""
        options, endpoint = self._options, self.endpoint
        request = catalog_request(options, endpoint.host, endpoint.port, ".")
        try:
            with self._response(request, options.catalog_timeout_s) as answer:
                if answer.header("Transfer-Encoding"):
                    return Reply(answer=answer), None
                return Reply(answer=answer), read_page(
                    answer, options.catalog_timeout_s, options.json_version
                )
        except HttpError as fault:
            return Reply(error=fault), None

    def update(self, target: bytes, *, runs: bytes | None = None, whole: bool = False) -> Reply:
        """Requests an update.

        Args:
            target: The request target, raw.
            runs: The image that the device runs; None for an image that is in no catalog.
            whole: Whether to also read the image.
        """
        options, endpoint = self._options, self.endpoint
        reported = FACTORY if runs is None else running(runs)
        request = update_request(options, reported, endpoint.host, endpoint.port, target)
        try:
            with self._response(request, options.timeout_s) as answer:
                readable = whole and answer.status == 200 and not answer.header("Transfer-Encoding")
                size = min(answer.size, MAX_IMAGE_BYTES) if readable else 0
                return Reply(answer=answer, body=answer.read(max(size, 0), options.stall_s))
        except HttpError as fault:
            return Reply(error=fault)

    def client(self, *, before: bytes = b"") -> Reply:
        """Asks the server which address it sees; no device sends this request.

        Args:
            before: Bytes to send in front of it, such as a PROXY header.
        """
        endpoint, stall_s = self.endpoint, self._options.stall_s
        request = plain_request(_CLIENT, endpoint.host, endpoint.port)
        try:
            with self._response(request, stall_s, before) as answer:
                size = min(max(answer.size, 0), _CLIENT_BYTES)
                return Reply(answer=answer, body=answer.read(size, stall_s))
        except HttpError as fault:
            return Reply(error=fault)

    def _response(
        self, request: bytes, timeout_s: float, before: bytes = b""
    ) -> AbstractContextManager[DeviceResponse]:
        return exchange(
            self.endpoint,
            request,
            chip=self.chip,
            timeout_s=timeout_s,
            segment_bytes=self._options.segment_bytes,
            before=before,
        )

    def install(self, name: str) -> UpdateOutcome:
        """Installs a listed image, as AutoConnectUpdate does with HTTPUpdate."""
        return Device(self._options).install(self.endpoint, name)
