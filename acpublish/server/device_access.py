"""Which devices may have the images of a product: those with its credentials, or a secret path.

1. Without credentials and paths, :attr:`DeviceAccess.rules` is None, and nothing is checked.
2. A product that has credentials gives its images, and what is derived from them, only to who
   sends these, or requests them below a secret path for the product. Lists are open: AutoConnect
   cannot send credentials for them. So are products without credentials.
3. A secret path is a prefix: below it, an address means what it means without, and the images of
   the path's products need no credentials.
4. The rules are one object that is replaced when the file changes. What is remembered with the head
   of a request applies only under the rules it was remembered under.
5. A password is verified once, in a thread, and then recognised by a digest with a key that only
   this process has, until it is changed or revoked. A file that cannot be read, or is gone, changes
   nothing: that must not open what was closed.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import os
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from acpublish.bounded import BoundedDict
from acpublish.errors import AcpublishError, reason_of
from acpublish.server import answer
from acpublish.server.answer import Answer, Request, Responding
from acpublish.server.bounds import (
    MAX_VERIFYING,
    MAX_VERIFYING_OF_ADDRESS,
    MAX_WRONG_CREDENTIALS,
    BusyError,
)
from acpublish.server.device_access_file import (
    FILE,
    MAX_PASSWORD_BYTES,
    MAX_USER_BYTES,
    DeviceAccessError,
    read_access,
)
from acpublish.server.device_secrets import Credentials, SecretPath, StoredAccess, digest_of
from acpublish.server.request_head import Opened, RequestHead
from acpublish.wire import HIDDEN_PREFIX

_log = logging.getLogger("acpublish.server")

#: How often the file is looked at. Asking for each check would cost as much as the check.
LOOK_EVERY_S = 0.1
_PREFIX = HIDDEN_PREFIX.encode()
_HIDDEN = re.compile(rb"/?u/([0-9a-fA-F]{32})(?=[/?]|\Z)")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
#: Base64 makes four characters of three bytes.
_MAX_BASIC_BYTES = (MAX_USER_BYTES + MAX_PASSWORD_BYTES + 3) // 3 * 4 + 8
_MISSING = "device credentials are missing"
_WRONG = "device credentials are wrong"
_UNKNOWN_PATH = "it is not a secret path of this server"

State = tuple[int, int, int]


class AccessRules:
    """What one state of the file says."""

    def __init__(self, stored: StoredAccess, before: AccessRules | None = None) -> None:
        """Reads the rules.

        Args:
            stored: What the file contains.
            before: The rules until now. Credentials that stay are not verified again: a fleet
                would wait for that in turn, and behind everyone who guesses.
        """
        self._credentials: dict[str, list[Credentials]] = {}
        for entry in stored.credentials:
            self._credentials.setdefault(entry.product, []).append(entry)
        self._paths = {path.sha256: path for path in stored.paths}
        self._key: bytes = before._key if before else secrets.token_bytes(32)
        # A thread may be adding to the earlier ones.
        known = before._right.copy() if before else {}
        #: What is right, by its digest; there cannot be more than there are credentials.
        self._right: dict[bytes, Credentials] = {
            digest: entry
            for digest, entry in known.items()
            if entry in self._credentials.get(entry.product, ())
        }
        self._wrong: BoundedDict[bytes, bool] = BoundedDict(MAX_WRONG_CREDENTIALS)

    def __str__(self) -> str:
        """Returns a summary for the log, without a secret."""
        closed = ", ".join(sorted(self._credentials)) or "none"
        return f"products that need credentials: {closed}; secret paths: {len(self._paths)}"

    def admits(self, head: RequestHead, product: str) -> bool:
        """Returns whether a request may have the images of a product without credentials."""
        if product not in self._credentials:
            return True
        opened = head.opened
        path = None if opened is None else self._paths.get(opened.digest)
        return path is not None and path.opens(product)

    def path_of(self, digits: bytes) -> SecretPath | None:
        """Returns the secret path with these digits, None if there is none."""
        # A digest is looked up, so the time does not show how many digits are right.
        return self._paths.get(digest_of(digits.decode("latin-1").lower()))

    def digest(self, product: str, sent: bytes) -> bytes:
        """Returns what credentials that were sent are recognised by."""
        return hmac.digest(self._key, product.encode() + b"\0" + sent, "sha256")

    def known(self, digest: bytes) -> bool | None:
        """Returns whether credentials are right, None if they have not been verified."""
        return True if digest in self._right else (False if digest in self._wrong else None)

    def verify(self, product: str, sent: bytes, digest: bytes) -> bool:
        """Returns whether credentials are right, and remembers it; slow, so called in a thread."""
        user, _, password = sent.partition(b":")
        entries = self._credentials[product]
        matching = [entry for entry in entries if hmac.compare_digest(entry.user.encode(), user)]
        # For an unknown user it takes as long, so the time does not show which names there are.
        entry = (matching or entries)[0]
        right = entry.verify(password) and bool(matching)
        if right:
            self._right[digest] = entry
        else:
            self._wrong[digest] = True
        return right


class DeviceAccess:
    """Decides on requests for images.

    Attributes:
        rules: The rules as they are now, None if there are neither credentials nor paths.
    """

    def __init__(self, state: Path) -> None:
        """Reads the rules.

        Args:
            state: The state folder.

        Raises:
            DeviceAccessError: The file cannot be read, so nobody knows what must stay closed.
        """
        self._path = state / FILE
        self._seen: State | None = None
        self._problem = ""
        self.rules: AccessRules | None = None
        self._one_at_a_time = asyncio.Semaphore(1)
        #: By the rules and the digest: what older rules say of the same digest admits nobody.
        self._verifying: dict[tuple[AccessRules, bytes], asyncio.Task[bool]] = {}
        self._of_address: dict[str | None, int] = {}
        self._read()

    async def watch(self) -> None:
        """Follows the file until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()

    def look(self) -> None:
        """Reads the file again if it has changed; a failure changes nothing, and is logged once."""
        try:
            self._read()
        except AcpublishError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                _log.error("the device credentials stay as they were: %s", error)
        else:
            self._problem = ""

    def _read(self) -> None:
        try:
            status = os.stat(self._path)
        except FileNotFoundError as error:
            if self._seen is None:
                return
            raise DeviceAccessError(
                f"{self._path} is gone", hint="Restore it, or restart the server without it."
            ) from error
        except OSError as error:
            raise DeviceAccessError(
                f"the device credentials in {self._path} cannot be read: {reason_of(error)}",
                hint="Check the state folder.",
            ) from error
        seen = (status.st_ino, status.st_size, status.st_mtime_ns)
        if seen == self._seen:
            return
        stored = read_access(self._path)
        self._seen = seen
        closed = stored.credentials or stored.paths
        self.rules = AccessRules(stored, self.rules) if closed else None
        _log.info("%s", self.rules or "no product needs device credentials")

    def below(self, head: RequestHead, rules: AccessRules) -> RequestHead | None:
        """Returns the head of what is requested below a secret path, None if there is no such path.

        Args:
            head: The head of a request for an address below ``/u/``.
            rules: The rules.
        """
        match = _HIDDEN.match(head.target)
        path = match and rules.path_of(match[1])
        if match is None or path is None:
            return None
        target = head.target[match.end() :]
        if not target.startswith(b"/"):
            target = b"/" + target
        return head.below(target, Opened(b"/" + match[0].lstrip(b"/"), path.sha256))

    def listed(self, paths: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Returns the paths of a list without a secret path in front of them.

        AutoConnect writes the path of its sketch there (``AUTOCONNECT_UPDATE_CATALOG``).

        Args:
            paths: What the query may mean.
        """
        rules = self.rules
        if rules is None:
            return paths
        return tuple(listed for path in paths if (listed := _listed(path, rules)) is not None)

    def guard(
        self, request: Request, product: str, respond: Callable[[AccessRules | None], Responding]
    ) -> Responding:
        """Responds to a request for an image if it may have it, and with 401 if it may not.

        Args:
            request: The request.
            product: The product that the image belongs to.
            respond: Responds; it takes the rules that admit the request, for what it remembers.

        Raises:
            BusyError: Too many passwords are being verified.
        """
        rules = self.rules
        if rules is None or rules.admits(request.head, product):
            return respond(rules)
        values = [value for name, value in request.headers if name == b"authorization"]
        if not values:
            return _refused(product, _MISSING)
        sent = basic(values[0]) if len(values) == 1 else None
        if sent is None:
            return _refused(product, _WRONG)
        digest = rules.digest(product, sent)
        known = rules.known(digest)
        if known is not None:
            return respond(rules) if known else _refused(product, _WRONG)
        verifying = self._verify_once(request.address, product, sent, digest, rules)
        return self._guard_later(verifying, rules, request, product, respond)

    async def _guard_later(
        self,
        verifying: asyncio.Task[bool],
        rules: AccessRules,
        request: Request,
        product: str,
        respond: Callable[[AccessRules | None], Responding],
    ) -> Answer:
        # A client that disconnects must not end it for the others.
        right = await asyncio.shield(verifying)
        if self.rules is not rules:
            # What was right meanwhile may have been revoked.
            return await answer.answered(self.guard(request, product, respond))
        return await answer.answered(respond(rules)) if right else _refused(product, _WRONG)

    def _verify_once(
        self, address: str | None, product: str, sent: bytes, digest: bytes, rules: AccessRules
    ) -> asyncio.Task[bool]:
        """Verifies credentials; all requests with the same ones wait for one thread."""
        key = rules, digest
        task = self._verifying.get(key)
        if task is None:
            count = self._of_address.get(address, 0)
            if len(self._verifying) >= MAX_VERIFYING or count >= MAX_VERIFYING_OF_ADDRESS:
                raise BusyError("too many device credentials at once", hint="Try again later.")
            self._of_address[address] = count + 1
            task = asyncio.ensure_future(self._verify(product, sent, digest, rules))
            self._verifying[key] = task
            task.add_done_callback(lambda _: self._done(key, address))
        return task

    async def _verify(self, product: str, sent: bytes, digest: bytes, rules: AccessRules) -> bool:
        async with self._one_at_a_time:
            begin = time.monotonic()
            right = await asyncio.to_thread(rules.verify, product, sent, digest)
            if not right:
                # Strangers get half of a processor at most.
                await asyncio.sleep(time.monotonic() - begin)
            return right

    def _done(self, key: tuple[AccessRules, bytes], address: str | None) -> None:
        del self._verifying[key]
        count = self._of_address.pop(address) - 1
        if count:
            self._of_address[address] = count


def basic(value: bytes) -> bytes | None:
    """Returns the user and the password in an Authorization header, with a colon between them.

    Returns:
        None if they are not Basic (RFC 7617), or are longer than any that can be set.
    """
    scheme, _, encoded = value.partition(b" ")
    encoded = encoded.strip(b" \t")
    if scheme.lower() != b"basic" or not 0 < len(encoded) <= _MAX_BASIC_BYTES:
        return None
    try:
        sent = base64.b64decode(encoded, validate=True)
    except ValueError:
        return None
    # A NUL at its end would make no difference to scrypt, and no password has one.
    return None if _CONTROL.search(sent) or b":" not in sent else sent


def is_hidden(path: bytes) -> bool:
    """Returns whether a path is below ``/u/``."""
    return path.startswith(_PREFIX)


def unknown_path() -> Answer:
    """Answers a request for a secret path that there is not."""
    given = answer.missing(_UNKNOWN_PATH)
    given.counted = True
    return given


def _listed(path: bytes, rules: AccessRules) -> bytes | None:
    match = _HIDDEN.match(path)
    if match is None:
        return path
    return None if rules.path_of(match[1]) is None else path[match.end() :]


def _refused(product: str, note: str) -> Answer:
    realm = [(b"www-authenticate", b'Basic realm="%s", charset="UTF-8"' % product.encode())]
    given = answer.text(401, "The images of this product need credentials.", realm, note=note)
    given.counted = True
    return given
