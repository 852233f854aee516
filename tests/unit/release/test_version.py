from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acpublish.errors import VersionError
from acpublish.release.version import STAMP_TEXT_BYTES, Version, from_git, next_development

NUMBERS = st.integers(0, 9999)
IDENTIFIERS = st.from_regex(r"(0|[1-9][0-9]{0,2}|[0-9]{0,1}[a-z-][0-9a-z-]{0,2})", fullmatch=True)
BUILDS = st.from_regex(r"[0-9a-z-]{1,3}", fullmatch=True)


@st.composite
def versions(draw: st.DrawFn) -> Version:
    return Version(
        major=draw(NUMBERS),
        minor=draw(NUMBERS),
        patch=draw(NUMBERS),
        prerelease=".".join(draw(st.lists(IDENTIFIERS, max_size=2))),
        build=".".join(draw(st.lists(BUILDS, max_size=2))),
    )


def parse(text: str) -> Version:
    return Version.parse(text)


@given(versions())
def test_what_is_written_is_read_again(version: Version) -> None:
    assert parse(str(version)) == version


# Which forms are valid: semver.org's own list.
@pytest.mark.parametrize(
    "text",
    ["0.0.4", "1.2.3", "10.20.30", "1.1.2-prerelease+meta", "1.1.2+meta", "1.0.0-alpha",
     "1.0.0-alpha0.valid", "1.0.0-alpha-a.b-c-something-long", "1.0.0-0a.1", "2.0.0+build.1848",
     "1.0.0--.-", "1.2.3----r-s.12.9.1--.12+meta", "1.0.0-0+00", "99999999999999999999.0.0"],
)  # fmt: skip
def test_valid(text: str) -> None:
    if len(text) <= STAMP_TEXT_BYTES:
        assert str(parse(text)) == text
    else:
        with pytest.raises(VersionError, match="bytes long, but a stamp holds at most 31"):
            parse(text)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("1", "1.0.0"), ("1.2", "1.2.0"), ("v1.2.3", "1.2.3"), ("V1", "1.0.0"), (" 1.2.3", "1.2.3"),
        ("1.2.3.4", "1.2.3+4"), ("01.2.3", "1.2.3"), ("1.2.3_beta", "1.2.3-beta"),
        ("1.2.3-RC.1", "1.2.3-rc.1"), ("1.2.3beta", "1.2.3-beta"), ("1.2-rc1", "1.2.0-rc1"),
        ("1.2.3-", "1.2.3"), ("1.2.3+", "1.2.3"), ("1.2.3-01", "1.2.3-1"), ("=1.0", "1.0.0"),
        ("1.2.3+a+b", "1.2.3"), ("1.2.3\n", "1.2.3"), ("1.2.3 beta 4", "1.2.3-beta-4"),
        ("1.2.3-X" + "y" * 40, "1.2.3"), ("v2024-01-02", "2024.1.2"), ("2024_11_30", "2024.11.30"),
        ("2024-01-02-beta", "2024.1.2-beta"), ("2024.01.02", "2024.1.2"), ("V1.2.3", "1.2.3"),
    ],
)  # fmt: skip
def test_the_corrected_form_is_suggested(text: str, suggestion: str) -> None:
    with pytest.raises(VersionError) as caught:
        parse(text)
    assert caught.value.hint == f"Use {suggestion!r}."
    assert str(parse(suggestion)) == suggestion


@pytest.mark.parametrize(
    ("text", "example"),
    [
        ("9.x", "9.0.0"), ("v9.X", "9.0.0"), ("1.2.x", "1.2.0"), ("1.x.x", "1.0.0"),
        ("1.x.3", "1.0.3"), ("9.*", "9.0.0"), ("9.x-beta", "9.0.0-beta"),
    ],
)  # fmt: skip
def test_a_placeholder_for_a_number_is_named(text: str, example: str) -> None:
    with pytest.raises(VersionError) as refused:
        parse(text)
    assert refused.value.hint == (
        f"A release has one exact version: use numbers only, such as {example!r}."
    )
    assert str(parse(example)) == example


def test_what_was_typed_is_shown_as_it_was_typed() -> None:
    with pytest.raises(VersionError, match="'Größe' is not"):
        parse("Größe")
    # What could control a terminal is not: here a line break, an escape and a right-to-left mark.
    with pytest.raises(VersionError) as refused:
        parse("1\n\x1b[2J\u202e")
    assert refused.value.problem.startswith("'1\\n\\x1b[2J\\u202e' is not")


@pytest.mark.parametrize(
    "text",
    ["", "latest", "..", "１.２.３", "1.2.3-ß", "٣.1.0", "../1.0.0", "\0", "1/2", "1" * 5000],
)
def test_what_is_no_version_is_refused_on_one_short_line(text: str) -> None:
    with pytest.raises(VersionError) as caught:
        parse(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 220


@given(st.text(alphabet="0123456789.-+vVabRC_ \té", max_size=70))
def test_any_text_is_a_version_or_an_error_whose_suggestion_is_one(text: str) -> None:
    try:
        assert str(parse(text)) == text
    except VersionError as fault:
        start, quoted, _ = (fault.hint + "''").split("'")[:3]
        if start == "Use ":
            assert str(parse(quoted)) == quoted


def test_a_version_has_31_bytes_at_most() -> None:
    assert len(str(parse("1.2.3-" + "a" * 25))) == 31
    with pytest.raises(VersionError, match="is 32 bytes long, but a stamp holds at most 31"):
        parse("1.2.3-" + "a" * 26)


class TestPrecedence:
    """SemVer 2.0.0, section 11."""

    def test_the_example_of_the_specification(self) -> None:
        """Quotes 11.4.

        "1.0.0-alpha < 1.0.0-alpha.1 < 1.0.0-alpha.beta < 1.0.0-beta < 1.0.0-beta.2 <
        1.0.0-beta.11 < 1.0.0-rc.1 < 1.0.0."
        """
        texts = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
                 "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "2.0.0", "2.1.0", "2.1.1"]  # fmt: skip
        assert sorted(set(texts), key=lambda text: parse(text).precedence) == texts

    @given(versions(), BUILDS)
    def test_build_does_not_count(self, version: Version, build: str) -> None:
        """Quotes 10: "Build metadata MUST be ignored when determining version precedence."."""
        other = Version(
            major=version.major,
            minor=version.minor,
            patch=version.patch,
            prerelease=version.prerelease,
            build=build,
        )
        assert other.precedence == version.precedence

    @given(versions())
    def test_a_prerelease_is_lower(self, version: Version) -> None:
        """Quotes 9: "Pre-release versions have a lower precedence than the associated normal."."""
        normal = Version(major=version.major, minor=version.minor, patch=version.patch)
        if version.prerelease:
            assert version.precedence < normal.precedence
        else:
            assert version.precedence == normal.precedence

    @given(NUMBERS, st.from_regex(r"[a-z-][a-z0-9-]{0,3}", fullmatch=True))
    def test_numbers_are_below_words(self, number: int, word: str) -> None:
        """Quotes 11.4.3: "Numeric identifiers always have lower precedence than non-numeric."."""
        low, high = parse(f"1.0.0-{number}"), parse(f"1.0.0-{word}")
        assert low.precedence < high.precedence

    @given(versions(), IDENTIFIERS)
    def test_more_fields_are_higher(self, version: Version, more: str) -> None:
        """Quotes 11.4.4: "A larger set of pre-release fields has a higher precedence ... if all
        of the preceding identifiers are equal."."""
        if version.prerelease:
            longer = Version(
                major=version.major,
                minor=version.minor,
                patch=version.patch,
                prerelease=f"{version.prerelease}.{more}",
            )
            assert version.precedence < longer.precedence

    @given(versions(), versions(), versions())
    def test_it_is_an_order(self, one: Version, two: Version, three: Version) -> None:
        low, middle, high = sorted((one, two, three), key=lambda version: version.precedence)
        assert low.precedence <= middle.precedence <= high.precedence
        assert low.precedence <= high.precedence


class TestClaims:
    """What a device says it runs is compared, whatever its form."""

    @pytest.mark.parametrize(
        ("text", "version"),
        [("1.2.3", "1.2.3"), ("v1.2.3", "1.2.3"), (" V1.2.3 ", "1.2.3"), ("1.2", "1.2.0"),
         ("2.0.0-RC.1", "2.0.0-rc.1"), ("1.2-beta", "1.2.0-beta")],
    )  # fmt: skip
    def test_read(self, text: str, version: str) -> None:
        assert Version.or_none(text) == parse(version)

    def test_longer_than_a_stamp(self) -> None:
        claimed = Version.or_none("3.0.0-" + "a" * 60)
        assert claimed is not None
        assert claimed.precedence > parse("2.9.9").precedence

    @pytest.mark.parametrize(
        "text", [None, "", "latest", "20261124", "1.2.3.4", "01.2", "1" * 5000 + ".0.0", "\xff"]
    )
    def test_not_read(self, text: str | None) -> None:
        assert Version.or_none(text) is None


class TestDevelopment:
    @pytest.mark.parametrize(
        ("base", "published", "expected"),
        [
            ("1.2.3", [], "1.2.4-dev.1"),
            ("1.2.3", ["1.2.3"], "1.2.4-dev.1"),
            ("1.2.3", ["1.2.4-dev.1", "1.2.4-dev.9", "1.2.4-dev.10"], "1.2.4-dev.11"),
            ("1.2.3", ["1.2.5-dev.7", "2.2.4-dev.8", "1.2.4-devel.4", "1.2.4-dev.x"],
             "1.2.4-dev.1"),
            ("1.2.3", ["1.2.4-dev.5+gabc1234"], "1.2.4-dev.6"),
            ("1.2.3+b", [], "1.2.4-dev.1"),
            ("1.2.3-rc.1", [], "1.2.3-rc.1.dev.1"),
            ("1.2.3-rc.1", ["1.2.3-rc.1.dev.3", "1.2.3-rc.2.dev.8", "1.2.3-dev.9"],
             "1.2.3-rc.1.dev.4"),
            ("1.2.4-dev.2", ["1.2.4-dev.9"], "1.2.4-dev.2.dev.1"),
        ],
    )  # fmt: skip
    def test_one_above_the_newest(self, base: str, published: list[str], expected: str) -> None:
        found = next_development(parse(base), map(parse, published))
        assert str(found) == expected

    @given(versions(), st.lists(st.integers(1, 10**6), max_size=4))
    def test_it_stands_between_its_base_and_the_next(
        self, base: Version, numbers: list[int]
    ) -> None:
        if len(str(base)) > 19:
            return
        published = [base.development(number) for number in numbers]
        found = next_development(base, published)
        assert base.precedence < found.precedence
        assert all(older.precedence < found.precedence for older in published)
        following = Version(major=base.major, minor=base.minor, patch=base.patch + 1)
        assert found.precedence < following.precedence

    def test_what_does_not_fit_is_refused(self) -> None:
        with pytest.raises(VersionError, match="a stamp holds at most 31"):
            parse("1.2.3-" + "a" * 25).development(1)


class TestFromGit:
    @pytest.mark.parametrize(
        ("tag", "distance", "changed", "expected"),
        [
            ("1.2.3", 0, "", "1.2.3"),
            ("1.2.3+fab", 0, "", "1.2.3+fab"),
            ("1.2.3", 5, "", "1.2.4-dev.5+gabc1234"),
            ("1.2.3", 5, "0123abcd", "1.2.4-dev.5+gabc1234.d0123abcd"),
            ("1.2.3", 0, "0123abcd", "1.2.4-dev.0+gabc1234.d0123abcd"),
            ("1.2.3-rc.1", 5, "", "1.2.3-rc.1.dev.5+gabc1234"),
            ("1.2.3-rc.1", 5, "0123abcd", "1.2.3-rc.1.dev.5+gabc1234.d0123"),
        ],
    )
    def test_the_issue_says_so(self, tag: str, distance: int, changed: str, expected: str) -> None:
        found = str(from_git(parse(tag), distance, "abc1234", changed))
        assert found == expected[:STAMP_TEXT_BYTES].rstrip(".-")
        assert expected.startswith(found)

    @given(st.integers(0, 99999), st.integers(1, 10**6))
    def test_build_metadata_is_shortened_to_fit(self, patch: int, distance: int) -> None:
        tag = Version(major=10, minor=20, patch=patch, prerelease="beta.1")
        found = from_git(tag, distance, "abc1234", "0123abcd")
        assert len(str(found)) <= STAMP_TEXT_BYTES
        assert parse(str(found)) == found
        assert found.prerelease == f"beta.1.dev.{distance}"

    def test_a_second_number_stands_below_the_next_commit(self) -> None:
        tag = parse("1.2.3")
        first, again, following = (
            from_git(tag, 5, "abc1234", "0123abcd"),
            from_git(tag, 5, "abc1234", "0123abcd", again=1),
            from_git(tag, 6, "abc1235"),
        )
        assert first.precedence < again.precedence < following.precedence
