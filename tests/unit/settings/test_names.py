from __future__ import annotations

import pytest

from acpublish.settings import names


@pytest.mark.parametrize(
    ("name", "prefix", "hint"),
    [
        ("chanel", "", "Write channel, if that is what you mean."),
        ("SKIP-CHECKS", "", "Write skip_checks, if that is what you mean."),
        ("bord", "custom_ota_", "Write custom_ota_board, if that is what you mean."),
        ("zzz", "", "List all settings with acpublish config."),
    ],
)
def test_the_nearest_name(name: str, prefix: str, hint: str) -> None:
    assert names.nearest(name, prefix) == hint


def test_all_tables_are_about_settings() -> None:
    tables = (
        *(names.DEFAULTS, names.SWITCHES, names.LISTS, names.OPTIONS, names.SPELLED),
        *(names.EXAMPLES, names.PER_ENVIRONMENT, names.NOT_IN_INI),
    )
    assert all(set(table) <= set(names.NAMES) for table in tables)
    assert set(names.DEFAULTS) >= names.SWITCHES
