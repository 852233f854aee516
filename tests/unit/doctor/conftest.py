"""A project for the doctor, which is looked at without a PlatformIO."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.doctor.findings import Finding, State
from acpublish.doctor.local import check_local
from acpublish.platformio_ini.extra_script import packaged_script
from tests.unit.doctor.projects import Check


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Writes a project, and looks at it without a PlatformIO."""
    root = tmp_path / "lamp"
    root.mkdir()
    (root / "acpublish_ota.py").write_text(packaged_script())
    (tmp_path / "catalog").mkdir()
    (tmp_path / "home").mkdir()

    def checked(ini: str | None, **environ: str) -> list[Finding]:
        if ini is not None:
            (root / "platformio.ini").write_text(ini)
        home = str(tmp_path / "home")
        found = check_local(
            root, {"HOME": home, "XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home, **environ}
        )
        assert found[0].name == "platformio"
        assert found[0].state is State.NOT_CHECKED
        return found[1:]

    return checked
