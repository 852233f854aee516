from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.errors import SettingsError
from acpublish.pio.build_files import replace


def test_a_file_that_cannot_be_written_is_an_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing.firmware\.bin cannot be written") as fault:
        replace(tmp_path / "missing" / "firmware.bin", b"")

    assert fault.value.hint
