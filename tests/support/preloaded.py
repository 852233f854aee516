"""Our commands in processes that need not load Python and the package again: forks of one that has.

``python -m tests.support.preloaded FD`` is that process. For each command, it gets a socket with
the command's streams, forks, and the fork does what ``python -m acpublish`` does, to the end of the
interpreter: with its own streams, folder and environment. What is saved is only the start, most of
which is loading modules. What depends on it starts a process as usual (:func:`can_fork`).
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
_COMMAND = [sys.executable, "-m", "acpublish"]
_MAX_REQUEST_BYTES = 1 << 20
#: Variables on which an interpreter depends, and those that make no difference here.
_OF_PYTHON = ("PYTHON", "LC_", "LD_", "MALLOC_")
_NO_MATTER = frozenset({"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"})
_MODULES = ("acpublish.cli.serve", "acpublish.server.run", "acpublish.client.remote")


def can_fork(command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Returns whether a command may be a fork: it is ours, and its interpreter is like this one."""

    def of_python(variables: Mapping[str, str]) -> dict[str, str]:
        # An empty variable is as good as none.
        return {
            name: text
            for name, text in variables.items()
            if text and name.startswith(_OF_PYTHON) and name not in _NO_MATTER
        }

    return (
        sys.platform == "linux"
        and list(command[:3]) == _COMMAND
        and of_python(env) == of_python(os.environ)
    )


class Forked:
    """A forked command, used like :class:`subprocess.Popen`, also by several threads."""

    def __init__(self, command: Sequence[str], link: socket.socket, stdout: IO[bytes] | None):
        self.args, self.stdout = command, stdout
        self.returncode: int | None = None
        self._link = link
        # A thread may wait for it while another one reads the status.
        weakref.finalize(self, link.close)
        self._reading = threading.Lock()
        self.pid = int(self._line())

    def _line(self) -> str:
        text = b""
        while not text.endswith(b"\n"):
            part = self._link.recv(1)
            if not part:
                raise RuntimeError("the preloaded process has ended")
            text += part
        return text.decode()

    def poll(self) -> int | None:
        """Returns the status if the command has ended."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the end, and returns the status; negative for a signal."""
        status = self._ended(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return status

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._link], [], [], timeout)[0]:
            with self._reading:
                if self.returncode is None:
                    self.returncode = int(self._line())
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless the command has ended; its status then says how."""
        if self.poll() is None:
            # Its parent may know of its end already, and be about to send the status.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Sends SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Sends SIGKILL."""
        self.send_signal(signal.SIGKILL)


class Preloaded:
    """A process that forks, seen from a test."""

    def __init__(self, module: str, env: Mapping[str, str] | None = None) -> None:
        """Prepares it; it starts when something is to be forked.

        Args:
            module: The module that it runs.
            env: Its whole environment; None for that of this process.
        """
        self._module, self._env = module, env
        self._lock = threading.Lock()
        self._link: socket.socket | None = None

    @classmethod
    def of(cls, link: socket.socket) -> Preloaded:
        """Returns one that runs already, at the other end of a link."""
        made = cls("")
        made._link = link
        return made

    def start(
        self, words: Sequence[str], fds: Sequence[int], cwd: Path | None, env: Mapping[str, str]
    ) -> socket.socket:
        """Lets it fork, and returns the socket that gets the id and the status of the fork."""
        request = json.dumps(
            {"words": list(words), "cwd": str(cwd or Path.cwd()), "env": dict(env)}
        ).encode()
        ours, theirs = socket.socketpair()
        with self._lock:
            link = self._link = self._link or _started(self._module, self._env)
            socket.send_fds(link, [request], [*fds, theirs.fileno()])
        theirs.close()
        return ours

    def fork(
        self,
        words: Sequence[str],
        cwd: Path | None,
        env: Mapping[str, str],
        *,
        stdin: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] = subprocess.STDOUT,
    ) -> Forked:
        """Lets it fork, with a pipe for the output, and nothing as input unless some is given."""
        reader, writer = os.pipe()
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, writer)
            given = stdin if stdin is not None else stack.enter_context(Path(os.devnull).open("rb"))
            errors = writer if stderr == subprocess.STDOUT else stderr
            fds = [
                each if isinstance(each, int) else each.fileno() for each in (given, writer, errors)
            ]
            link = self.start(words, fds, cwd, env)
        return Forked(words, link, os.fdopen(reader, "rb"))


def link_pair() -> tuple[socket.socket, socket.socket]:
    """Returns the two ends of a link: of who asks for forks, and of who forks."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MAX_REQUEST_BYTES)
    return ours, theirs


def _started(module: str, env: Mapping[str, str] | None) -> socket.socket:
    ours, theirs = link_pair()
    process = subprocess.Popen(
        [sys.executable, "-m", module, str(theirs.fileno())],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


_PRELOADED = Preloaded("tests.support.preloaded")


def start(
    command: Sequence[str],
    *,
    stdout: int,
    stderr: int | IO[bytes],
    env: Mapping[str, str],
    stdin: int | IO[bytes] | None = None,
    cwd: Path | None = None,
) -> Any:
    """Starts a command, as a fork if it can be one.

    Args:
        command: Its words.
        stdout: ``subprocess.PIPE``.
        stderr: A file, a descriptor, or ``subprocess.STDOUT``.
        env: Its whole environment.
        stdin: A file or a descriptor; None for nothing.
        cwd: Its folder; None for this one.

    Returns:
        A :class:`Forked` or a :class:`subprocess.Popen`.
    """
    assert stdout == subprocess.PIPE
    if not can_fork(command, env):
        return subprocess.Popen(
            command, stdin=stdin, stdout=stdout, stderr=stderr, env=dict(env), cwd=cwd
        )
    return _PRELOADED.fork(command[3:], cwd, env, stdin=stdin, stderr=stderr)


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    given: str = "",
    wait_s: float = 60,
) -> tuple[int, str]:
    """Runs a command to its end, as a fork if it can be one.

    Args:
        command: Its words.
        env: Its whole environment.
        cwd: Its folder.
        given: What it gets on standard input.
        wait_s: How long it may take to end after its output has.

    Returns:
        Its exit status, and what it printed on both streams.
    """
    with tempfile.TemporaryFile() as stdin:
        stdin.write(given.encode())
        stdin.seek(0)
        process = start(
            command,
            cwd=cwd,
            env=env,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    with process.stdout:
        text = process.stdout.read().decode(errors="surrogateescape")
    return process.wait(wait_s), text


def serve(link: socket.socket) -> dict[str, Any]:
    """Forks for each request, and returns in a fork, with its request."""
    wake, woken = socket.socketpair()
    for each in (wake, woken):
        each.setblocking(False)
    signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    running: dict[int, socket.socket] = {}
    while True:
        readable = select.select([link, wake], [], [])[0]
        if wake in readable:
            with contextlib.suppress(BlockingIOError):
                wake.recv(4096)
        _reap(running)
        if link not in readable:
            continue
        data, fds, _, _ = socket.recv_fds(link, _MAX_REQUEST_BYTES, 4)
        if not data:
            sys.exit()
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for other in (link, wake, woken, *running.values()):
                other.close()
            return {**json.loads(data), "fds": fds}
        *streams, status = fds
        for fd in streams:
            os.close(fd)
        running[pid] = socket.socket(fileno=status)
        running[pid].sendall(b"%d\n" % pid)


def _reap(running: dict[int, socket.socket]) -> None:
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with running.pop(pid) as link, contextlib.suppress(OSError):
                link.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def become(request: dict[str, Any]) -> None:
    """Gives this process the streams, the folder, and the environment of a command."""
    for number, fd in enumerate(request["fds"][:3]):
        os.dup2(fd, number)
    for fd in request["fds"]:
        os.close(fd)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False), encoding="utf-8")
    # As the interpreter makes them.
    for name, number, errors in (("stdout", 1, "strict"), ("stderr", 2, "backslashreplace")):
        binary = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
        stream = io.TextIOWrapper(
            binary, encoding="utf-8", errors=errors, line_buffering=name == "stderr"
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def load(modules: Iterable[str]) -> None:
    """Loads what the forks need."""
    for module in modules:
        importlib.import_module(module)
    gc.freeze()


if __name__ == "__main__":
    load(_MODULES)
    request = serve(socket.socket(fileno=int(sys.argv[1])))
    become(request)
    sys.argv = ["acpublish", *request["words"]]
    from acpublish.cli import main

    sys.exit(main())
