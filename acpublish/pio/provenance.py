"""Where a build comes from: what PlatformIO and the compiler say of it.

The build flags may tell more than is meant, so they are for whoever runs the catalog alone.

The values of -D flags whose names look secret, such as a Wi-Fi password.
"""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from acpublish.redact import redact
from acpublish.release.gzip_choice import core_of_framework
from acpublish.release.secrets import looks_secret, masked_macros

__all__ = ["build_flags", "built_by", "compiler", "elf_digest", "secret_macros"]

_CORE_PACKAGE = "framework-arduinoespressif8266"
_COMPILER_TIMEOUT_S = 10
#: Enough for some thirty libraries; all of it travels in the head of one request.
_LIBRARIES_CHARACTERS = 1000
_FLAGS_CHARACTERS = 1000
_MASK = "***"


def built_by(env: Any) -> dict[str, str]:
    """Returns framework, platform, core and libraries; what this run does not know is left out."""
    platform = env.PioPlatform()
    frameworks = ", ".join(str(name) for name in env.get("PIOFRAMEWORK") or ())
    return {
        "framework": frameworks,
        "platform": f"{platform.name} {platform.version}",
        **_core(platform),
        **_libraries(env),
    }


def compiler(env: Any) -> dict[str, str]:
    """Returns the compiler and its version; it is asked, which costs some milliseconds."""
    if "CC" not in env:
        return {}
    command = env.subst("$CC")
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(
            [command, "-dumpfullversion"],
            env=env["ENV"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_COMPILER_TIMEOUT_S,
            check=True,
        )
        return {"compiler": f"{Path(command).name} {said.stdout.strip()}"}
    return {}


def elf_digest(path: Path) -> dict[str, str]:
    """Returns the SHA-256 of the program with its symbols; nothing where there is none."""
    with contextlib.suppress(OSError):
        return {"elf_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    return {}


def build_flags(env: Any, secrets: Mapping[str, str]) -> dict[str, str]:
    """Returns the flags of platformio.ini, with the values of secret macros masked."""
    flags = " ".join(" ".join(map(str, env.get("BUILD_FLAGS") or ())).split())
    for value in sorted(secrets.values(), key=len, reverse=True):
        flags = flags.replace(value, _MASK)
    # An address may have a password in it, whatever its macro is called.
    shown = _shortened(redact(masked_macros(flags)), _FLAGS_CHARACTERS)
    return {"build_flags": shown} if flags else {}


def _core(platform: Any) -> dict[str, str]:
    """Returns the core of the installed framework; nothing for another chip or another scheme."""
    if _CORE_PACKAGE not in platform.packages:
        return {}
    core = core_of_framework(platform.get_package_version(_CORE_PACKAGE) or "")
    return {"core": core} if core else {}


def _libraries(env: Any) -> dict[str, str]:
    """Returns the libraries that are linked in; nothing where this run has not looked for them."""
    linked = {
        f"{library.name} {library.version or '?'}"
        for library in env.get("__PIO_LIB_BUILDERS") or ()
        if library.dependent
    }
    return (
        {"libraries": _shortened(", ".join(sorted(linked)), _LIBRARIES_CHARACTERS)}
        if linked
        else {}
    )


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def secret_macros(*environments: Any) -> dict[str, str]:
    """Returns macros with their values, by the names to show.

    Args:
        environments: SCons' environments of the build; None for one that is not there.
    """
    return {
        f"-D {name}": value
        for env in environments
        if env is not None
        for name, value in _defined(env.get("CPPDEFINES") or ())
        if value and looks_secret(name)
    }


def _defined(defines: Any) -> Iterator[tuple[str, str]]:
    """Takes apart what SCons allows: texts, pairs, mappings, and lists of these."""
    for one in defines.items() if isinstance(defines, dict) else defines:
        if isinstance(one, dict):
            yield from _defined(one)
        elif isinstance(one, str):
            name, _, value = one.partition("=")
            yield name, _bare(value)
        elif len(one) == 2 and one[1] is not None:
            yield str(one[0]), _bare(str(one[1]))


def _bare(text: str) -> str:
    r"""Returns the text that the compiler sees of ``\"text\"``, be it quoted for the shell."""
    text = text.strip().strip("'")
    text = text.replace('\\"', '"')
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    return text.replace("\\\\", "\\")
