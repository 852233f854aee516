"""No failure tells a secret: each way in which a publish can fail, of which many repeat what they
were told, as servers that are set up for debugging do.

The numbers here are the short form; ``make campaigns`` runs each command through each failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from acpublish.cli import exit_status
from tests.support import troubles
from tests.support.proxy import between, cut_after
from tests.support.seeded import PATIENCE_S, QUOTED, Site, seeded_site

THOROUGH = bool(os.environ.get("ACPUBLISH_TEST_SECRETS"))
#: Most of a failure's time is waiting for another attempt.
AT_ONCE = 8


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with seeded_site(tmp_path_factory.mktemp("seeded")) as made:
        yield made


def commands(site: Site, to: str) -> list[tuple[str, ...]]:
    """Returns the commands that speak with a destination before they send anything."""
    runs = [("import", "old", "--to", to, "--board", "d1_mini", "--yes")]
    if THOROUGH:
        runs += [
            site.publish("1.0.0", to, "-v", "--json", "--token-file", "token.txt"),
            site.publish("1.0.0", to, "-v", "--dry-run"),
            ("check", "firmware.bin", "--to", to, "--product", "lamp"),
            ("diff", "lamp@1.0.0", "lamp@1.0.1", "--to", to),
            ("list", to, "--path", "lamp"),
            ("doctor", to),
            ("emulate", to, "--auto", "lamp/d1_mini"),
        ]
    return runs


@pytest.mark.timeout(900 if THOROUGH else 180)
def test_every_trouble(site: Site) -> None:
    said = {"password": QUOTED, "query": site.seeds.values["token in a query"]}
    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        runs = []
        for name in troubles.NAMES:
            for every in (False, True):
                folder = site.root / f"{name} {every}"
                met = stack.enter_context(
                    troubles.trouble(name, site.server, folder, said, every=every)
                )
                asked = commands(site, met.to) if every else [site.publish("1.0.0", met.to, "-v")]
                runs += [(f"{name}: {words[0]}", words, met.env) for words in asked]
        ended = [*pool.map(lambda run: site.acpublish(run[0], *run[1], env=run[2]), runs)]
    faults = [one for one in ended if one.status == exit_status.INTERNAL or "Traceback" in one.text]
    assert faults == []
    # A command that only looks need not meet what keeps others from writing.
    assert THOROUGH or [one for one in ended if one.status == exit_status.OK] == []
    assert len(site.said) == len(runs) >= 2 * len(troubles.NAMES)
    assert site.leaks() == []


def test_wrong_tokens_and_other_bytes_at_a_real_server(site: Site) -> None:
    url, seeds = site.server.url, site.seeds.values
    first = site.acpublish("first", *site.publish("1.0.0", url, "-v"))
    other = ("other.bin", *site.publish("1.0.0", url, "-v")[2:])
    runs = {
        3: [
            (site.publish("1.0.0", url, "-v"), {"ACPUBLISH_TOKEN": seeds["wrong token"]}),
            (site.publish("1.0.0", url, "-v"), {"ACPUBLISH_TOKEN": seeds["token of another"]}),
            (site.publish("1.0.0", url, "-v"), {"ACPUBLISH_TOKEN": ""}),
        ],
        4: [(("publish", *other), {})],
        0: [(site.publish("1.0.1", url, "-v"), {"GITHUB_STEP_SUMMARY": "/dev/full"})],
    }
    for expected, those in runs.items():
        for words, env in those:
            assert site.acpublish(f"status {expected}", *words, env=env).status == expected
    assert first.status == 0
    assert site.leaks() == []


def test_a_publish_that_is_killed(site: Site) -> None:
    sending, killed = threading.Event(), threading.Event()

    def hold() -> None:
        sending.set()
        killed.wait(PATIENCE_S)

    with between(site.server, cut_after(4000, hold)) as proxy:
        process = subprocess.Popen(
            [sys.executable, "-m", "acpublish", *site.publish("1.0.0", proxy.url, "-v")],
            cwd=site.work,
            env=site.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert sending.wait(PATIENCE_S)
        process.kill()
        killed.set()
        printed, _ = process.communicate(timeout=PATIENCE_S)
    assert site.seeds.in_text(printed, "killed") == []
    assert site.leaks() == []
