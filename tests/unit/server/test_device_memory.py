"""What is remembered of single devices: bounded, and no product displaces another."""

from __future__ import annotations

import logging
import tracemalloc

import pytest

from acpublish.release.decision import Decision, Rule, Verdict
from acpublish.server.checkins import CheckIn, Delivered
from acpublish.server.device_memory import DeviceMemory
from acpublish.wire import NO_MAC, Mode, Report
from tests.unit.release.making import md5, release

FILES = release("2.0.0", kind="filesystem")
OFFER = Decision(
    verdict=Verdict.OFFER,
    rule=Rule.NEWEST_ON_CHANNEL,
    reason="it is the newest",
    release=FILES,
    image=FILES.images[0],
)
STUCK = Decision(verdict=Verdict.UP_TO_DATE, rule=Rule.NEVER_UPDATED, reason="it claims more")
MAC = "24:0A:C4:00:00:01"
DEVICE = Report(family="esp8266", updater=True, mode=Mode.FILESYSTEM, version="1.0.0", mac=MAC)


def check_in(report: Report, decision: Decision, address: str | None = "10.0.0.1") -> CheckIn:
    return CheckIn(0.0, address, "GET", report, "lamp", "d1", "stable", decision)


def delivered(report: Report, address: str | None = "10.0.0.1", sent: int = 1000) -> Delivered:
    return Delivered(
        check_in=check_in(report, OFFER, address),
        status=200,
        file_bytes=1000,
        file_sha256=None,
        sent_bytes=sent,
        drained=sent == 1000,
    )


def verdict(memory: DeviceMemory, report: Report, address: str | None = "10.0.0.1") -> Verdict:
    return memory.reconsider(OFFER, report, address, (FILES,), 60.0).verdict


def test_a_whole_delivery_is_remembered_and_nothing_else() -> None:
    memory = DeviceMemory()
    memory(check_in(DEVICE, OFFER))
    memory(delivered(DEVICE, sent=999))
    assert verdict(memory, DEVICE) is Verdict.OFFER
    memory(delivered(DEVICE))
    assert verdict(memory, DEVICE) is Verdict.UP_TO_DATE
    # Its firmware is another matter.
    assert verdict(memory, DEVICE._replace(mode=Mode.SKETCH)) is Verdict.OFFER


def test_nobody_elsewhere_speaks_for_a_device() -> None:
    memory = DeviceMemory()
    memory(delivered(DEVICE, address="10.0.0.66"))
    assert verdict(memory, DEVICE) is Verdict.OFFER


def test_a_device_without_a_mac_address_is_its_ip_address() -> None:
    memory = DeviceMemory()
    nameless = DEVICE._replace(mac=None)
    memory(delivered(nameless))
    assert verdict(memory, nameless) is Verdict.UP_TO_DATE
    assert verdict(memory, DEVICE._replace(mac="x" * 15_000)) is Verdict.UP_TO_DATE
    assert verdict(memory, nameless, "10.0.0.2") is Verdict.OFFER
    assert verdict(memory, DEVICE) is Verdict.OFFER


@pytest.mark.parametrize(
    ("report", "address"),
    [(DEVICE._replace(mac=NO_MAC), "10.0.0.1"), (DEVICE._replace(mac=None), None)],
)
def test_what_is_no_device_is_not_remembered(report: Report, address: str | None) -> None:
    memory = DeviceMemory()
    memory(delivered(report, address))
    assert verdict(memory, report, address) is Verdict.OFFER


def test_a_device_that_will_never_be_updated_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    memory = DeviceMemory()
    caplog.set_level(logging.WARNING, "acpublish")
    device = DEVICE._replace(mode=Mode.SKETCH, version="9.0.0-" + "a" * 100)
    for _ in range(3):
        memory(check_in(device, STUCK))
    memory(check_in(device, OFFER))
    (line,) = caplog.messages
    assert f"d1 {MAC} at 10.0.0.1 of lamp reports 9.0.0-aaa" in line
    assert "will never be updated" in line
    assert len(line) < 300
    memory(check_in(device._replace(mac="24:0A:C4:00:00:02"), STUCK))
    assert len(caplog.messages) == 2


def test_memory_is_bounded_whatever_is_sent() -> None:
    memory = DeviceMemory(max_received=1000, max_reported=1000)
    logging.getLogger("acpublish.server.device_memory").disabled = True
    try:
        tracemalloc.start()
        for number in range(5000):
            mac = ":".join(f"{number:012x}"[at : at + 2] for at in range(0, 12, 2))
            report = DEVICE._replace(
                mac=mac, version=str(number) + "x" * 15_000, sketch_md5=md5(mac)
            )
            memory(delivered(report))
            memory(check_in(report, STUCK))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        logging.getLogger("acpublish.server.device_memory").disabled = False
    assert held < 2_000_000
