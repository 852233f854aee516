from __future__ import annotations

import pytest

from acpublish.settings import setting_names


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
    assert setting_names.nearest(name, prefix) == hint


def test_all_tables_are_about_settings() -> None:
    tables = (
        *(
            setting_names.DEFAULTS,
            setting_names.SWITCHES,
            setting_names.LISTS,
            setting_names.OPTIONS,
            setting_names.SPELLED,
        ),
        *(setting_names.EXAMPLES, setting_names.PER_ENVIRONMENT, setting_names.NOT_IN_INI),
    )
    assert all(set(table) <= set(setting_names.NAMES) for table in tables)
    assert set(setting_names.DEFAULTS) >= setting_names.SWITCHES
