"""Where the extra script is named: in each ``extra_scripts`` that an environment has."""

from __future__ import annotations

from pathlib import Path

from acpublish.platformio_ini.extra_script import ENTRY, SCRIPT, is_script
from acpublish.platformio_ini.files import merged
from acpublish.platformio_ini.options import Options
from acpublish.platformio_ini.text import SCRIPTS, Ini

__all__ = ["with_script"]


def with_script(
    root: Path, before: str, whole: Ini, environments: list[str], notes: list[str]
) -> str:
    """Returns platformio.ini with the script added to each ``extra_scripts`` that counts.

    Args:
        root: The project's folder.
        before: What platformio.ini holds.
        whole: The same with its ``extra_configs``.
        environments: The names of the environments.
        notes: Gets a line on what has to be done by hand.
    """
    text = before
    providers = {name: whole.provider(name, SCRIPTS) for name in environments}
    # What others refer to comes first: with ``${env.extra_scripts}`` they have its entries, too.
    for name in sorted(environments, key=lambda name: (providers[name] or "").startswith("env:")):
        provider, ini = providers[name], Ini(text)
        if provider is None:
            continue
        if f"pre:{SCRIPT}" in ini.entries(provider, SCRIPTS):
            # There PlatformIO would drop the targets without a word.
            ini.change_entry(provider, SCRIPTS, f"pre:{SCRIPT}", ENTRY)
            text = ini.text
        if any(map(is_script, Options(root, text).scripts(name))):
            continue
        added = _added(root, text, provider, environments)
        if added is None or not any(map(is_script, Options(root, added).scripts(name))):
            notes.append(_by_hand(root, text, provider))
        else:
            text = added
    notes[:] = dict.fromkeys(notes)
    return text


def _by_hand(root: Path, text: str, section: str) -> str:
    if not _is_own(root, text, section):
        return f"[{section}] is in a file of extra_configs: add {ENTRY} to its {SCRIPTS} by hand"
    return (
        f"{SCRIPTS} that refer to [{section}] need each entry on a line of its own: write it so, "
        "then run acpublish init again"
    )


def _is_own(root: Path, text: str, section: str) -> bool:
    """Tells whether what a section has is in platformio.ini, and in no file that wins over it."""
    value = Ini(text).value(section, SCRIPTS)
    return value is not None and value == merged(root, text).value(section, SCRIPTS)


def _added(root: Path, text: str, section: str, environments: list[str]) -> str | None:
    """Returns the text with the script in a section; None where that would break another entry.

    Whether an entry has to stand on a line of its own depends on the options that refer to it.
    """
    before = Options(root, text)
    for one_line in (None, True):
        if not _is_own(root, text, section):
            return None
        ini = Ini(text)
        ini.add_entry(section, SCRIPTS, ENTRY, one_line=one_line)
        after = Options(root, ini.text)
        if all(_others(before, name) == _others(after, name) for name in environments):
            return ini.text
    return None


def _others(options: Options, environment: str) -> list[str]:
    return [entry for entry in options.scripts(environment) if entry != ENTRY]
