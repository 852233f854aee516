from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

PACKAGES = [
    importlib.import_module(name)
    for name in (
        "acpublish",
        "acpublish.catalog",
        "acpublish.client",
        "acpublish.image",
        "acpublish.publishing",
        "acpublish.release",
        "acpublish.release.checks",
        "acpublish.settings",
    )
]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package.__name__))
def test_each_name_of_a_package_is_loaded_and_no_module_hides_one(package: ModuleType) -> None:
    assert package.__file__
    modules = {path.stem for path in Path(package.__file__).parent.glob("*.py")}
    for name in package.__all__:
        assert name not in modules
        assert not isinstance(getattr(package, name), ModuleType)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package.__name__))
def test_a_name_that_is_not_there(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        package.nothing  # noqa: B018


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
        "acpublish.release.checks.model",
        "acpublish.client.listing",
    }
    assert not loaded & (heavy | {"requests", "cryptography", "rich", "click"})
