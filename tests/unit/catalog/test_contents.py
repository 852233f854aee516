from __future__ import annotations

import os
from pathlib import Path

import pytest

from acpublish.catalog import loose
from acpublish.catalog.beneath import Beneath, Parts
from acpublish.catalog.contents import CatalogFiles, Directory, Entry, LooseFile, ReleaseFile
from acpublish.catalog.directory import DirectoryCatalog
from tests.support import images
from tests.unit.catalog.holding import ANY_ORDER, put

IMAGE = images.esp8266_image(size=5120)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "catalog"
    path.mkdir()
    return path


@pytest.fixture
def files(root: Path) -> CatalogFiles:
    return CatalogFiles(DirectoryCatalog(root))


def listed(files: CatalogFiles, path: bytes = b"") -> dict[str, Entry]:
    directory = files.locate(path)
    assert isinstance(directory, Directory)
    return {entry.name: entry for entry in files.entries(directory)}


def located(files: CatalogFiles, path: bytes) -> str | None:
    entry = files.locate(path)
    if isinstance(entry, ReleaseFile):
        return entry.image.file
    return entry.path.name if entry else None


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("a?b.bin", b"a?b.bin"),
        ("a?b.bin", b"/a?b.bin"),
        ("a%20b.bin", b"/a%20b.bin"),
        ("a%20b.bin", b"/a%2520b.bin"),
        ("a b.bin", b"/a b.bin"),
        ("a b.bin", b"/a%20b.bin"),
        ("a b.bin", b"/a%20b.bin?x=1"),
        ("a+b.bin", b"/a+b.bin"),
        ("a#b.bin", b"/a#b.bin"),
        ("a&b.bin", b"/a&b.bin"),
        ("ä.bin", "/ä.bin".encode()),
        ("ä.bin", b"/%C3%A4.bin"),
        ("sub/x.bin", b"/sub/x.bin"),
        ("sub/x.bin", b"sub//x.bin"),
        ("sub/x.bin", b"/./sub/../sub/x.bin"),
        ("sub/x.bin", b"/sub%2Fx.bin"),
        ("x.bin", b"x.bin?version=1"),
        ("x\\y.bin", b"/x\\y.bin"),
    ],
)
def test_an_address_is_taken_literally_first(
    root: Path, files: CatalogFiles, name: str, address: bytes
) -> None:
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_bytes(IMAGE)
    entry = files.locate(address)
    assert isinstance(entry, LooseFile)
    assert entry.path == root / name


def test_of_two_names_the_literal_one_wins(root: Path, files: CatalogFiles) -> None:
    for name in ("a%20b.bin", "a b.bin", "a", "a?b"):
        (root / name).write_bytes(IMAGE)
    assert located(files, b"a%20b.bin") == "a%20b.bin"
    assert located(files, b"a?b") == "a?b"
    assert located(files, b"a?c") == "a"


@pytest.mark.parametrize(
    "address",
    [b"../secret.bin", b"/../secret.bin", b"%2e%2e/secret.bin", b"sub/../../secret.bin",
     b"../catalog-secret/x.bin", b"..%2fsecret.bin", b"/etc/hostname/../../../../etc/hostname",
     b"x\0.bin", b"%00", b"a" * 5000, b"link.bin", b"linked/x.bin", b"circle", b"missing",
     b"\xff\xfe", b"x.bin/y", b".acpublish", b"/.acpublish/", b".ACPublish", b"sub/../.acpublish",
     b"%2eacpublish/objects", b".acpublish/releases/lamp/1.0.0.json", b"hidden", b"hidden/objects",
     b"//.acpublish//objects", b"sub/.acpublish", b"sub/.acpublish/x.bin", b"fifo.bin"],
)  # fmt: skip
def test_nothing_outside_and_nothing_hidden(
    root: Path, files: CatalogFiles, address: bytes
) -> None:
    put(files.catalog)
    secret = root.parent / "catalog-secret"
    secret.mkdir()
    (secret / "x.bin").write_bytes(IMAGE)
    (root.parent / "secret.bin").write_bytes(IMAGE)
    (root / "x.bin").write_bytes(IMAGE)
    (root / "sub/.acpublish").mkdir(parents=True)
    (root / "sub/.acpublish/x.bin").write_bytes(IMAGE)
    (root / "link.bin").symlink_to(root.parent / "secret.bin")
    (root / "linked").symlink_to(secret)
    (root / "hidden").symlink_to(root / ".acpublish")
    (root / "circle").symlink_to(root / "circle")
    os.mkfifo(root / "fifo.bin")
    assert files.locate(address) is None
    assert set(listed(files)) == {"lamp", "sub", "x.bin"}
    assert listed(files, b"sub") == {}


def test_links_that_stay_inside_are_followed(root: Path, files: CatalogFiles) -> None:
    (root / "real").mkdir()
    (root / "real/x.bin").write_bytes(IMAGE)
    (root / "link.bin").symlink_to("real/x.bin")
    (root / "directory").symlink_to("real")
    put(files.catalog)
    (root / "current.bin").symlink_to("lamp/lamp-1.0.0_d1.bin")
    assert listed(files)["link.bin"].type == "bin"
    assert listed(files)["directory"].type == "directory"
    assert located(files, b"directory/x.bin") == "x.bin"
    assert isinstance(files.locate(b"current.bin"), ReleaseFile)


class TestProducts:
    def test_manifests_decide(self, root: Path, files: CatalogFiles) -> None:
        put(files.catalog)
        (root / "lamp/mine.bin").write_bytes(IMAGE)
        (root / "lamp/sub").mkdir()
        (root / "lamp/sub/x.bin").write_bytes(IMAGE)
        assert set(listed(files, b"lamp")) == {"lamp-1.0.0_d1.bin"}
        assert listed(files, b"lamp/sub") == {}
        assert files.locate(b"lamp/mine.bin") is None
        assert files.locate(b"lamp/sub/x.bin") is None

    def test_a_release_is_there_without_its_visible_file(
        self, root: Path, files: CatalogFiles
    ) -> None:
        put(files.catalog)
        (root / "lamp/lamp-1.0.0_d1.bin").unlink()
        for address in (b"lamp/lamp-1.0.0_d1.bin", b"/lamp/./lamp-1.0.0_d1.bin?x"):
            entry = files.locate(address)
            assert isinstance(entry, ReleaseFile)
            assert str(entry.release.version) == "1.0.0"

    def test_a_plus_in_a_version_is_literal(self, files: CatalogFiles) -> None:
        put(files.catalog, "1.0.0+g1")
        assert located(files, b"/lamp/lamp-1.0.0+g1_d1.bin") == "lamp-1.0.0+g1_d1.bin"
        assert located(files, b"/lamp/lamp-1.0.0%2Bg1_d1.bin") == "lamp-1.0.0+g1_d1.bin"

    def test_newest_first_within_one_second_too(self, files: CatalogFiles) -> None:
        for version in ("1.9.0", "1.10.0", "1.2.0", "1.11.0"):
            put(files.catalog, version, skipped_checks=ANY_ORDER)
        assert [name.split("_")[0] for name in listed(files, b"lamp")] == [
            "lamp-1.11.0",
            "lamp-1.2.0",
            "lamp-1.10.0",
            "lamp-1.9.0",
        ]

    def test_an_entry(self, files: CatalogFiles) -> None:
        receipt = put(files.catalog)
        entry = listed(files, b"lamp/")["lamp-1.0.0_d1.bin"]
        assert (entry.type, entry.size, entry.family) == ("bin", receipt.size, "esp8266")


def test_one_bad_entry_hides_no_other(root: Path, files: CatalogFiles) -> None:
    (root / "good.bin").write_bytes(IMAGE)
    (root / "GOOD.BIN").write_bytes(images.esp32_image())
    (root / "x.bin").mkdir()
    os.mkfifo(root / "y.bin")
    (root / "dangling.bin").symlink_to("nowhere")
    (root / os.fsdecode(b"\xff.bin")).write_bytes(IMAGE)
    (root / "note.txt").write_text("hello")
    entries = listed(files)
    assert {name: entry.type for name, entry in entries.items()} == {
        "good.bin": "bin",
        "GOOD.BIN": "bin",
        "x.bin": "directory",
        "note.txt": "file",
    }
    assert entries["good.bin"].family == "esp8266"
    assert entries["GOOD.BIN"].family == "esp32"
    assert entries["x.bin"].size == 0


def test_a_directory_that_cannot_be_listed_is_empty(
    root: Path, files: CatalogFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "x.bin").write_bytes(IMAGE)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    assert files.entries(Directory(path=root)) == ()


def test_what_is_being_copied_is_not_listed(
    root: Path, files: CatalogFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / "x.bin"
    for size in range(0, len(IMAGE), 512):
        path.write_bytes(IMAGE[:size])
        assert listed(files) == {}
    path.write_bytes(IMAGE)
    assert listed(files)["x.bin"].type == "bin"
    (root / "cut.bin").write_bytes(IMAGE[:4608])
    assert "cut.bin" not in listed(files)
    monkeypatch.setattr(loose, "SETTLED_S", -1.0)
    assert listed(files)["cut.bin"].type == "file"


def test_thousands_of_files_are_opened_once(
    root: Path, files: CatalogFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "0.bin").write_bytes(IMAGE)
    for number in range(1, 3_000):
        os.link(root / "0.bin", root / f"{number}.bin")
    opened = []
    real = Beneath.open

    def counting(beneath: Beneath, name: str) -> tuple[Parts, int]:
        opened.append(name)
        return real(beneath, name)

    monkeypatch.setattr(Beneath, "open", counting)
    assert len(listed(files)) == 3_000
    assert len(opened) == 3_000
    assert len(listed(files)) == 3_000
    assert len(opened) == 3_000
    (root / "1.bin").unlink()
    (root / "1.bin").write_bytes(images.esp32_image())
    assert listed(files)["1.bin"].family == "esp32"
    # The link that went away changed what the file system says of the other names' file.
    assert len(opened) > 3_000


def test_the_state_is_not_shown_even_if_it_is_inside_and_settled(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loose, "SETTLED_S", -1.0)
    state = root / "state"
    state.mkdir()
    (state / "tokens.json").write_text("{}")
    (root / "to-state").symlink_to("state")
    catalog = DirectoryCatalog(root)
    # The file could be served, so only the rule keeps it back.
    assert located(CatalogFiles(catalog), b"state/tokens.json") == "tokens.json"
    files = CatalogFiles(catalog, hidden=state)
    for path in (
        b"state",
        b"state/tokens.json",
        b"to-state/tokens.json",
        b"x/../state/tokens.json",
    ):
        assert files.locate(path) is None
    assert listed(files) == {}


@pytest.mark.parametrize("part", [b"a/", b"%61/", b"a%2F", b"%2F", b"/"])
def test_a_path_that_is_too_deep_is_not_looked_up(
    files: CatalogFiles, part: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[object] = []
    monkeypatch.setattr(os.path, "realpath", lambda path, **how: looked.append(path) or str(path))
    assert files.locate(b"/" + part * 1300 + b"x") is None
    assert looked == []


def test_a_folder_as_deep_as_people_make_them_is_found(root: Path, files: CatalogFiles) -> None:
    folder = root.joinpath(*["a" * 20] * 20)
    folder.mkdir(parents=True)
    (folder / "x.bin").write_bytes(IMAGE)
    address = str((folder / "x.bin").relative_to(root)).encode()
    assert located(files, address) == "x.bin"
    # A long query after a short name does not hide it.
    assert located(files, address + b"?" + b"/" * 6000) == "x.bin"
