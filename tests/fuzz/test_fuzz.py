"""The short form of ``make fuzz``: every seed, and changed ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutations import mutations
from tests.fuzz.readers import READERS, SEEDS, seeds


@pytest.mark.parametrize(
    ("reader", "seed"),
    [(reader, path) for reader in READERS for path in seeds(reader)],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_seed_is_read(reader: str, seed: Path) -> None:
    READERS[reader](seed.read_bytes())


def test_every_folder_of_seeds_has_its_reader() -> None:
    assert {path.name for path in SEEDS.iterdir()} == set(READERS)


@pytest.mark.parametrize("reader", READERS)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_changed_seed_is_read(reader: str, data: st.DataObject) -> None:
    READERS[reader](data.draw(mutations(reader)))
