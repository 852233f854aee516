from __future__ import annotations

from pathlib import Path

from acpublish.store.credential_rows import Password, SecretPath
from acpublish.store.stored import read
from tests.unit.store.making import opened


def test_credentials_come_back_and_can_be_removed(tmp_path: Path) -> None:
    passwords = [
        Password(product=product, user_name="u", salt="aa", digest="bb", created_at=1.5)
        for product in ("lamp", "plug")
    ]
    path = SecretPath(sha256="c" * 64, product="lamp", shown="012345", created_at=2.5)
    other = SecretPath(sha256="d" * 64, shown="6789ab", created_at=3.5)
    with opened(tmp_path) as store:
        for password in passwords:
            store.keep_password(password)
        store.keep_secret_path(path)
        store.keep_secret_path(other)
        store.keep_password(passwords[0], gone=True)
        store.keep_secret_path(other, gone=True)
    stored = read(tmp_path)
    assert (stored.passwords, stored.secret_paths) == ([passwords[1]], [path])
