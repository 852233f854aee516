"""Where a build comes from, and what must stay out of its image.

PlatformIO and the compiler provide the framework, platform, core, libraries and build flags. The
flags may reveal more than intended, so only the operator of the catalog can see them. The values of
-D flags with secret-looking names, such as a Wi-Fi password, are masked there, and an image is
searched for them.
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
from acpublish.release.text import cleaned

_CORE_PACKAGE = "framework-arduinoespressif8266"
_COMPILER_TIMEOUT_S = 10
#: Enough for some thirty libraries; all of it is sent in the headers of one request.
_LIBRARIES_CHARACTERS = 1000
_FLAGS_CHARACTERS = 1000
_MASK = "***"


def built_by(env: Any) -> dict[str, str]:
    """Returns framework, platform, core and libraries; unknown ones are left out."""
    platform = env.PioPlatform()
    frameworks = ", ".join(str(name) for name in env.get("PIOFRAMEWORK") or ())
    return {
        "framework": cleaned(frameworks),
        "platform": cleaned(f"{platform.name} {platform.version}"),
        **_core(platform),
        **_libraries(env),
    }


def compiler(env: Any) -> dict[str, str]:
    """Returns the compiler and its version; running it takes some milliseconds."""
    if "CC" not in env:
        return {}
    command = env.subst("$CC")
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            [command, "-dumpfullversion"],
            env=env["ENV"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_COMPILER_TIMEOUT_S,
            check=True,
        )
        return {"compiler": cleaned(f"{Path(command).name} {done.stdout.strip()}")}
    return {}


def elf_digest(path: Path) -> dict[str, str]:
    """Returns the SHA-256 of the program with its symbols; empty if there is no such file."""
    with contextlib.suppress(OSError):
        return {"elf_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    return {}


def build_flags(env: Any, secrets: Mapping[str, str]) -> dict[str, str]:
    """Returns the build flags of platformio.ini, with the values of secret macros masked."""
    flags = " ".join(" ".join(map(str, env.get("BUILD_FLAGS") or ())).split())
    for value in sorted(secrets.values(), key=len, reverse=True):
        flags = flags.replace(value, _MASK)
    # A URL may contain a password, whatever its macro is called.
    shown = _shortened(redact(masked_macros(flags)), _FLAGS_CHARACTERS)
    return {"build_flags": shown} if flags else {}


def secret_macros(*environments: Any) -> dict[str, str]:
    """Returns the values of macros that look secret, by the names to show.

    Args:
        environments: SCons' environments of the build; None for one that does not exist.
    """
    return {
        f"-D {name}": value
        for env in environments
        if env is not None
        for name, value in _macros(env.get("CPPDEFINES") or ())
        if value and looks_secret(name)
    }


def _core(platform: Any) -> dict[str, str]:
    """Returns the core of the installed framework; empty for other chips and version schemes."""
    if _CORE_PACKAGE not in platform.packages:
        return {}
    core = core_of_framework(platform.get_package_version(_CORE_PACKAGE) or "")
    return {"core": core} if core else {}


def _libraries(env: Any) -> dict[str, str]:
    """Returns the libraries that are linked in; empty if this run did not search for them."""
    linked = {
        f"{library.name} {library.version or '?'}"
        for library in env.get("__PIO_LIB_BUILDERS") or ()
        if library.dependent
    }
    shown = _shortened(", ".join(sorted(linked)), _LIBRARIES_CHARACTERS)
    return {"libraries": shown} if linked else {}


def _shortened(text: str, limit: int) -> str:
    text = cleaned(text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _macros(defines: Any) -> Iterator[tuple[str, str]]:
    """Yields names and values from what SCons allows: strings, pairs, mappings, lists of these."""
    for define in defines.items() if isinstance(defines, dict) else defines:
        if isinstance(define, dict):
            yield from _macros(define)
        elif isinstance(define, str):
            name, _, value = define.partition("=")
            yield name, _unquoted(value)
        elif len(define) == 2 and define[1] is not None:
            yield str(define[0]), _unquoted(str(define[1]))


def _unquoted(text: str) -> str:
    r"""Returns the string that the compiler sees for ``\"text\"``, even if quoted for the shell."""
    text = text.strip().strip("'")
    text = text.replace('\\"', '"')
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    return text.replace("\\\\", "\\")
