"""A log that nobody reads makes nobody wait."""

from __future__ import annotations

import io
import logging
import os
import re
import time

import pytest

from acpublish.server.logwriter import LogHandler, LogWriter


def test_lines_are_written_in_their_order() -> None:
    stream = io.StringIO()
    writer = LogWriter(stream)
    for number in range(100):
        writer.write(f"{number}\n")
    writer.close()
    assert stream.getvalue().split() == [str(number) for number in range(100)]


@pytest.mark.parametrize("blocking", [True, False])
def test_a_pipe_that_nobody_reads_blocks_only_the_thread(blocking: bool) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, blocking)
    with open(writing, "w") as stream, open(reading, "rb") as reader:
        writer = LogWriter(stream, queue_bytes=100_000)
        begin = time.monotonic()
        for number in range(5000):
            writer.write(f"{number:0100}\n")
        writer.close(timeout_s=0.1)
        assert time.monotonic() - begin < 5
        # Only what fits into the queue is kept.
        assert writer._waiting_bytes <= 100_000
        said = f"WARNING {writer._dropped} lines of the log were dropped".encode()
        # Writing goes on as soon as somebody reads, and says what is missing. On a busy machine,
        # the thread may have begun so late that it has said so of the first lines already.
        text = b""
        while said not in text:
            text += os.read(reader.fileno(), 65536)
        assert sum(map(int, re.findall(rb"WARNING (\d+) lines", text))) > 3000
        writer.close()
        assert not writer._thread.is_alive()


def test_a_reader_that_left_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as stream:
        writer = LogWriter(stream)
        writer.write("a\n")
        writer.close()
    assert not writer._thread.is_alive()


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_a_stream_that_is_gone_is_no_error(stream: io.StringIO | None) -> None:
    if stream is not None:
        stream.close()
    writer = LogWriter(stream)
    writer.write("a\n")
    writer.close()
    assert not writer._thread.is_alive()


def test_records_and_any_characters_of_them_are_written() -> None:
    stream = io.StringIO()
    writer = LogWriter(stream)
    handler = LogHandler(writer)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    handler.handle(logging.makeLogRecord({"levelname": "ERROR", "msg": "a\udc80b \u00e9"}))
    writer.close()
    assert stream.getvalue() == "ERROR a\\udc80b \u00e9\n"
