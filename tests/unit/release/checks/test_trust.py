"""The checks ``signature`` and ``unsigned``."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acpublish.errors import CheckError
from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from acpublish.keys import PrivateKey, PublicKey, create_key
from acpublish.release import names
from acpublish.release.checks.facts import Facts
from acpublish.release.checks.registry import findings_of, raise_errors, run
from acpublish.release.manifest import Release
from acpublish.release.placement import place
from acpublish.release.signatures import sign, submitted_statement
from acpublish.release.submission import Submission
from acpublish.release.version import Version
from tests.support import images
from tests.unit.release.making import NOW, check

OLD, NEW = create_key(), create_key()
IMAGE = read(stamp(images.esp8266_image(size=5120), "lamp", "1.1.0"))
SUBMISSION = Submission(
    product=names.product("lamp"),
    version=Version.parse("1.1.0"),
    board=names.board("d1"),
    channel=names.channel("stable"),
)


def signed(*keys: PrivateKey, submission: Submission = SUBMISSION) -> Submission:
    stated = submitted_statement(IMAGE, submission)
    return replace(submission, signatures=tuple(sign(stated, key) for key in keys))


def published(submission: Submission) -> tuple[Release, ...]:
    return (place(IMAGE, submission, (), NOW).release,)


def found(
    submission: Submission,
    releases: tuple[Release, ...] = (),
    keys: tuple[PublicKey, ...] | None = (),
) -> list[str]:
    return [one.check for one in check(IMAGE, submission, releases, keys)]


@pytest.mark.parametrize(
    ("submission", "keys", "names_found"),
    [
        (SUBMISSION, (), []),
        (signed(OLD), (), []),
        (SUBMISSION, (OLD,), ["signature"]),
        (signed(OLD), (OLD,), []),
        (signed(OLD), (OLD, NEW), []),
        (signed(NEW), (OLD, NEW), []),
        (signed(NEW), (OLD,), ["signature"]),
        (signed(OLD, NEW), (OLD,), []),
    ],
)
def test_who_has_to_sign(
    submission: Submission, keys: tuple[PrivateKey, ...], names_found: list[str]
) -> None:
    assert found(submission, keys=tuple(key.public for key in keys)) == names_found


def test_a_signature_of_another_release_does_not_fit() -> None:
    for other in (
        replace(SUBMISSION, version=Version.parse("1.0.0")),
        replace(SUBMISSION, board=names.board("d2")),
        replace(SUBMISSION, product=names.product("lump")),
    ):
        moved = replace(SUBMISSION, signatures=signed(OLD, submission=other).signatures)
        assert found(moved, keys=(OLD.public,)) == ["signature"]
    # A good signature beside it does not excuse one that is void.
    mixed = replace(moved, signatures=(*moved.signatures, *signed(NEW).signatures))
    assert found(mixed, keys=(OLD.public, NEW.public)) == ["signature"]


def test_a_channel_is_added_without_the_key() -> None:
    beta = replace(SUBMISSION, channel=names.channel("beta"))
    assert found(beta, published(signed(OLD)), (OLD.public,)) == []
    assert found(beta, published(SUBMISSION), (OLD.public,)) == ["signature"]
    assert found(beta, published(signed(OLD))) == []


def test_unsigned_after_a_signed_release() -> None:
    later = replace(SUBMISSION, version=Version.parse("1.2.0"))
    image = read(stamp(images.esp8266_image(size=5120), "lamp", "1.2.0"))
    assert [one.check for one in check(image, later, published(signed(OLD)), ())] == ["unsigned"]
    assert check(image, later, published(SUBMISSION), ()) == ()
    other_board = replace(later, board=names.board("d2"))
    assert check(image, other_board, published(signed(OLD)), ()) == ()


def test_unsigned_can_be_switched_off_and_signature_cannot() -> None:
    later = replace(SUBMISSION, version=Version.parse("1.2.0"))
    image = read(stamp(images.esp8266_image(size=5120), "lamp", "1.2.0"))
    for keys, left in (((), []), ((OLD.public,), ["signature"])):
        facts = Facts.of(image, later, published(signed(OLD)), keys)
        skipped = replace(facts, skipped={"unsigned": "moved", "signature": "no"})
        assert [one.check for one in findings_of(run(skipped))] == left


def test_what_is_not_known_is_said() -> None:
    lacks = {one.check.name: one.lacks for one in run(Facts(image=IMAGE))}
    assert "trusts" in lacks["signature"]
    assert "signed" in lacks["unsigned"]
    facts = Facts(image=IMAGE, trusted_keys=(OLD.public,))
    (signature,) = [one for one in run(facts) if one.check.name == "signature"]
    assert signature.lacks


def test_the_error_names_the_check_the_key_and_the_way_out() -> None:
    with pytest.raises(CheckError) as caught:
        raise_errors(check(IMAGE, SUBMISSION, (), (OLD.public,)))
    assert caught.value.problem.startswith("signature: the release is not signed")
    assert OLD.public.id in caught.value.problem
    assert "ACPUBLISH_SIGNING_KEY" in caught.value.hint
