"""Which releases a device runs, if several have the same bytes."""

from __future__ import annotations

from typing import Any

import pytest

from acpublish.image.model import ReportedDigests
from acpublish.release.decision import Rule, Verdict
from acpublish.release.running import is_known, reports_version, running_images
from acpublish.wire import Report
from tests.unit.release.making import md5
from tests.unit.release.publishing import D1, Product, v
from tests.unit.release.test_decision_back import decided, offered, report

#: A device that runs 1.0.0.
DEVICE = report("1.0.0")
SAME = {"running": ReportedDigests(md5s=(md5("1.0.0 d1 firmware"),))}


@pytest.fixture
def frozen() -> Product:
    """The bytes of 1.0.0 again as 99.0.0 on dev, and 1.1.0 on stable."""
    return Product().put("1.0.0").put("1.1.0").put("99.0.0", channel="dev", **SAME)


def test_both_releases_are_recognised(frozen: Product) -> None:
    assert list(running_images(DEVICE, frozen.releases, "d1")) == [v("1.0.0"), v("99.0.0")]
    assert list(running_images(DEVICE, frozen.releases, "d2")) == []
    assert is_known(DEVICE, frozen.releases)
    assert reports_version(Report(version="v1.0.0"), "1.0.0")


@pytest.mark.parametrize("change", [None, "withdraw", "delete", "undo"])
def test_the_same_bytes_on_another_channel_keep_no_device_from_its_updates(
    frozen: Product, change: Any
) -> None:
    if change:
        frozen.change("withdraw" if change == "undo" else change, "99.0.0")
    if change == "undo":
        frozen.change("undo", "99.0.0")
    assert offered(frozen, DEVICE) == "1.1.0"


def test_they_count_for_a_device_of_that_channel(frozen: Product) -> None:
    assert decided(frozen, DEVICE, "dev").rule is Rule.SAME_DIGEST
    frozen.change("withdraw", "99.0.0")
    frozen.put("1.2.0", channel="dev")
    assert decided(frozen, DEVICE, "dev").rule is Rule.LOWER_THAN_RUNNING


def test_a_claim_of_the_higher_version_counts(frozen: Product) -> None:
    assert decided(frozen, report("1.0.0", "99.0.0")).rule is Rule.LOWER_THAN_REPORTED


def test_a_device_of_neither_channel_gets_nothing_lower() -> None:
    product = Product().put("1.0.0", channel="beta").put("1.1.0")
    product.put("99.0.0", channel="dev", **SAME)
    assert decided(product, DEVICE).rule is Rule.LOWER_THAN_RUNNING


@pytest.mark.parametrize("change", ["withdraw", "delete"])
def test_what_was_on_the_channel_and_is_taken_back_takes_an_order(change: Any) -> None:
    product = Product().put("1.0.0").put("1.1.0").put("99.0.0", **SAME)
    product.change(change, "99.0.0")
    assert product.at() == "1.1.0"
    assert decided(product, DEVICE).rule is Rule.LOWER_THAN_RUNNING
    product.change("withdraw", "99.0.0", order_back=True)
    assert decided(product, DEVICE).rule is Rule.ORDERED_BACK


def test_what_was_cleared_away_may_have_been_on_the_channel() -> None:
    product = Product().put("1.0.0")
    product.put("99.0.0", published_at="2025-01-01T00:00:00Z", **SAME)
    for version in ("1.1.0", "1.2.0", "1.3.0"):
        product.put(version)
    product.change("promote", "1.0.0", "beta")
    product.change("retain", keep=1, older_than_s=0)
    images = running_images(DEVICE, product.releases, "d1")
    assert [image.withdrawn for image in images.values()] == [None, "retired"]
    assert decided(product, DEVICE).rule is Rule.LOWER_THAN_RUNNING


def test_a_lower_release_with_the_same_bytes_never_counts_against_it() -> None:
    product = Product().put("1.0.0").put("0.9.0", D1, channel="dev", **SAME).put("1.1.0")
    decision = decided(product, DEVICE)
    assert (decision.verdict, decision.rule) == (Verdict.OFFER, Rule.NEWEST_ON_CHANNEL)
