from __future__ import annotations

import json
from typing import Any

import pytest

from acpublish.errors import (
    AcpublishError,
    ConflictError,
    ManifestError,
    NotFoundError,
    RequestError,
)
from acpublish.release import names
from acpublish.release.change_request import Changed, ChangeRequest
from tests.unit.release.publishing import D1, D2, NOW, Product, three, v


def test_a_request_is_the_same_after_a_journey() -> None:
    request = ChangeRequest(
        action="withdraw",
        version=v("1.2.0"),
        channel=names.channel("stable"),
        boards=(names.board("d1"),),
        why="bad",
        by="anna",
        order_back=True,
        keep=3,
        older_than_s=7,
        apply=False,
        serial=9,
    )
    document = json.loads(json.dumps(request.to_dict()))
    assert ChangeRequest.from_dict(document) == request
    assert ChangeRequest.from_dict({"action": "undo"}) == ChangeRequest(action="undo")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "request is not an object"),
        ({}, r"request\.action is not one of"),
        ({"action": "publish"}, r"request\.action is not one of"),
        ({"action": "undo", "version": "one"}, r"request\.version: "),
        ({"action": "undo", "channel": "A/B"}, r"request\.channel: "),
        ({"action": "undo", "boards": "d1"}, r"request\.boards is not of type list"),
        ({"action": "undo", "boards": ["../d1"]}, "board"),
        ({"action": "retain", "keep": -1}, r"request\.keep is not a possible number"),
        ({"action": "retain", "apply": 1}, r"request\.apply is not of type bool"),
        ({"action": "undo", "aply": False}, "'aply' is not a field of request"),
        ({"action": "undo", "x" * 9999: False}, f"'{'x' * 40}' is not a field of request"),
    ],
)
def test_what_is_wrong_with_a_request_is_named(document: Any, words: str) -> None:
    with pytest.raises(AcpublishError, match=words):
        ChangeRequest.from_dict(document)


def test_an_answer_is_the_same_after_a_journey() -> None:
    product = three(D1, D2)
    planned = product.change("rollback", None, "stable")
    changed = Changed(
        serial=planned.channels.serial,
        change=planned.change,
        applied=True,
        notes=("a note",),
        ordered_back=planned.ordered_back,
        freed={(v("1.0.0"), D2): 7},
        devices=3,
    )
    assert Changed.from_dict(json.loads(json.dumps(changed.to_dict()))) == changed
    nothing = Changed(serial=1, change=None, applied=False)
    assert Changed.from_dict(json.loads(json.dumps(nothing.to_dict()))) == nothing
    with pytest.raises(ManifestError, match="answer is not an object"):
        Changed.from_dict("<html>")


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("promote", "promote needs a version"),
        ("withdraw", "withdraw needs a version"),
        ("delete", "delete needs a version"),
        ("undo", "undo needs a version"),
        ("rollback", "rollback needs a channel"),
    ],
)
def test_what_a_request_lacks_is_named(action: Any, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        three().plan(action)


def test_a_promotion_needs_a_channel() -> None:
    with pytest.raises(RequestError, match="promote needs a channel"):
        three().plan("promote", "1.0.0")


@pytest.mark.parametrize("action", ["retain", "delete"])
def test_what_is_for_all_boards_takes_none(action: Any) -> None:
    with pytest.raises(RequestError, match=f"{action} takes no boards"):
        three(D1, D2).plan(action, "1.0.0", None, ["d1"], keep=1)


def test_a_product_without_releases_says_so() -> None:
    with pytest.raises(NotFoundError, match="the product has no release"):
        Product().plan("rollback", None, "stable")


def test_whoever_planned_before_another_change_hears_of_it() -> None:
    product = three()
    serial = product.channels.serial
    assert product.plan("rollback", None, "stable", serial=serial).change is not None
    product.change("promote", "1.2.0", "beta")
    with pytest.raises(ConflictError, match=r"made meanwhile: promote 1\.2\.0 by anna"):
        product.plan("rollback", None, "stable", serial=serial)
    product.change("withdraw", "1.2.0", by="")
    with pytest.raises(ConflictError, match=r"made meanwhile: withdraw 1\.2\.0\. See"):
        product.plan("rollback", None, "stable", serial=serial)


def test_a_plan_changes_nothing() -> None:
    product = three()
    before = product.channels
    request = ChangeRequest(action="delete", version=v("1.2.0"), why="secret")
    request.plan(product.channels, product.releases, product.offered, NOW)
    assert product.channels == before
