"""Signed releases over HTTP: raw clients, a key rotated while a server runs, downloads."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import acpublish
from acpublish import api
from acpublish.catalog import layout
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.cli import main
from acpublish.client.remote import RemoteCatalog
from acpublish.errors import AcpublishError, CheckError, VerificationError
from acpublish.image.gzip import compress
from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from acpublish.keys import PrivateKey
from acpublish.release import channel_document
from acpublish.release.candidate import Candidate
from acpublish.release.changes import publish
from acpublish.release.channels import Author, Place
from acpublish.release.signatures import sign, submitted_statement
from acpublish.release.version import Version
from tests.conformance.test_upload import put, token
from tests.support.images import esp8266_image
from tests.support.openssl import needs_openssl, openssl
from tests.support.server import RunningServer, running_server
from tests.support.signed import PRODUCT, Keys, image, signature, submission


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    (tmp_path / "keys").mkdir()
    return Keys(tmp_path / "keys")


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    return tmp_path / "catalog"


@pytest.fixture
def server(catalog: Path, tmp_path: Path) -> Iterator[RunningServer]:
    with running_server(catalog, tmp_path) as running:
        yield running


@pytest.fixture
def bearer(tmp_path: Path) -> str:
    return token(tmp_path)


def upload(
    server: RunningServer, bearer: str, version: str, *headers: str
) -> tuple[int, dict[str, Any]]:
    """Publishes as a client that checks nothing."""
    answer, document = put(
        server, f"/api/v1/releases/lamp/{version}/d1", image(version), bearer, *headers
    )
    return answer.status, document


def newest(server: RunningServer) -> bytes | None:
    answer = server.get("/update/lamp/d1")
    return answer.body if answer.status == 200 else None


def test_a_client_without_checks_is_refused_with_the_same_check(
    server: RunningServer, catalog: Path, keys: Keys, bearer: str, tmp_path: Path
) -> None:
    api.trust_keys(catalog, product="lamp", add=keys.public("ours"))
    own = pytest.raises(CheckError, match=r"^signature: ")
    (tmp_path / "firmware.bin").write_bytes(image("1.0.0"))
    with own as caught:
        acpublish.publish(
            tmp_path / "firmware.bin",
            to=server.url,
            product="lamp",
            version="1.0.0",
            board="d1",
            token=bearer,
        )
    for headers in (
        (),
        (signature("1.0.0", keys.key("others")),),
        (signature("1.1.0", keys.key("ours")),),
        (signature("1.1.0", keys.key("ours")), signature("1.0.0", keys.key("others"))),
    ):
        status, document = upload(server, bearer, "1.0.0", *headers)
        assert (status, document["code"]) == (422, "check")
        assert document["error"].startswith("signature: ")
        if not headers:
            assert document["error"] == caught.value.problem
            assert document["hint"] == caught.value.hint
    for broken in ("x", "0123456789abcdef:", f"{keys.id('ours')}:AA=A"):
        status, document = upload(server, bearer, "1.0.0", f"X-Acpublish-Signature: {broken}")
        assert (status, document["code"]) == (400, "request")
    assert newest(server) is None
    assert server.get("/api/v1/products/lamp").status == 404
    assert upload(server, bearer, "1.0.0", signature("1.0.0", keys.key("ours")))[0] == 201
    assert newest(server) == image("1.0.0")


@needs_openssl
def test_openssl_alone_can_sign_and_verify(
    server: RunningServer, catalog: Path, keys: Keys, bearer: str, tmp_path: Path
) -> None:
    api.trust_keys(catalog, product="lamp", add=keys.public("ours"))
    stated = tmp_path / "statement"
    stated.write_bytes(submitted_statement(read(image("1.0.0")), submission("1.0.0")))
    made = openssl("dgst", "-sha256", "-sign", keys.secret("ours"), stated).stdout
    header = f"X-Acpublish-Signature: {keys.id('ours')}:{base64.b64encode(made).decode()}"
    assert upload(server, bearer, "1.0.0", header)[0] == 201
    listed = json.loads(server.get("/api/v1/products/lamp").body)
    (shown,) = listed["releases"][0]["images"][0]["signatures"]
    assert shown["key"] == keys.id("ours")
    (tmp_path / "signature").write_bytes(base64.b64decode(shown["signature"]))
    told = json.loads(server.get("/api/v1/products/lamp/keys").body)
    assert [one["key"] for one in told["keys"]] == [keys.id("ours")]
    (tmp_path / "public.pem").write_text(told["keys"][0]["public"])
    words = ("-verify", tmp_path / "public.pem", "-signature", tmp_path / "signature")
    assert openssl("dgst", "-sha256", *words, stated).stdout == b"Verified OK\n"


class Watcher:
    """Asks a server all the time what it offers, and keeps every answer that is not as before."""

    def __init__(self, server: RunningServer, wanted: bytes) -> None:
        self._server = server
        self._wanted = wanted
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.asked = 0
        self.other: list[bytes | None] = []

    def _run(self) -> None:
        while not self._ended.is_set():
            found = newest(self._server)
            self.asked += 1
            if found != self._wanted:
                self.other.append(found)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def copy_in(catalog: Path, tmp_path: Path, version: str, key: PrivateKey) -> None:
    """Does what somebody does who can write to the catalog, but has no trusted key."""
    wanted = submission(version)
    stated = submitted_statement(read(image(version)), wanted)
    (tmp_path / version).mkdir()
    elsewhere = DirectoryCatalog(tmp_path / version)
    elsewhere.put(Candidate.of(image(version)), replace(wanted, signatures=(sign(stated, key),)))
    for path in (elsewhere.root / ".acpublish").rglob("*"):
        if path.is_file() and path.name != layout.CHANNELS:
            target = catalog / path.relative_to(elsewhere.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    document = layout.channels(catalog, "lamp")
    channels = channel_document.from_json(document.read_bytes(), document.name, "lamp")
    place, who = Place(wanted.board, wanted.kind), Author(at="2026-06-01T00:00:00Z")
    planned = publish(channels, wanted.version, place, "stable", who, moves=True, releases=())
    document.write_bytes(channel_document.to_json(planned.channels, "lamp"))


def test_a_key_is_rotated_while_the_server_runs(
    server: RunningServer, catalog: Path, keys: Keys, bearer: str, tmp_path: Path
) -> None:
    old, new, others = keys.key("old"), keys.key("new"), keys.key("others")

    def refuses(*wrong: PrivateKey) -> None:
        for key in wrong:
            status, document = upload(server, bearer, "9.0.0", signature("9.0.0", key))
            assert (status, document["error"].partition(":")[0]) == (422, "signature")
        assert upload(server, bearer, "9.0.0")[0] == 422

    def valid() -> list[str]:
        listed = json.loads(server.get("/api/v1/products/lamp").body)
        return [one["version"] for one in listed["releases"]]

    # 1. The old key is trusted, and has signed all there is.
    api.trust_keys(catalog, product="lamp", add=keys.public("old"))
    for version in ("1.0.0", "1.1.0"):
        assert upload(server, bearer, version, signature(version, old))[0] == 201
    copy_in(catalog, tmp_path, "0.8.0", others)
    refuses(new, others)
    assert valid() == ["1.0.0", "1.1.0"]
    with Watcher(server, image("1.1.0")) as watcher:
        # 2. Both are trusted: who has either key may publish.
        api.trust_keys(catalog, product="lamp", add=keys.public("new"))
        refuses(others)
        assert valid() == ["1.0.0", "1.1.0"]
        # The old one cannot go yet.
        with pytest.raises(AcpublishError, match="resign"):
            api.trust_keys(catalog, product="lamp", remove=keys.id("old"))
        # 3. The new key signs what is valid, and nothing else.
        done = api.resign(catalog, product="lamp", key=keys.secret("new"))
        assert (len(done.signed), len(done.left_out)) == (2, 1)
        refuses(others)
        assert valid() == ["1.0.0", "1.1.0"]
        # 4. The old key is trusted no longer.
        _, withheld = api.trust_keys(catalog, product="lamp", remove=keys.id("old"))
        assert withheld == ()
        refuses(old, others)
        assert valid() == ["1.0.0", "1.1.0"]
    assert watcher.asked > 10
    assert watcher.other == []
    assert upload(server, bearer, "1.2.0", signature("1.2.0", new))[0] == 201
    assert newest(server) == image("1.2.0")
    for name in ("old", "new", "others"):
        secret = keys.secret(name).read_text().splitlines()[1]
        assert secret not in server.log_so_far()
        assert not any(
            secret.encode() in path.read_bytes() for path in catalog.rglob("*") if path.is_file()
        )


def test_what_somebody_copies_in_or_changes_is_not_served(
    server: RunningServer, catalog: Path, keys: Keys, bearer: str, tmp_path: Path
) -> None:
    api.trust_keys(catalog, product="lamp", add=keys.public("ours"))
    assert upload(server, bearer, "1.0.0", signature("1.0.0", keys.key("ours")))[0] == 201
    copy_in(catalog, tmp_path, "2.0.0", keys.key("others"))
    assert newest(server) == image("1.0.0")
    assert server.get("/lamp/lamp-2.0.0_d1.bin").status == 404
    assert server.get("/lamp/lamp-2.0.0_d1.bin.md5").status == 404
    names_listed = server.get("/_catalog?op=list&path=lamp").body
    assert b"1.0.0" in names_listed
    assert b"2.0.0" not in names_listed
    assert server.logs("withheld: lamp/lamp-2.0.0_d1.bin: it is signed with key")
    # The signed release, made to name the other image's bytes.
    path = layout.manifest(catalog, "lamp", Version.parse("1.0.0"))
    text = path.read_bytes().replace(read(image("1.0.0")).sha256.encode(), b"0" * 64)
    (catalog / "fresh").write_bytes(text)
    (catalog / "fresh").replace(path)
    assert newest(server) is None
    assert server.get("/lamp/lamp-1.0.0_d1.bin").status == 404
    assert server.logs("does not match it")


def test_keys_that_are_edited_in_place_are_noticed(
    server: RunningServer, catalog: Path, keys: Keys, bearer: str
) -> None:
    """The file stays the same one, so that the directory's time does not tell."""
    api.trust_keys(catalog, product="lamp", add=keys.public("ours"))
    assert upload(server, bearer, "1.0.0", signature("1.0.0", keys.key("ours")))[0] == 201
    time.sleep(0.2)
    assert newest(server) == image("1.0.0")
    path = layout.trusted_keys(catalog, "lamp")
    before = path.read_bytes()
    path.write_bytes(b"garbage")
    assert newest(server) is None
    path.write_bytes(before)
    assert newest(server) == image("1.0.0")


def test_a_gzip_of_something_else_is_not_sent(
    server: RunningServer, catalog: Path, keys: Keys, tmp_path: Path
) -> None:
    """The signature names the image; what stands beside it has to inflate to that."""
    api.trust_keys(catalog, product="lamp", add=keys.public("ours"))
    data = {
        version: stamp(esp8266_image(size=65536, compressible=True), PRODUCT, version)
        for version in ("1.0.0", "1.1.0", "6.6.6")
    }
    opened = DirectoryCatalog(catalog)
    for version in ("1.0.0", "1.1.0"):
        plain = replace(submission(version), compress=True, provenance={"core": "3.1.2"})
        stated = submitted_statement(read(data[version]), plain)
        signed = replace(plain, signatures=(sign(stated, keys.key("ours")),))
        opened.put(Candidate.of(data[version]), signed)
    device = (
        "User-Agent: ESP8266-http-Update",
        "x-ESP8266-free-space: 2000000",
        "x-ESP8266-sketch-size: 65536",
        "x-ESP8266-chip-size: 4194304",
        f"x-ESP8266-sketch-md5: {read(data['1.0.0']).running.md5s[0]}",
        "x-ESP8266-STA-MAC: DE:BA:7A:B1:E0:42",
        "x-ESP8266-mode: sketch",
    )
    good = compress(data["1.1.0"], read(data["1.1.0"]))
    assert server.get("/update/lamp/d1", *device).body == good
    evil = compress(data["6.6.6"], read(data["6.6.6"]))
    described = read(evil)
    layout.objects(catalog).joinpath(described.sha256).write_bytes(evil)
    path = layout.manifest(catalog, "lamp", Version.parse("1.1.0"))
    document = json.loads(path.read_bytes())
    document["images"][0]["compressed"].update(
        size=len(evil), md5=described.md5, sha256=described.sha256
    )
    (catalog / "fresh").write_text(json.dumps(document))
    (catalog / "fresh").replace(path)
    assert server.get("/update/lamp/d1", *device).body == data["1.1.0"]
    assert server.logs("the gzip does not contain the image")


def test_the_client_takes_only_what_a_trusted_key_signed(
    server: RunningServer, catalog: Path, keys: Keys, bearer: str, tmp_path: Path
) -> None:
    assert upload(server, bearer, "1.0.0", signature("1.0.0", keys.key("ours")))[0] == 201
    assert upload(server, bearer, "1.1.0", signature("1.1.0", keys.key("others")))[0] == 201
    (catalog / "loose.bin").write_bytes(image("1.0.0"))
    client = acpublish.UpdateServer(server.url, trusted_keys=[keys.public("ours").read_text()])
    found = client.download("lamp/lamp-1.0.0_d1.bin", tmp_path / "found.bin")
    assert found.read_bytes() == image("1.0.0")
    for path in ("lamp/lamp-1.1.0_d1.bin", "loose.bin", "lamp/none.bin"):
        with pytest.raises(VerificationError, match="trusted key"):
            client.download(path, tmp_path / "other.bin")
    assert not (tmp_path / "other.bin").exists()
    # Without keys, everything is taken as before.
    free = acpublish.UpdateServer(server.url)
    assert free.download("lamp/lamp-1.1.0_d1.bin", tmp_path / "other.bin").exists()


def test_the_list_of_a_server_says_who_signed(
    server: RunningServer, keys: Keys, bearer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert upload(server, bearer, "1.0.0", signature("1.0.0", keys.key("ours")))[0] == 201
    assert main(["list", server.url, "--path", "lamp", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["signed_with"] == [keys.id("ours")]
    assert main(["list", server.url, "--json"]) == 0
    (folder,) = json.loads(capsys.readouterr().out)
    assert folder["signed_with"] == []


def test_an_unsigned_release_after_a_signed_one_is_refused_on_both_sides(
    server: RunningServer, keys: Keys, bearer: str
) -> None:
    assert upload(server, bearer, "1.0.0", signature("1.0.0", keys.key("ours")))[0] == 201
    status, document = upload(server, bearer, "1.1.0")
    assert (status, document["error"].partition(":")[0]) == (422, "unsigned")
    remote = RemoteCatalog(server.url, bearer)
    assert remote.trusted_keys("lamp") == ()
    with pytest.raises(CheckError, match=r"unsigned: "):
        remote.put(Candidate.of(image("1.1.0")), submission("1.1.0"))


def test_publish_signs_with_a_key(
    server: RunningServer, catalog: Path, keys: Keys, bearer: str, tmp_path: Path
) -> None:
    api.trust_keys(catalog, product="lamp", add=keys.public("ours"))
    (tmp_path / "firmware.bin").write_bytes(esp8266_image(size=8192))

    def publish(version: str, key: str | None, to: str | Path) -> acpublish.Publication:
        return acpublish.publish(
            tmp_path / "firmware.bin",
            to=to,
            product="lamp",
            version=version,
            board="d1",
            token=bearer if isinstance(to, str) else None,
            signing_key=key and keys.secret(key),
        )

    for version, to in (("1.0.0", server.url), ("1.1.0", catalog)):
        for wrong in (None, "others"):
            with pytest.raises(CheckError, match=r"^signature: "):
                publish(version, wrong, to)
        assert publish(version, "ours", to).receipt.outcome.value == "published"
        assert publish(version, "ours", to).receipt.outcome.value == "already published"
    assert newest(server) == image("1.1.0")
