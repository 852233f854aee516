"""Random layouts of ``extra_scripts``: sections that extend and refer to each other, in any order.

Sections have ranks, and extend or refer to lower ones only: PlatformIO refuses a circle.
"""

from __future__ import annotations

import random
from pathlib import Path

#: From the lowest to the highest rank.
RANKS = ("base", "common", "mid", "env", "env:a", "env:b", "env:C", "env:d")
OURS = ("post:acpublish_ota.py", "acpublish_ota.py", "pre:acpublish_ota.py")


class Layout:
    """One random project, as the texts of its files."""

    def __init__(self, seed: int) -> None:
        """Generates a project.

        Args:
            seed: The same seed gives the same project.
        """
        self._random = rng = random.Random(seed)
        self._count = 0
        self._newline = rng.choice(["\n", "\n", "\n", "\r\n"])
        #: How often a section already contains the script.
        self._ours = rng.choice([0, 0, 0, 0.2])
        self._with_option = {name for name in RANKS if rng.random() < 0.6}
        sections = [name for name in RANKS if name.startswith("env") or rng.random() < 0.8]
        sections = [name for name in sections if name in ("env", "env:a") or rng.random() < 0.8]
        self._sections = sections
        other = rng.choice(["", "", "more.ini", "variants/one/platformio.ini"])
        moved = {name for name in sections if other and rng.random() < 0.4}
        rng.shuffle(sections)
        main = [] if not other else ["[platformio]", f"extra_configs = {self._pattern(other)}", ""]
        self.texts = {"platformio.ini": self._file(main, [s for s in sections if s not in moved])}
        if other:
            self.texts[other] = self._file([], [name for name in sections if name in moved])

    def write(self, root: Path) -> None:
        """Writes the files of the project below a folder."""
        for name, text in self.texts.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(text.encode())

    def _pattern(self, other: str) -> str:
        patterns = {"more.ini": ["more.ini", "m*.ini", "*.ini"], other: [other]}
        patterns.setdefault("variants/one/platformio.ini", []).append("variants/*/platformio.ini")
        return self._random.choice(patterns[other])

    def _file(self, lines: list[str], sections: list[str]) -> str:
        for name in sections:
            lines = [*lines, f"[{name}]", *self._options(name)]
            if self._random.random() < 0.7:
                lines.append("")
        final = "" if self._random.random() < 0.2 else self._newline
        return self._newline.join(lines) + final if lines else ""

    def _options(self, section: str) -> list[str]:
        rng = self._random
        options = [["custom_x = 1"], [f"custom_scripts = {self._script()}"]]
        if section.startswith("env:"):
            options += [["platform = espressif8266"], [f"board = {section[4:].lower()}"]]
        if section in self._with_option:
            options.append(self._scripts(section))
        lower = [name for name in self._lower(section) if name != "env"]
        if lower and rng.random() < 0.5:
            chosen = rng.sample(lower, min(len(lower), rng.choice([1, 1, 1, 2])))
            options.append([f"extends = {', '.join(chosen)}"])
        rng.shuffle(options)
        return [line for option in options for line in option]

    def _lower(self, section: str) -> list[str]:
        rank = RANKS.index(section)
        return [name for name in self._sections if RANKS.index(name) < rank]

    def _scripts(self, section: str) -> list[str]:
        rng = self._random
        name = rng.choice(["extra_scripts", "extra_scripts", "extra_scripts", "Extra_Scripts"])
        entries = [self._entry(section) for _ in range(rng.choice([0, 1, 1, 2, 3]))]
        if rng.random() < self._ours:
            entries.insert(rng.randint(0, len(entries)), rng.choice(OURS))
        form = rng.choice(["one line", "lines", "lines", "first line", "empty first"])
        if form == "one line" or not entries:
            return [f"{name} = {', '.join(entries)}{rng.choice(['', '', '  ; why'])}"]
        lines = [f"{rng.choice(['  ', '    ', chr(9)])}{entry}" for entry in entries]
        if rng.random() < 0.3:
            lines.insert(
                rng.randint(0, len(lines) - 1), rng.choice(["  ; a comment", "", "# more"])
            )
        if form == "first line" and lines[0].strip()[:1] not in ("", ";", "#"):
            return [f"{name} = {lines[0].strip()}", *lines[1:]]
        return [f"{name} ={rng.choice(['', ' '])}", *lines]

    def _entry(self, section: str) -> str:
        rng, lower = self._random, self._lower(section)
        if rng.random() < 0.5:
            return self._script()
        kind = rng.choice(["scripts", "scripts", "scripts", "custom", "this", "sysenv"])
        if kind == "this":
            return "${this.custom_scripts}"
        if kind == "sysenv":
            return "${sysenv.ACPUBLISH_TEST_UNSET}"
        if not lower:
            return self._script()
        option = "extra_scripts" if kind == "scripts" else "custom_scripts"
        return "${" + rng.choice(lower) + "." + option + "}"

    def _script(self) -> str:
        self._count += 1
        when = self._random.choice(["pre:", "post:", ""])
        return f"{when}{self._random.choice(['', 'tools/'])}s{self._count}.py"


def many_environments(root: Path, count: int, files: int = 24) -> None:
    """Writes a project of many environments in some dozens of files, like those of large projects.

    Args:
        root: The project's folder.
        count: The number of environments. Two have the same board each.
        files: The number of files in ``extra_configs``.
    """
    texts = {
        "platformio.ini": "[platformio]\nextra_configs = variants/*/platformio.ini\n[env]\n"
        "platform = espressif32\nextra_scripts =\n  pre:version.py\nbuild_flags = -DA\n"
        "[esp32]\nextra_scripts =\n  ${env.extra_scripts}\n  pre:esp32.py\n"
        "build_flags = ${env.build_flags} -DESP32\n[mid]\nextends = esp32\nlib_deps = a, b\n"
    }
    for number in range(count):
        name = f"variants/v{number % files}/platformio.ini"
        own = f"extra_scripts =\n  ${{mid.extra_scripts}}\n  v{number}.py\n" if number % 3 else ""
        texts[name] = texts.get(name, "") + (
            f"[env:e{number}]\nextends = mid\nboard = board{number // 2}\n{own}"
            "build_flags = ${mid.build_flags} -DX\n"
        )
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
