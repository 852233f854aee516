from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import acpublish


def test_each_public_name_is_loaded_and_no_module_hides_one() -> None:
    modules = {path.stem for path in Path(acpublish.__path__[0]).glob("*.py")}
    for name in acpublish.__all__:
        assert name not in modules
        assert not isinstance(getattr(acpublish, name), ModuleType)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        acpublish.nothing  # noqa: B018


def test_a_run_with_nothing_to_publish_loads_neither_images_nor_checks_nor_a_client() -> None:
    program = "import sys, acpublish.pio.hook; print(*sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(said.stdout.split())
    assert "acpublish.pio.actions" in loaded
    heavy = {
        "acpublish.image.reader",
        "acpublish.release.manifest",
        "acpublish.release.checks.facts",
        "acpublish.client.entries",
    }
    assert not loaded & (heavy | {"requests", "cryptography", "rich", "click"})


def test_a_server_starts_without_its_store() -> None:
    program = "import sys, acpublish.server.run, acpublish.cli.serve; print(*sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(said.stdout.split())
    assert "acpublish.server.app" in loaded
    assert not loaded & {"acpublish.store", "sqlalchemy", "alembic", "sqlite3"}
