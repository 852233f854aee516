"""Releases that are signed from ``platformio.ini``: real builds, a catalog that trusts one key."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish import api
from tests.pio.conftest import MakeProject
from tests.pio.hooked import D1, compiled, errors, hooked, published, visible

pytestmark = pytest.mark.pio


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog"
    path.mkdir()
    return path


def test_the_hook_signs_with_the_key_that_is_set(
    make_project: MakeProject, catalog: Path, tmp_path: Path
) -> None:
    project = hooked(make_project, catalog, D1, "custom_ota_signing_key = key.pem")
    # A missing key is reported before anything is compiled.
    early = project.run("-t", "upload_ota")
    assert not early.ok
    assert "cannot be read: no such file" in errors(early)[0]
    assert not compiled(early)

    key = api.create_key(project.root / "key.pem")
    (tmp_path / "key.pub").write_text(key.pem)
    other = api.create_key(tmp_path / "other.pem")
    (tmp_path / "other.pub").write_text(other.pem)
    api.trust_keys(catalog, product="lamp", add=tmp_path / "other.pub")
    refused = project.run("-t", "upload_ota")
    assert not refused.ok
    assert errors(refused)[0].startswith("acpublish: error: signature: ")
    assert visible(catalog) == []

    api.trust_keys(catalog, product="lamp", add=tmp_path / "key.pub")
    done = project.run("-t", "upload_ota")
    assert done.ok, done.stdout
    (image,) = published(catalog).values()
    assert [one.key for one in image.signatures] == [key.id]
    secret = (project.root / "key.pem").read_text().splitlines()[1]
    assert secret not in early.stdout + refused.stdout + done.stdout
