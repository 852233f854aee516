"""Who may have the images of a product: the rules, what is remembered, and how much is verified."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acpublish.server import answer
from acpublish.server.answer import Answer, Request, Responding
from acpublish.server.bounds import MAX_VERIFYING, MAX_VERIFYING_OF_ADDRESS, BusyError
from acpublish.server.device_access import AccessRules, DeviceAccess, basic
from acpublish.server.device_access_file import FILE, DeviceAccessError, DeviceAccessStore
from acpublish.server.device_secrets import Credentials
from tests.unit.server.requests_made import request

IMAGE = answer.text(200, "the image")


def header(user: str, password: str, scheme: str = "Basic") -> tuple[bytes, bytes]:
    encoded = base64.b64encode(f"{user}:{password}".encode())
    return b"authorization", scheme.encode() + b" " + encoded


RIGHT = header("fleet", "s3cret")
WRONG = header("fleet", "guess")


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes hashes that take no time."""
    monkeypatch.setattr("acpublish.server.device_secrets._COST", {"n": 2, "r": 1, "p": 1})


@pytest.fixture
def store(tmp_path: Path) -> DeviceAccessStore:
    return DeviceAccessStore(tmp_path / "state")


@pytest.fixture
def access(store: DeviceAccessStore, tmp_path: Path) -> DeviceAccess:
    """Credentials for the product lamp."""
    store.set_credentials("lamp", "fleet", "s3cret")
    return DeviceAccess(tmp_path / "state")


class Verified:
    """Counts the passwords that are verified, and lets them wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.go = threading.Event()
        self.go.set()
        verify = Credentials.verify

        def counted(credentials: Credentials, password: bytes) -> bool:
            self.count += 1
            assert self.go.wait(20)
            return verify(credentials, password)

        monkeypatch.setattr(Credentials, "verify", counted)


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> Verified:
    return Verified(monkeypatch)


def admit(rules: AccessRules | None) -> Responding:
    return IMAGE


async def guarded(
    access: DeviceAccess, *headers: tuple[bytes, bytes], product: str = "lamp"
) -> int:
    made = request(headers=list(headers))
    return (await answer.answered(access.guard(made, product, admit))).status


def test_without_credentials_nothing_is_checked(tmp_path: Path) -> None:
    access = DeviceAccess(tmp_path / "state")
    assert access.rules is None
    assert access.guard(request(), "lamp", admit) is IMAGE
    assert access.listed((b"u/" + b"0" * 32,)) == (b"u/" + b"0" * 32,)


def test_only_the_right_credentials_are_accepted(access: DeviceAccess, verified: Verified) -> None:
    async def main() -> None:
        assert await guarded(access) == 401
        assert await guarded(access, WRONG) == 401
        assert await guarded(access, RIGHT) == 200
        assert await guarded(access, header("fleet", "s3cret", "bAsIc")) == 200
        assert await guarded(access, header("other", "s3cret")) == 401
        assert await guarded(access, product="plug") == 200
        assert verified.count == 3
        # Each is verified once, and nothing is waited for then.
        for sent, status in ((RIGHT, 200), (WRONG, 401), (header("other", "s3cret"), 401)):
            responding = access.guard(request(headers=[sent]), "lamp", admit)
            assert isinstance(responding, Answer)
            assert responding.status == status
        assert verified.count == 3

    asyncio.run(main())


def test_credentials_are_those_of_one_product(
    access: DeviceAccess, store: DeviceAccessStore
) -> None:
    store.set_credentials("plug", "fleet", "another")
    store.set_credentials("lamp", "second", "user")
    access.look()

    async def main() -> None:
        assert await guarded(access, RIGHT) == 200
        assert await guarded(access, RIGHT, product="plug") == 401
        assert await guarded(access, header("fleet", "another"), product="plug") == 200
        assert await guarded(access, header("fleet", "another")) == 401
        assert await guarded(access, header("second", "user")) == 200
        assert await guarded(access, header("second", "s3cret")) == 401

    asyncio.run(main())


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Basic",
        b"Basic ",
        b"Basic\t" + RIGHT[1][6:],
        b"Bearer " + RIGHT[1][6:],
        b"Basic " + RIGHT[1][6:-1],
        b"Basic " + base64.b64encode(b"fleet:s3cret\0"),
        b"Basic " + RIGHT[1][6:10] + b" " + RIGHT[1][10:],
        b"Basic !!!!",
        b"Basic \xff\xfe",
        b"Basic " + base64.b64encode(b"no colon"),
        b"Basic " + b"QUFB" * 200,
        b"Basic " + b"A" * 15_000,
        RIGHT[1] + b", " + RIGHT[1],
        b'Digest username="fleet"',
    ],
)
def test_malformed_credentials_are_wrong_and_cost_nothing(
    access: DeviceAccess, verified: Verified, value: bytes
) -> None:
    assert basic(value) is None
    assert asyncio.run(guarded(access, (b"authorization", value))) == 401
    assert verified.count == 0


def test_two_headers_are_wrong_even_if_both_are_right(
    access: DeviceAccess, verified: Verified
) -> None:
    for headers in ((RIGHT, RIGHT), (RIGHT, WRONG), (WRONG, RIGHT)):
        assert asyncio.run(guarded(access, *headers)) == 401
    assert verified.count == 0


def test_spaces_around_credentials_do_not_matter() -> None:
    assert basic(b"Basic   " + RIGHT[1][6:] + b" \t") == b"fleet:s3cret"
    assert basic(header("a", "b:c")[1]) == b"a:b:c"
    assert basic(header("", "")[1]) == b":"


def test_all_that_send_the_same_wait_for_one_verification(
    access: DeviceAccess, verified: Verified
) -> None:
    async def main() -> None:
        verified.go.clear()
        waiting = [asyncio.ensure_future(guarded(access, RIGHT)) for _ in range(100)]
        await asyncio.sleep(0.01)
        # One that leaves does not end it for the others.
        waiting.pop().cancel()
        verified.go.set()
        assert await asyncio.gather(*waiting) == [200] * 99
        assert verified.count == 1

    asyncio.run(main())


def test_what_strangers_can_have_verified_is_bounded(
    access: DeviceAccess, verified: Verified
) -> None:
    async def main() -> None:
        verified.go.clear()

        def begin(address: str, guess: str) -> Any:
            made = request(headers=[header("fleet", guess)], address=address)
            return asyncio.ensure_future(answer.answered(access.guard(made, "lamp", admit)))

        def refused(address: str, guess: str) -> bool:
            made = request(headers=[header("fleet", guess)], address=address)
            with pytest.raises(BusyError):
                access.guard(made, "lamp", admit)
            return True

        waiting = [begin("192.0.2.1", f"{n}") for n in range(MAX_VERIFYING_OF_ADDRESS)]
        await asyncio.sleep(0)
        assert refused("192.0.2.1", "another")
        # What is being verified already may be waited for.
        waiting.append(begin("192.0.2.1", "0"))
        waiting += [
            begin(f"198.51.100.{n}", f"x{n}")
            for n in range(MAX_VERIFYING - MAX_VERIFYING_OF_ADDRESS)
        ]
        await asyncio.sleep(0)
        assert refused("203.0.113.1", "another")
        verified.go.set()
        assert {given.status for given in await asyncio.gather(*waiting)} == {401}
        assert await guarded(access, RIGHT) == 200
        assert access._of_address == access._verifying == {}

    asyncio.run(main())


def test_what_was_revoked_while_it_was_verified_is_refused(
    access: DeviceAccess, store: DeviceAccessStore, verified: Verified
) -> None:
    async def main() -> None:
        verified.go.clear()
        waiting = [asyncio.ensure_future(guarded(access, RIGHT))]
        await asyncio.sleep(0.01)
        store.set_credentials("lamp", "fleet", "changed")
        access.look()
        # What the older rules say admits nobody who requests under the newer ones.
        waiting.append(asyncio.ensure_future(guarded(access, RIGHT)))
        await asyncio.sleep(0.01)
        verified.go.set()
        assert await asyncio.gather(*waiting) == [401, 401]

    asyncio.run(main())


def test_rules_that_change_forget_what_was_right(
    access: DeviceAccess, store: DeviceAccessStore, verified: Verified
) -> None:
    async def main() -> None:
        assert await guarded(access, RIGHT) == 200
        before = access.rules
        access.look()
        assert access.rules is before
        store.set_credentials("lamp", "fleet", "changed")
        access.look()
        assert await guarded(access, RIGHT) == 401
        assert await guarded(access, header("fleet", "changed")) == 200
        store.revoke_credentials("lamp", None, opens=True)
        access.look()
        assert access.rules is None
        assert await guarded(access) == 200

    asyncio.run(main())


def test_credentials_that_stay_are_not_verified_again_when_others_change(
    access: DeviceAccess, store: DeviceAccessStore, verified: Verified
) -> None:
    async def main() -> None:
        assert await guarded(access, RIGHT) == 200
        store.set_credentials("lamp", "second", "other")
        store.create_path(["plug"])
        access.look()
        # However many guesses wait, a device that was recognised before still is.
        verified.go.clear()
        guesses = [
            asyncio.ensure_future(guarded(access, header("fleet", f"{n}")))
            for n in range(MAX_VERIFYING_OF_ADDRESS)
        ]
        await asyncio.sleep(0)
        assert await guarded(access, RIGHT) == 200
        verified.go.set()
        assert await asyncio.gather(*guesses) == [401] * MAX_VERIFYING_OF_ADDRESS
        assert verified.count == 1 + MAX_VERIFYING_OF_ADDRESS

    asyncio.run(main())


@pytest.mark.parametrize(
    "harm", [Path.unlink, lambda file: file.write_text("{")], ids=["gone", "damaged"]
)
def test_what_cannot_be_read_opens_nothing(
    access: DeviceAccess,
    store: DeviceAccessStore,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    harm: Callable[[Path], object],
) -> None:
    file = tmp_path / "state" / FILE
    kept = file.read_bytes()
    harm(file)
    for _ in range(3):
        access.look()
    assert asyncio.run(guarded(access)) == 401
    assert len([r for r in caplog.records if "stay as they were" in r.getMessage()]) == 1
    file.write_bytes(kept)
    access.look()
    assert asyncio.run(guarded(access, RIGHT)) == 200


def test_a_server_does_not_start_without_knowing_what_is_closed(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / FILE).write_text("{")
    with pytest.raises(DeviceAccessError, match="damaged"):
        DeviceAccess(tmp_path / "state")


def test_the_log_has_a_summary_and_no_secret(
    store: DeviceAccessStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    store.set_credentials("lamp", "fleet", "s3cret")
    path, _ = store.create_path(["lamp"])
    DeviceAccess(tmp_path / "state")
    assert "products that need credentials: lamp; secret paths: 1" in caplog.text
    assert "s3cret" not in caplog.text
    assert path not in caplog.text
    assert "fleet" not in caplog.text


def opened(access: DeviceAccess, target: bytes) -> Request | None:
    made = request(target)
    assert access.rules is not None
    head = access.below(made.head, access.rules)
    return None if head is None else made.with_head(head)


def test_a_path_is_a_prefix(access: DeviceAccess, store: DeviceAccessStore) -> None:
    path = store.create_path(["lamp"])[0].encode()
    access.look()
    targets = {
        path + b"/update/lamp/c3?channel=dev": b"/update/lamp/c3?channel=dev",
        path + b"/": b"/",
        path: b"/",
        path + b"?x": b"/?x",
        path + b"//x": b"//x",
        path.upper().replace(b"/U/", b"/u/") + b"/a b": b"/a b",
    }
    for target, rest in targets.items():
        made = opened(access, target)
        assert made is not None, target
        assert made.target == rest
        assert access.guard(made, "lamp", admit) is IMAGE
        # The product plug is open in any case, and the path opens no other that is closed.
        assert access.guard(made, "plug", admit) is IMAGE
    store.set_credentials("plug", "a", "b")
    access.look()
    made = opened(access, path + b"/x")
    assert made is not None
    given = access.guard(made, "plug", admit)
    assert isinstance(given, Answer)
    assert given.status == 401


def test_guesses_lead_nowhere(access: DeviceAccess, store: DeviceAccessStore) -> None:
    path = store.create_path(["*"])[0].encode()
    access.look()
    last = b"0" if path[-1:] != b"0" else b"1"
    for target in (
        b"/u/",
        b"/u/" + b"0" * 32,
        path[:-1] + b"/x",
        path + b"0/x",
        path[:-1] + last + b"/x",
        path[:-1] + b"%3" + path[-1:] + b"/x",
        b"//u/" + path[3:] + b"/x",
        b"/U/" + path[3:] + b"/x",
        path[:9] + b"*" * 26 + b"/x",
        b"/u/" + b"\xc3\xa4" * 16,
    ):
        assert opened(access, target) is None, target
        assert access.listed((target,)) in ((), (target,))


def test_a_revoked_path_opens_nothing(access: DeviceAccess, store: DeviceAccessStore) -> None:
    path, stored = store.create_path(["lamp"])
    access.look()
    made = opened(access, path.encode() + b"/x")
    assert made is not None
    store.revoke_path(stored.id)
    access.look()
    given = access.guard(made, "lamp", admit)
    assert isinstance(given, Answer)
    assert given.status == 401


def test_a_list_may_name_a_path(access: DeviceAccess, store: DeviceAccessStore) -> None:
    path = store.create_path(["lamp"])[0].encode()
    access.look()
    assert access.listed((path, path[1:] + b"/", path + b"/lamp")) == (b"", b"/", b"/lamp")
    assert access.listed((b"/u/" + b"0" * 32, b"lamp")) == (b"lamp",)
