"""The test bed with the rules of pioarduino's platform-espressif32 55.03.311.

Mirrors ``configure_default_packages`` and ``setup_python_env`` of its platform.py, and builder/
penv_setup.py: a virtual environment ``penv`` without pip in the core directory, all other
site-packages off ``sys.path``, and ``PYTHONEXE`` in the penv. What pioarduino installs there is
replaced by a path file that leads to the packages of the tests.
"""

from __future__ import annotations

import os
import site
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import SCons
from platformio.project.config import ProjectConfig
from platformio.public import PlatformBase


class AcparduinoPlatform(PlatformBase):  # type: ignore[misc,unused-ignore]
    """Makes the penv, and finds everything else in the test bed's platform."""

    def get_boards(self, id_: str | None = None) -> Any:
        """Returns the board called ``id_``, or all boards by their names."""
        result = super().get_boards(id_)
        for board in [result] if id_ else result.values():
            board.manifest["upload"].setdefault("protocols", ["esptool", "espota"])
            board.manifest["upload"].setdefault("protocol", "esptool")
        return result

    def configure_default_packages(self, options: Any, targets: list[str]) -> Any:
        """Makes the penv, and takes all other packages off the path."""
        penv = Path(ProjectConfig.get_instance().get("platformio", "core_dir"), "penv")
        packages = Path(sysconfig.get_path("purelib", vars={"base": str(penv)}))
        if not packages.is_dir():
            make = [sys.executable, "-m", "venv", "--without-pip", str(penv)]
            subprocess.run(make, check=True)
            # Those packages have pip, which an environment of uv has not.
            (packages / "pip.py").write_text("raise ImportError\n")
            (packages / "bed.pth").write_text(f"{Path(SCons.__file__).parents[1]}\n")
        sys.path[:] = [
            path
            for path in sys.path
            if "site-packages" not in path.lower()
            or os.path.realpath(path).startswith(os.path.realpath(penv) + os.sep)
        ]
        sys.path.insert(0, str(packages))
        site.addsitedir(str(packages))
        self.penv_python = str(penv / "bin" / "python")
        return super().configure_default_packages(options, targets)
