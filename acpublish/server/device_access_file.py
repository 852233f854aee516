"""The file with the credentials of devices and the secret paths, and what changes it.

``device-access.json`` is in the state folder beside the tokens, with the same care: only its owner
can read it, it is replaced by one rename, and writers wait for each other.

1. The last credentials of a product go only if the caller says that everyone may have its images.
2. Keys that a later version adds to an entry or to the document survive a change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from acpublish import atomic
from acpublish.catalog.state import ensure_private
from acpublish.errors import ConflictError, NotFoundError, SettingsError, reason_of
from acpublish.input_files import read_own
from acpublish.server.device_secrets import (
    FORMAT,
    Credentials,
    SecretPath,
    StoredAccess,
    secret_path,
    stored_access,
)
from acpublish.server.token_file import state_hint

FILE = "device-access.json"
#: HTTPUpdate puts both into one header, and a device has little memory.
MAX_USER_BYTES = 64
MAX_PASSWORD_BYTES = 128
#: As many of a product as a change of passwords in stages could need.
MAX_USERS = 16
_Check = Callable[[], object]
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class DeviceAccessError(SettingsError):
    """The file of device credentials cannot be read or written."""


class DeviceAccessStore:
    """The device credentials in a state folder: shows and changes them.

    What changes them takes ``before_commit``, which is called with the lock, before anything is
    written; an error that it raises is passed on, and all stays as it is.
    """

    def __init__(self, state: Path) -> None:
        """Prepares to use a state folder, which is created with the first entry.

        Args:
            state: The state folder.
        """
        self._state = state
        self._path = state / FILE

    def all(self) -> StoredAccess:
        """Returns everything.

        Raises:
            DeviceAccessError: The file cannot be read.
        """
        return read_access(self._path)

    def set_credentials(
        self, product: str, user: str, password: str, *, before_commit: _Check | None = None
    ) -> Credentials:
        """Adds credentials for a product, or replaces those of the same user.

        Raises:
            ConflictError: The product has too many users.
            SettingsError: The user or the password is not one that devices can send.
            DeviceAccessError: The file cannot be read or written.
        """
        _check("user name", user, MAX_USER_BYTES)
        if ":" in user:
            raise SettingsError(
                "the user name contains a colon, which ends it in the header of a device",
                hint="Use another name with --user.",
            )
        _check("password", password, MAX_PASSWORD_BYTES)
        made = Credentials.of(product, user, password)

        def change(stored: StoredAccess) -> StoredAccess:
            others = [
                entry
                for entry in stored.credentials
                if (entry.product, entry.user) != (product, user)
            ]
            if sum(entry.product == product for entry in others) >= MAX_USERS:
                raise ConflictError(
                    f"{product} has {MAX_USERS} users already",
                    hint=f"Revoke one: acpublish device-credentials revoke {product} --user NAME.",
                )
            return replace(stored, credentials=(*others, made))

        self._change(change, before_commit)
        return made

    def revoke_credentials(
        self, product: str, user: str | None, *, opens: bool, before_commit: _Check | None = None
    ) -> tuple[Credentials, ...]:
        """Removes credentials of a product.

        Args:
            product: The product.
            user: Whose; None for all users of the product.
            opens: Whether everyone may have its images if none are left.
            before_commit: As for every change.

        Returns:
            What was removed.

        Raises:
            NotFoundError: There are none.
            ConflictError: None would be left, and that is not allowed.
            DeviceAccessError: The file cannot be read or written.
        """
        revoked: list[Credentials] = []

        def change(stored: StoredAccess) -> StoredAccess:
            of_product = [entry for entry in stored.credentials if entry.product == product]
            revoked[:] = [entry for entry in of_product if user in (None, entry.user)]
            if not revoked:
                whose = product if user is None else f"the user {user!a} of {product}"
                raise NotFoundError(
                    f"there are no credentials for {whose}",
                    hint="'acpublish device-credentials list' shows them.",
                )
            if len(revoked) == len(of_product) and not opens:
                raise ConflictError(
                    f"without these credentials, everyone could get the images of {product}",
                    hint="Set those of another user first, or add --open if that is intended.",
                )
            return replace(
                stored,
                credentials=tuple(each for each in stored.credentials if each not in revoked),
            )

        # Damage is noticed, and a mistake refused, before the state folder is created for it.
        change(self.all())
        self._change(change, before_commit)
        return tuple(revoked)

    def create_path(
        self, products: Iterable[str], name: str = "", *, before_commit: _Check | None = None
    ) -> tuple[str, SecretPath]:
        """Creates a secret path; its digits are not stored anywhere.

        Args:
            products: The products that need no credentials below it; ``*`` for every product.
            name: What a person calls it.
            before_commit: As for every change.

        Returns:
            The path, such as ``/u/0123…``, and what is stored of it.

        Raises:
            DeviceAccessError: The file cannot be read or written.
        """
        if name:
            _check("name", name, MAX_USER_BYTES)
        path, made = secret_path(products, name)
        self._change(lambda stored: replace(stored, paths=(*stored.paths, made)), before_commit)
        return path, made

    def revoke_path(self, id_or_name: str, *, before_commit: _Check | None = None) -> SecretPath:
        """Removes a secret path, given by its six digits or its name.

        Raises:
            NotFoundError: There is none, or there are several.
            DeviceAccessError: The file cannot be read or written.
        """
        revoked: list[SecretPath] = []

        def change(stored: StoredAccess) -> StoredAccess:
            revoked[:] = [path for path in stored.paths if path.id == id_or_name]
            revoked[:] = revoked or [path for path in stored.paths if id_or_name == path.name != ""]
            if len(revoked) != 1:
                shown = f"{id_or_name[:MAX_USER_BYTES]!a}"
                raise NotFoundError(
                    f"several secret paths are called {shown}"
                    if revoked
                    else f"there is no secret path {shown}",
                    hint="Use its six digits; 'acpublish device-path list' shows them.",
                )
            return replace(
                stored, paths=tuple(path for path in stored.paths if path not in revoked)
            )

        change(self.all())
        self._change(change, before_commit)
        return revoked[0]

    def _change(
        self, change: Callable[[StoredAccess], StoredAccess], before_commit: _Check | None
    ) -> None:
        ensure_private(self._state)
        try:
            with atomic.exclusive(self._state):
                if before_commit is not None:
                    before_commit()
                text = json.dumps(change(read_access(self._path)).to_dict(), indent=1)
                atomic.write(self._path, f"{text}\n".encode(), mode=0o600)
        except OSError as error:
            raise DeviceAccessError(
                f"the device credentials in {self._state} cannot be written: {reason_of(error)}",
                hint=state_hint(error, self._path),
            ) from error


def read_access(path: Path) -> StoredAccess:
    """Reads the file, nothing if there is none.

    Raises:
        DeviceAccessError: It cannot be read.
    """
    try:
        document: Any = json.loads(read_own(path))
        if document["format"] > FORMAT:
            raise DeviceAccessError(
                f"the device credentials in {path} are of a newer format",
                hint="Install the version of acpublish that wrote them.",
            )
        return stored_access(document)
    except FileNotFoundError:
        return StoredAccess()
    except OSError as error:
        raise DeviceAccessError(
            f"the device credentials in {path} cannot be read: {reason_of(error)}",
            hint=state_hint(error, path),
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # Without the file, the images would be open to everyone, so nobody is told to remove it.
        raise DeviceAccessError(
            f"the device credentials in {path} cannot be read: the file is damaged",
            hint="Restore it from a backup. If there is none, rename it, and set the credentials "
            "and create the paths again; the old paths are no longer valid then.",
        ) from error


def _check(what: str, text: str, limit: int) -> None:
    """Refuses what a device could not send."""
    if not text:
        raise SettingsError(f"the {what} is empty", hint="Use letters and digits.")
    if _CONTROL.search(text):
        raise SettingsError(
            f"the {what} contains a line break or another control character",
            hint="Use letters, digits and signs.",
        )
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise SettingsError(f"the {what} is not UTF-8", hint="Use letters and digits.") from error
    if size > limit:
        raise SettingsError(f"the {what} is longer than {limit} bytes", hint="Use a shorter one.")
