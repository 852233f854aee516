from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from acpublish.catalog import layout
from acpublish.catalog.channels_file import (
    read_channels,
    read_history,
    upgrade_channels,
    write_channels,
)
from acpublish.errors import ManifestError
from acpublish.release import channel_document
from acpublish.release.channels import Channels
from acpublish.release.earlier_channels import from_manifests
from tests.unit.release.making import release
from tests.unit.release.publishing import D1, Product, three, v


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A catalog whose one product has nothing yet."""
    layout.manifests(tmp_path, "lamp").mkdir(parents=True)
    layout.temporary(tmp_path).mkdir()
    return tmp_path


def test_what_is_written_is_read(root: Path) -> None:
    channels = three().channels
    write_channels(root, "lamp", channels)
    assert read_channels(root, "lamp", ()) == channels
    assert read_history(root, "lamp", channels) == channels.history


def test_where_there_is_no_document_the_manifests_say_it(root: Path) -> None:
    releases = [release("1.0.0", channels={"stable": 1})]
    assert read_channels(root, "lamp", releases) == from_manifests(releases)
    assert not layout.channels(root, "lamp").exists()


def test_the_upgrade_is_a_line_of_history_and_says_once_what_to_stop(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    releases = [release("1.0.0", channels={"stable": 1}), release("1.1.0", channels={"stable": 2})]
    for _ in range(2):
        upgrade_channels(root, "lamp", releases)
    channels = read_channels(root, "lamp", ())
    assert channels.applied(releases) == tuple(releases)
    (line,) = channels.history
    assert (line.serial, line.action) == (3, "upgrade")
    assert [(move.channel, move.place, move.after) for move in line.moves] == [
        ("stable", D1, v("1.1.0"))
    ]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "stop every server of an older acpublish" in record.getMessage()


def test_a_product_without_releases_is_not_upgraded(root: Path) -> None:
    upgrade_channels(root, "lamp", [release("1.0.0", channels={})])
    assert not layout.channels(root, "lamp").exists()


def test_older_lines_move_to_files_and_are_read_with_the_others(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acpublish.catalog.channels_file.MAX_HISTORY", 6)
    monkeypatch.setattr("acpublish.catalog.channels_file._MOVED", 4)
    product = Product()
    for number in range(1, 16):
        product.put(f"1.{number}.0")
        write_channels(root, "lamp", product.channels)
        product.channels = read_channels(root, "lamp", ())
    assert len(product.channels.history) <= 6
    paths = sorted(path.name for path in layout.manifests(root, "lamp").glob("history-*"))
    assert paths == [f"history-{serial:09}.jsonl" for serial in (1, 5, 9)]
    lines = read_history(root, "lamp", product.channels)
    assert [(line.serial, str(line.version)) for line in lines] == [
        (number, f"1.{number}.0") for number in range(1, 16)
    ]


def test_a_file_of_history_that_was_not_committed_repeats_lines(root: Path) -> None:
    channels = three().channels
    write_channels(root, "lamp", channels)
    lines = [json.dumps(channel_document.change_to_dict(line)) for line in channels.history[:2]]
    layout.history(root, "lamp", 1).write_text("\n".join(lines) + "\n")
    assert read_history(root, "lamp", channels) == channels.history


def test_a_damaged_line_of_history_is_named(root: Path) -> None:
    layout.history(root, "lamp", 1).write_text('{"serial": 1}\n')
    with pytest.raises(ManifestError, match=r"history-000000001\.jsonl, line 1\.action is not"):
        read_history(root, "lamp", Channels())
    layout.history(root, "lamp", 1).write_text("{\n")
    with pytest.raises(ManifestError, match="line 1 is not valid JSON"):
        read_history(root, "lamp", Channels())


def test_the_document_of_another_product_is_refused(root: Path) -> None:
    layout.channels(root, "lamp").write_bytes(channel_document.to_json(three().channels, "plug"))
    with pytest.raises(ManifestError, match="is of a different product, plug"):
        read_channels(root, "lamp", ())
