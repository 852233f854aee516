"""acpublish's hook: copy it beside platformio.ini, then extra_scripts = post:acpublish_ota.py."""

import shutil
import site
import subprocess
import sys
import sysconfig
from pathlib import Path

Import("env")  # noqa: F821


def install_command():
    """Returns the command that installs acpublish for every run of pio with this platform."""
    # The Python that runs pio, or that of the virtual environment of pioarduino.
    python = env.subst("$PYTHONEXE")  # noqa: F821
    has_pip = subprocess.run([python, "-c", "import pip"], capture_output=True, check=False)
    if has_pip.returncode == 0:
        return f'"{python}" -m pip install acpublish'
    # A virtual environment that uv made has no pip; pioarduino keeps uv in its own.
    uv = shutil.which("uv", path=str(Path(python).parent)) or "uv"
    return f'"{uv}" pip install --python "{python}" acpublish'


try:
    from acpublish.pio import setup
except ImportError:
    # pioarduino removes all packages but its own from the path, so look where pio is installed.
    site.addsitedir(sysconfig.get_path("purelib"))
    if site.ENABLE_USER_SITE:
        site.addsitedir(site.getusersitepackages())
    # A folder that an earlier installation left behind counts as an empty package.
    sys.modules.pop("acpublish", None)
    try:
        from acpublish.pio import setup
    except ImportError:
        sys.exit(f"acpublish: error: not installed here. Run: {install_command()}")
setup(env)  # noqa: F821
