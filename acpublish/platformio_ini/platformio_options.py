"""What PlatformIO knows of its own options: which are lists, and their defaults.

Source: ``project/options.py``.
"""

from __future__ import annotations

#: Options that have entries, with their defaults; a reference to one puts each entry on a separate
#: line (``project/options.py``).
LISTS = {
    **dict.fromkeys(("build_flags", "build_src_flags", "build_unflags", "upload_flags"), ""),
    **dict.fromkeys(("lib_deps", "lib_ignore", "lib_extra_dirs", "platform_packages"), ""),
    **dict.fromkeys(("extends", "extra_scripts", "framework", "monitor_filters", "targets"), ""),
    **dict.fromkeys(("check_flags", "check_src_filters", "test_filter", "test_ignore"), ""),
    **dict.fromkeys(("debug_init_cmds", "debug_extra_cmds", "debug_server"), ""),
    "test_testing_command": "",
    "build_src_filter": "+<*> -<.git/> -<.svn/>",
    "check_severity": "low\nmedium\nhigh",
    "check_tool": "cppcheck",
    "debug_build_flags": "-Og\n-g2\n-ggdb2",
    "debug_load_cmds": "load",
}
#: The lists of an environment that a variable adds to (``project/options.py``, ``sysenvvar``).
EXTENDED_BY_VARIABLE = (
    *("build_flags", "build_src_flags", "build_unflags", "build_src_filter", "upload_flags"),
    *("lib_extra_dirs", "extra_scripts"),
)
_PLATFORMIO_LISTS = frozenset({"default_envs", "extra_configs"})
#: The defaults of the folders in the section ``[platformio]`` (``project/options.py``).
FOLDERS = {
    "core_dir": "~/.platformio",
    "globallib_dir": "${platformio.core_dir}/lib",
    "platforms_dir": "${platformio.core_dir}/platforms",
    "packages_dir": "${platformio.core_dir}/packages",
    "cache_dir": "${platformio.core_dir}/.cache",
    "workspace_dir": ".pio",
    "build_dir": "${platformio.workspace_dir}/build",
    "libdeps_dir": "${platformio.workspace_dir}/libdeps",
    **{f"{name}_dir": name for name in ("include", "src", "lib", "data", "test", "boards")},
    **{f"{name}_dir": name for name in ("monitor", "shared")},
}


def is_list(section: str, name: str) -> bool:
    """Returns whether an option of a section has entries."""
    scope = section.partition(":")[0]
    return name in {"platformio": _PLATFORMIO_LISTS, "env": LISTS}.get(scope, ())
