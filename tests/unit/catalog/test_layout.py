from __future__ import annotations

from pathlib import Path

from acpublish.catalog import layout
from acpublish.release.version import Version

ROOT = Path("/srv/firmware")


def test_the_paths_that_a_catalog_on_disk_has_already() -> None:
    version = Version.parse("1.2.3-dev.1+g1")
    paths = {
        layout.objects(ROOT): "objects",
        layout.manifests(ROOT): "releases",
        layout.manifests(ROOT, "lamp"): "releases/lamp",
        layout.manifest(ROOT, "lamp", version): "releases/lamp/1.2.3-dev.1+g1.json",
        layout.trusted_keys(ROOT, "lamp"): "releases/lamp/trusted-keys",
        layout.temporary(ROOT): "tmp",
    }
    for path, expected in paths.items():
        assert path == ROOT / ".acpublish" / expected
