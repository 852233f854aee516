"""What a project for the doctor contains, and what it finds there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from acpublish.doctor.findings import Finding, State

Check = Callable[..., list[Finding]]
COMMON = "extra_scripts = post:acpublish_ota.py\ncustom_ota_version = 1.0.0\n"
ENV = "[env:x]\nplatform = espressif8266\nboard = d1_mini\n"
TOKEN = "acp_" + "a" * 43


def troubles(found: list[Finding]) -> list[tuple[str, State]]:
    return [(one.name, one.state) for one in found if one.state is not State.OK]


def ini(tmp_path: Path, environments: str = ENV, common: str = COMMON) -> str:
    return f"[env]\n{common}custom_ota_to = {tmp_path / 'catalog'}\n{environments}"


def the_trouble(found: list[Finding]) -> Finding:
    (one,) = (one for one in found if one.state is not State.OK)
    return one
