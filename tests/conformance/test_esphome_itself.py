"""ESPHome's own code: its configuration check, and the sources that our reader mirrors."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.image.esp32 import CHIPS
from acpublish.release.update_manifest import chip_family, update_manifest
from tests.docs.documents import ROOT
from tests.unit.catalog.holding import put

#: The version that :class:`tests.support.pull_clients.Esphome` mirrors. Its package is installed
#: without the 190 MB that it depends on: checking a configuration needs only these.
ESPHOME = "esphome==2026.6.5"
NEEDED = ("voluptuous==0.16.0", "colorama==0.4.6", "argcomplete>=3.6.3", "jinja2", "markupsafe")
EXAMPLES = sorted((ROOT / "examples" / "esphome").glob("*.yaml"))


@pytest.fixture(scope="module")
def esphome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if sys.version_info < (3, 11):
        pytest.skip("ESPHome needs Python 3.11")
    folder = tmp_path_factory.mktemp("esphome")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile"]
    installed = subprocess.run(
        [*pip, "--only-binary", ":all:", "--target", str(folder), ESPHOME, *NEEDED],
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode:
        pytest.skip("ESPHome cannot be installed: " + installed.stderr[-300:])
    return folder


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_esphome_accepts_the_documented_configuration(esphome: Path, tmp_path: Path) -> None:
    assert len(EXAMPLES) == 2
    files = []
    for example in EXAMPLES:
        file = tmp_path / example.name
        file.write_text(example.read_text())
        files.append(str(file))
    done = subprocess.run(
        [sys.executable, "-m", "esphome", "config", *files],
        env={**os.environ, "PYTHONPATH": str(esphome), "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("/update/lamp/") == 2


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_manifest_has_what_esphomes_source_reads(esphome: Path, tmp_path: Path) -> None:
    folder = esphome / "esphome" / "components"
    source = (folder / "http_request" / "update" / "http_request_update.cpp").read_text()
    catalog = DirectoryCatalog(tmp_path)
    put(catalog)
    (release,) = catalog.releases("lamp")
    document = update_manifest(release, release.images[0])
    (build,) = document["builds"]
    for variable, value in (("root", document), ("build", build), ("ota", build["ota"])):
        keys = set(re.findall(rf'\b{variable}\[ESPHOME_F\("(\w+)"\)\]', source))
        assert keys - {"summary", "release_url"} <= set(value), variable
        assert keys
    # Each chip that both know is spelled in the same way.
    constants = (folder / "esp32" / "const.py").read_text()
    variants = dict(re.findall(r'^(VARIANT_\w+) = "(\w+)"', constants, re.M))
    (friendly,) = re.findall(r"^VARIANT_FRIENDLY = (\{.*?\})", constants, re.M | re.S)
    names = {
        variants[name].lower(): label
        for name, label in re.findall(r'(VARIANT_\w+): "([\w-]+)"', friendly)
    }
    for chip in set(names) & set(CHIPS.values()):
        image = replace(release.images[0], family="esp32", chip=chip)
        assert chip_family(image) == names[chip]
    assert {"esp32", "esp32c3", "esp32s3"} <= set(names) & set(CHIPS.values())
