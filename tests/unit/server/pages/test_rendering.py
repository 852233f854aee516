"""What templates make of values: everything is escaped, and control characters are shown."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from acpublish.server.pages import page_texts, rendering
from acpublish.server.pages.rendering import Rendering, ago, lasting, number, percent, size, when

HOSTILE = "<b onclick='x'>&\x00\x1b[31m\u202e\u2028\x7f"
SHOWN = "&lt;b onclick=&#39;x&#39;&gt;&amp;\\x00\\x1b[31m\\u202e\\u2028\\x7f"


@pytest.fixture(scope="module")
def renders() -> Rendering:
    return Rendering()


@pytest.mark.parametrize(
    "template",
    [
        "{{ text }}",
        '{% import "parts.html" as parts %}{{ parts.badge(text) }}',
        '{% import "parts.html" as parts %}{{ parts.note(text, hint=text) }}',
        '{% import "parts.html" as parts %}{{ parts.tile(text, text, text, href=text) }}',
        '{% import "parts.html" as parts %}{{ parts.field("a", text, text, error=text) }}',
        '{% import "parts.html" as parts %}{{ parts.field("a", text, options=[(text, text)]) }}',
        '{% import "parts.html" as parts %}{{ parts.command(text) }}',
        '{% import "parts.html" as parts %}{{ parts.head(text, text, text, text) }}',
        '{% import "parts.html" as parts %}{{ parts.stages(text, [1], 0) }}',
    ],
)
def test_nothing_of_a_value_is_markup(renders: Rendering, template: str) -> None:
    html = renders.environment.from_string(template).render(text=HOSTILE)
    assert SHOWN in html
    assert "<b " not in html
    assert not re.search("[\x00\x1b\x7f\u202e\u2028]", html)


def test_a_value_that_is_missing_is_an_error(renders: Rendering) -> None:
    with pytest.raises(UndefinedError):
        renders.environment.from_string("{{ nothing }}").render()


def test_no_template_switches_escaping_off_or_has_a_script_inside() -> None:
    files = sorted(rendering.FOLDER.glob("*.html"))
    assert files
    for file in files:
        text = file.read_text()
        assert not re.search(r"\|\s*safe|autoescape|<script>|<style|\sstyle=|\son[a-z]+=", text), (
            file
        )


def test_each_text_that_a_template_names_is_there(renders: Rendering) -> None:
    keys = {
        key
        for file in [
            *rendering.FOLDER.glob("*.html"),
            *(set(Path(rendering.__file__).parent.glob("*.py")) - {Path(page_texts.__file__)}),
        ]
        for key in re.findall(r"""\bt\(["']([a-z_]+\.[a-z_0-9]+)["'][,)]""", file.read_text())
    }
    assert len(keys) > 20
    assert [key for key in sorted(keys) if key not in renders.texts] == []


def test_each_template_can_be_compiled(renders: Rendering) -> None:
    for name in renders.environment.list_templates():
        renders.environment.get_template(name)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (2_000_000, "1 953 KiB"),
        (20_000_000, "19.1 MiB"),
        (75_000_000_000, "69.8 GiB"),
    ],
)
def test_sizes(size_bytes: int, text: str) -> None:
    assert size(size_bytes).replace("\u202f", " ") == text


def test_numbers() -> None:
    assert number(1_234_567) == "1\u202f234\u202f567"
    assert [percent(share) for share in (0, 0.973, 1)] == [
        "0\u202f%",
        "97.3\u202f%",
        "100\u202f%",
    ]


@pytest.mark.parametrize(
    "at",
    [
        1_770_000_000.5,
        "2026-02-02T02:40:00Z",
        datetime(2026, 2, 2, 2, 40, tzinfo=timezone.utc),
    ],
)
def test_times(at: float | str | datetime) -> None:
    assert when(at) == '<time datetime="2026-02-02T02:40:00Z">2026-02-02 02:40 UTC</time>'
    assert 'datetime="2026-02-02T02:40:00Z" data-ago title="2026-02-02 02:40:00 UTC"' in ago(at)


def test_no_time() -> None:
    assert when(None) == ago("") == "–"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "just now"), (59, "just now"), (60, "1 min ago"), (7300, "2 h ago"), (90_000, "1 d ago")],
)
def test_how_long_ago(monkeypatch: pytest.MonkeyPatch, seconds: float, text: str) -> None:
    monkeypatch.setattr(rendering.time, "time", lambda: 1_000_000.0)
    assert f">{text}<" in ago(1_000_000.0 - seconds).replace("\u202f", " ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (90_061, "1 d 1 h"),
        (86_400, "1 d"),
    ],
)
def test_durations_in_their_two_largest_units(seconds: float, text: str) -> None:
    assert lasting(seconds).replace("\u202f", " ") == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("it is gone", "It is gone."),
        ("is it <b>?", "Is it &lt;b&gt;?"),
        ("It is.", "It is."),
        (Markup("&lt;b&gt; is it"), "&lt;b&gt; is it."),
        ("", ""),
        ("sensor 1.0.0 for d1 is published", "sensor 1.0.0 for d1 is published."),
        ("firmware.bin is also there", "firmware.bin is also there."),
        ("garden-lamp has no board", "garden-lamp has no board."),
        ("there are two, or more", "There are two, or more."),
    ],
)
def test_the_line_of_an_error_is_a_sentence(renders: Rendering, text: str, shown: str) -> None:
    template = renders.environment.from_string("{{ text | sentence }}")
    assert template.render(text=text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("such as --stages 1,10%,50%,100%.", "such as 1,10%,50%,100% in the field “Stages”."),
        ("such as --soak 24h, or one", "such as 24h in the field “Soak”, or one"),
        ("such as --window 02:00-05:00.", "such as 02:00-05:00 in the field “Window”."),
        ("Add --on-halt order-back, or", "Add order-back in the field “On halt”, or"),
        ("--at-once has no effect", "“Order them back all at once” has no effect"),
        (
            "back anyway, add --skip-check version-order=REASON (in PlatformIO: "
            "custom_ota_skip_checks).",
            "back anyway, say why in the field “Skip the check version-order, because”.",
        ),
        ("acpublish token create --read", "acpublish token create --read"),
        (Markup("with --halt 3"), "with --halt 3"),
    ],
)
def test_hints_name_the_fields_of_a_page(renders: Rendering, text: str, shown: str) -> None:
    assert renders.environment.from_string("{{ text | by_fields }}").render(text=text) == shown
