"""Warnings and errors that are remembered: each line once, and not without end."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from acpublish.server.logwriter import LogWriter, configure
from acpublish.server.recent_problems import MAX_PROBLEMS, RecentProblems
from tests.support.loggers import restored_loggers


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, RecentProblems]]:
    problems, writer = RecentProblems(), LogWriter(io.StringIO())
    with restored_loggers():
        configure(logging.DEBUG, writer, problems)
        yield logging.getLogger("acpublish.server"), problems
        writer.close()


def test_a_line_is_remembered_once(log: tuple[logging.Logger, RecentProblems]) -> None:
    logger, problems = log
    logger.info("nothing")
    logger.warning("%s is late", "it")
    logger.error("it is gone")
    logger.warning("it is late")
    late, gone = problems.all()
    assert (late.level, late.text, late.count) == ("WARNING", "it is late", 2)
    assert late.first <= gone.first <= late.last
    assert (gone.level, gone.count) == ("ERROR", 1)


def test_there_are_not_too_many(log: tuple[logging.Logger, RecentProblems]) -> None:
    logger, problems = log
    for number in range(MAX_PROBLEMS + 5):
        logger.warning("%d %s", number, "x" * 5000)
    kept = problems.all()
    assert len(kept) == MAX_PROBLEMS
    assert kept[0].text.startswith(f"{MAX_PROBLEMS + 4} ")
    assert max(len(problem.text) for problem in kept) == 1000


def test_a_faulty_record_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    problems = RecentProblems()
    record = {"msg": "%d", "args": ("no number",), "levelno": 30, "levelname": "WARNING"}
    problems.handle(logging.makeLogRecord(record))
    assert problems.all() == []
    assert "no number" in capsys.readouterr().err
