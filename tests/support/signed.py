"""Signed images, and the keys that signed them, in files."""

from __future__ import annotations

from pathlib import Path

from acpublish import api
from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from acpublish.keys import PrivateKey, read_private_key
from acpublish.release import names
from acpublish.release.signatures import sign, submitted_statement
from acpublish.release.submission import Submission
from acpublish.release.version import Version
from tests.support.images import esp8266_image

PRODUCT = names.product("lamp")


def image(version: str) -> bytes:
    return stamp(esp8266_image(size=8192), PRODUCT, version)


def submission(version: str, board: str = "d1") -> Submission:
    return Submission(
        product=PRODUCT,
        version=Version.parse(version),
        board=names.board(board),
        channel=names.channel("stable"),
    )


def signature(version: str, key: PrivateKey) -> str:
    """Returns the header that goes with an upload of the image of a version."""
    one = sign(submitted_statement(read(image(version)), submission(version)), key)
    return f"X-Acpublish-Signature: {one.key}:{one.signature}"


class Keys:
    """Keys in files, as users have them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def secret(self, name: str) -> Path:
        path = self.directory / f"{name}.pem"
        if not path.exists():
            public = api.create_key(path)
            (self.directory / f"{name}.pub").write_text(public.pem)
        return path

    def public(self, name: str) -> Path:
        return self.secret(name).with_suffix(".pub")

    def key(self, name: str) -> PrivateKey:
        return read_private_key(self.secret(name).read_bytes())

    def id(self, name: str) -> str:
        return self.key(name).public.id
