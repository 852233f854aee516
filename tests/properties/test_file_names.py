"""Names of files, generated: each is read as what it was made of, or it is ambiguous.

"Where a name can be read in two ways, nothing is published": no name may be read as one product,
version and board that it was not made of.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from acpublish.release.filenames import Named, NamePattern, narrowed
from acpublish.release.names import product_from
from acpublish.release.version import Version

SEED = 20260711
NAMES = 1500
PRODUCTS = (
    "lamp", "garden_lamp", "Lamp", "relay4", "my-sensor", "sensor_2", "esp32_cam", "esp8266-lamp",
    "lamp_esp32", "weather.station", "door lock", "mini_lamp", "lamp-pro", "d1_gateway", "v8engine",
)  # fmt: skip
#: Boards whose names say that they are boards, because those may stand anywhere.
BOARDS = (
    "d1_mini", "esp8266", "esp32", "esp32-c3", "esp32s3", "nodemcuv2", "lolin_s2_mini",
    "esp32doit-devkit-v1", "ttgo-lora32", "heltec_wifi_kit_32", "wemos_d1_mini32", "esp01_1m",
)  # fmt: skip
#: Boards that only stand behind the version.
OTHER_BOARDS = ("kitchen", "mini", "flipper", "old_hardware", "large-display")
PRERELEASES = (
    "",
    "",
    "",
    "",
    "",
    "rc1",
    "rc.2",
    "beta",
    "beta.12",
    "alpha3",
    "b1",
    "b7",
    "a2",
    "dev.4",
)
DATES = ("", "", "", "20220628", "2024-01-15", "2023_11_30", "20240115-1430")
SUFFIXES = (".bin", ".BIN", ".bin.gz", ".ino.bin")


def written(source: random.Random, numbers: tuple[int, ...]) -> str:
    """Returns a version's numbers in one of the ways that people write them."""
    prefix = source.choice(("", "", "v", "V", "ver", "v.", "fw"))
    separator = source.choice("...__-") if prefix else "."
    return prefix + separator.join(map(str, numbers))


def made(source: random.Random) -> tuple[str, Named]:
    """Returns a name, and what it was made of."""
    numbers = tuple(source.choice((0, 1, 2, 3, 9, 10, 14)) for _ in range(source.choice((2, 3, 3))))
    prerelease = source.choice(PRERELEASES)
    text = written(source, numbers)
    text += f"{source.choice('-_') if prerelease else ''}{prerelease}"
    product = source.choice(PRODUCTS)
    styles = ["{p}{s}{v}", "{p}{s}{v}{d}", "{v}", "{v}{s}{p}"]
    board: str | None = None
    if source.random() < 0.7:
        styles = [
            "{p}{s}{v}{d}{s}{b}", "{p}{s}{v}{s}{b}", "{p}{s}{v}{s}{b}{d}", "{p}{s}{b}{s}{v}{d}",
            "{b}{s}{p}{s}{v}", "{b}{s}{v}{s}{p}", "{v}{s}{p}{s}{b}", "{v}{s}{b}{s}{p}",
            "{p}{s}{v}.ino.{b}",
        ]  # fmt: skip
        board = source.choice(BOARDS)
    style = source.choice(styles)
    if board and style.startswith("{p}{s}{v}") and source.random() < 0.4:
        board = source.choice(OTHER_BOARDS)
    separator = source.choice("__-- ")
    date = source.choice(DATES)
    name = style.format(
        p=product, v=text, b=board, s=separator, d=f"{source.choice('_-')}{date}" if date else ""
    )
    major, minor, patch = (*numbers, 0)[:3]
    version = Version(major=major, minor=minor, patch=patch, prerelease=prerelease)
    suffix = ".bin" if ".ino" in style else source.choice(SUFFIXES)
    return name + suffix, Named(
        product=product_from(product) if "{p}" in style else None, version=version, board=board
    )


def names() -> Iterator[tuple[str, Named]]:
    source = random.Random(SEED)
    for _ in range(NAMES):
        yield made(source)


def known_parts(truth: Named) -> tuple[Named, ...]:
    """Returns what a user may say of a file: nothing, its product, its board, or both."""
    both = Named(product=truth.product, board=truth.board)
    return Named(), Named(product=both.product), Named(board=both.board), both


def test_a_name_is_read_as_what_it_was_made_of_or_is_ambiguous() -> None:
    outcomes: Counter[str] = Counter()
    for name, truth in names():
        written_in_name = NamePattern().read(name)
        for known in known_parts(truth):
            readings = narrowed(written_in_name, known)
            if len(readings) > 1:
                outcomes["ambiguous"] += 1
                continue
            (reading,) = readings
            assert reading == truth, (name, str(reading), str(truth), known)
            outcomes["equal"] += 1
    # Caution must not go so far that little can be imported.
    assert outcomes["equal"] > outcomes["ambiguous"], outcomes


def test_with_product_and_board_most_names_are_clear() -> None:
    clear = [
        len(narrowed(NamePattern().read(name), known_parts(truth)[-1])) == 1
        for name, truth in names()
    ]
    assert sum(clear) > 0.9 * NAMES, sum(clear)


@pytest.mark.parametrize("separator", "_-")
def test_a_pattern_reads_each_version_whole(separator: str) -> None:
    source = random.Random(SEED)
    pattern = NamePattern.parse(separator.join(["{product}", "v{version}", "{board}"]))
    for _ in range(1000):
        numbers = tuple(source.randrange(300) for _ in range(source.choice((2, 3))))
        dots = source.choice("._-")
        text = dots.join(map(str, numbers))
        name = separator.join(["lamp", f"v{text}", source.choice(("d1", "esp32"))]) + ".bin"
        (reading,) = pattern.read(name)
        assert reading.version is not None
        major, minor, patch = (*numbers, 0)[:3]
        assert reading.version == Version(major=major, minor=minor, patch=patch), name
