"""What the hook compiles into an image: the header's path, and the stamp record of the ESP8266.

The generated files are written only when their content changes, and none contains the version, so a
new version recompiles nothing unnecessarily.
"""

from __future__ import annotations

import contextlib
import importlib
from pathlib import Path
from typing import Any

from acpublish.image.stamp_record import blank_record
from acpublish.pio.project import Project

#: The same name as in ``acpublish.h``.
RECORD_SYMBOL = "acpublish_stamp_record"
#: The folder of ``acpublish.h``.
_HEADERS = Path(__file__).resolve().parents[1] / "include"
#: Input sections with this name go to the flash part of an ESP8266 image (the core's
#: ``eagle.app.v6.common.ld``), the only part that costs no RAM.
_SECTION = ".irom0.text.acpublish"
_FOLDER = "$BUILD_DIR/acpublish"


def project_environment() -> Any:
    """Returns SCons' environment of the sources in src/; None if nothing is compiled.

    PlatformIO exports it as ``projenv`` once it has set up the program, which it does not do for
    ``-t nobuild``; importing it in the extra script would then fail.
    """
    return importlib.import_module("SCons.Script.SConscript").global_exports.get("projenv")


def show_headers(env: Any) -> bool:
    """Lets the project's sources include ``acpublish.h``.

    Returns:
        Whether this PlatformIO run compiles anything.
    """
    sources = project_environment()
    if sources is None:
        return False
    folders = [str(_HEADERS), env.subst(_FOLDER)]
    sources.Append(CPPPATH=folders)
    # The framework espidf compiles src/ with clones that it made earlier (``prepare_build_envs`` in
    # builder/frameworks/espidf.py of platform-espressif32 6.13.0 and pioarduino 55.03.311).
    nodes = env.Flatten(env.get("PIOBUILDFILES") or [])
    clones = {id(clone): clone for node in nodes if (clone := getattr(node, "env", None))}
    for clone in clones.values():
        if clone is not env and clone is not sources:
            clone.AppendUnique(CPPPATH=folders)
    return True


def compile_in(env: Any, project: Project) -> None:
    """Writes the generated sources, and links the stamp record into an ESP8266 image.

    Raises:
        SettingsError: The build directory is not writable.
    """
    folder = Path(env.subst(_FOLDER))
    define = f'#define ACPUBLISH_UPDATE_PATH "{project.update_path}"'
    _write(folder / "acpublish_project.h", f"// Written by acpublish.\n#pragma once\n\n{define}\n")
    if project.chip == "esp8266" and project.arduino:
        _write(folder / "acpublish_record.c", record_source())
        _link(env, folder / "acpublish_record.c")


def record_source() -> str:
    """Returns the C source of a blank stamp record."""
    content = ", ".join(f"0x{byte:02x}" for byte in blank_record())
    return (
        "// Written by acpublish, which fills in product and version after the link.\n"
        f"extern const char {RECORD_SYMBOL}[{len(blank_record())}];\n"
        f"const char {RECORD_SYMBOL}[{len(blank_record())}]\n"
        f'    __attribute__((used, aligned(4), section("{_SECTION}"))) = {{{content}}};\n'
    )


def _link(env: Any, source: Path) -> None:
    # SCons has read the list of the program's sources by now, but expands the link line late.
    compiled = env.Object(str(source))
    # A symbol that the link line requires survives --gc-sections with every linker script.
    env.Append(LINKFLAGS=[f"-Wl,--undefined={RECORD_SYMBOL}", str(compiled[0])])
    env.Depends("$BUILD_DIR/${PROGNAME}$PROGSUFFIX", compiled)


def _write(path: Path, text: str) -> None:
    content = text.encode()
    with contextlib.suppress(OSError):
        if path.read_bytes() == content:
            return
    # Most runs return above, and need not load this.
    from acpublish import atomic

    with atomic.as_settings_error(path, hint="Make the build directory writable."):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, content, mode=0o666, durable=False)
