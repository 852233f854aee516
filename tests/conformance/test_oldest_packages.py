"""The server with the oldest packages that are allowed; it leans on uvicorn's inside, for one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTED = (
    "tests/unit/notices/test_mqtt_link.py",
    "tests/unit/server/test_metrics.py",
    "tests/unit/server/pages/test_rendering.py",
    "tests/unit/server/pages/test_overview_page.py",
    "tests/unit/store/test_database.py",
    "tests/unit/server/test_handover.py",
    "tests/unit/server/test_protocol.py",
    "tests/conformance/test_wire_replays.py",
    "tests/conformance/test_start_and_stop.py::test_running_downloads_finish",
    "tests/conformance/test_update_addresses.py::test_names_of_headers_are_in_canonical_case",
    "tests/conformance/test_upload.py::test_publishing_twice",
    "tests/conformance/test_upload.py::test_what_is_refused",
    "tests/conformance/test_upload.py::test_chunked_is_taken",
)
NAMES = (
    *("uvicorn", "httptools", "starlette", "jinja2", "sqlalchemy", "alembic"),
    *("prometheus-client", "paho-mqtt"),
)
#: Neither asyncio nor what is generated at random depends on these packages.
LEFT_OUT = ("asyncio", "no_mixture_of_parts", "no_bytes_make", "cut_often")


def oldest() -> dict[str, str]:
    """Returns the lowest versions of the extras that pyproject.toml allows."""
    text = (ROOT / "pyproject.toml").read_text()
    return {name: found[1] for name in NAMES if (found := re.search(rf'"{name}>=([\d.]+)', text))}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_server_works_with_the_oldest_packages(tmp_path: Path) -> None:
    wanted = oldest()
    assert set(wanted) == set(NAMES)
    # Without a network, pip would try for minutes.
    pip = [sys.executable, "-m", "pip", "install", "-q", "--retries", "1", "--timeout", "10"]
    pip += ["--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
    exact = [f"{name}=={version}" for name, version in wanted.items()]
    installed = subprocess.run(
        [*pip, "--target", str(tmp_path), *exact], capture_output=True, text=True, check=False
    )
    if installed.returncode:
        pytest.skip("the oldest packages cannot be installed: " + installed.stderr[-300:])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    version = subprocess.run(
        [sys.executable, "-c", "import uvicorn; print(uvicorn.__version__)"],
        capture_output=True,
        text=True,
        check=True,
        env=env,
    ).stdout.strip()
    assert version.startswith(wanted["uvicorn"])
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-k", f"not ({' or '.join(LEFT_OUT)})", *TESTED),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=env,
    )
    assert run.returncode == 0, run.stdout[-3000:]
