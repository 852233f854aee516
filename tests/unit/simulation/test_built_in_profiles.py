from __future__ import annotations

import pytest

from acpublish.errors import SettingsError
from acpublish.simulation.built_in_profiles import BUILT_IN, DEFAULT_PROFILE, built_in


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_can_be_read_and_says_what_it_is(name: str) -> None:
    profile = built_in(name)
    assert profile.name == name
    assert profile.description


def test_the_default_is_among_them() -> None:
    assert DEFAULT_PROFILE in BUILT_IN


def test_another_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SettingsError, match="'helthy' is not the name of a profile") as caught:
        built_in("helthy")
    assert all(name in caught.value.hint for name in BUILT_IN)
