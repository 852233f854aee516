"""Which file devices need, and the order of the actions after it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from acpublish.errors import SettingsError
from acpublish.image.reader import read
from acpublish.pio.firmware import (
    IMAGE,
    device_image,
    publish_last,
    refuse_unsigned,
    signed_only,
    stamp_first,
    unsigned_path,
)
from tests.support import images

SIGNED = IMAGE.replace(".bin", "-signed.bin")


class Executor:
    """SCons' executor, as far as actions after a file are concerned."""

    def __init__(self) -> None:
        self.post_actions: list[Any] = []


class Node:
    """A file of the build."""

    def __init__(self, *, built: bool) -> None:
        self._built = built
        self.executor = Executor()

    def has_builder(self) -> bool:
        return self._built

    def get_executor(self) -> Executor:
        return self.executor


class Env(dict[str, Any]):
    """SCons' environment, as far as it knows files and what makes them."""

    def __init__(self, build: Path, *, built: bool = True, **variables: Any) -> None:
        super().__init__(variables)
        self._build = build
        self.nodes = {name: Node(built=built) for name in (IMAGE, SIGNED)}
        self.not_cached: list[Node] = []

    def subst(self, text: str) -> str:
        return text.replace("$BUILD_DIR", str(self._build)).replace("${PROGNAME}", "firmware")

    def File(self, name: str) -> Node:
        return self.nodes[name]

    def NoCache(self, node: Node) -> None:
        self.not_cached.append(node)


def test_the_stamp_comes_first_and_the_publish_last(tmp_path: Path) -> None:
    env = Env(tmp_path)
    actions = env.nodes[IMAGE].executor
    actions.post_actions.append("of an earlier script")

    stamp_first(env, "stamp")
    publish_last(env, IMAGE, "publish")
    actions.post_actions.append("merge")
    actions.post_actions.append("copy")

    assert actions.post_actions == ["stamp", "of an earlier script", "merge", "copy", "publish"]
    assert env.nodes[IMAGE] in env.not_cached


def test_an_image_that_the_run_does_not_make_gets_no_actions(tmp_path: Path) -> None:
    env = Env(tmp_path, built=False)

    stamp_first(env, "stamp")
    publish_last(env, IMAGE, "publish")

    assert env.nodes[IMAGE].executor.post_actions == []


@pytest.mark.parametrize(
    "variable", ["PIO_ESP32_SIGNATURE_REQUIRED", "PIO_ESP32_SECURE_BOOT_BUILD_SIGNED_BINARIES"]
)
def test_a_signed_image_is_what_devices_need(tmp_path: Path, variable: str) -> None:
    assert device_image(Env(tmp_path), skips_build=False) == IMAGE
    signing = Env(tmp_path, **{variable: True})
    assert device_image(signing, skips_build=False) == SIGNED
    assert signed_only(signing)


def test_an_existing_build_is_signed_if_no_later_build_left_a_signed_image_behind(
    tmp_path: Path,
) -> None:
    assert device_image(Env(tmp_path), skips_build=True) == IMAGE
    image, signed = tmp_path / "firmware.bin", tmp_path / "firmware-signed.bin"
    image.write_bytes(b"")
    signed.write_bytes(b"")
    assert device_image(Env(tmp_path), skips_build=True) == SIGNED
    assert device_image(Env(tmp_path), skips_build=False) == IMAGE
    os.utime(image, (2e9, 2e9))
    assert device_image(Env(tmp_path), skips_build=True) == IMAGE


@pytest.mark.parametrize(
    ("configuration", "only"),
    [
        ({"SECURE_BOOT": True}, True),
        ({"SECURE_SIGNED_APPS": True}, True),
        ({"SECURE_BOOT": False}, False),
        ({}, False),
        ([], False),
        (None, False),
    ],
)
def test_the_configuration_tells_whether_devices_accept_only_signed_images(
    tmp_path: Path, configuration: Any, only: bool
) -> None:
    if configuration is not None:
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "sdkconfig.json").write_text(json.dumps(configuration))
    assert signed_only(Env(tmp_path)) is only


def test_an_unsigned_image_is_refused_in_one_line() -> None:
    with pytest.raises(SettingsError, match="is not signed") as refused:
        refuse_unsigned(read(images.esp32_image()))
    assert "acpublish publish FILE" in refused.value.hint


def test_a_signed_image_is_made_from_the_one_beside_it() -> None:
    assert unsigned_path(Path("build/lamp-signed.bin")) == Path("build/lamp.bin")
    assert unsigned_path(Path("build/lamp.bin")) == Path("build/lamp.bin")
