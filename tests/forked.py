"""A command line that need not import itself: one process has done so, and forks for each command.

It takes a quarter of a second to start the command line, nearly all of it imports, and the tests start it hundreds of
times. What a command gets is its own all the same: process, words, environment, directory and streams. Tests of
signals and of terminals start it as users do (`CommandLine.start`).

    python -m tests.forked serve SOCKET         says that it is ready, and forks until its stdin is closed
    python -I tests/forked.py ask SOCKET …      a command of the words that follow, with its exit code
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

PROGRAM = "flinkfuncs_cli.__main__"
PRELOADED = (PROGRAM, "azure.storage.blob", "azure.identity")
SECONDS = 120  # the longest that a command may take
STREAMS = (0, 1, 2)


def serve(path: str) -> None:
    """Fork for each command; it is run here, in a process that is new."""
    for name in PRELOADED:
        import_module(name)
    with socket.socket(socket.AF_UNIX) as server:
        gc.freeze()  # or each process would copy what its first collection touches
        server.bind(path)
        server.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while server in select.select([server, sys.stdin], [], [])[0]:
            connection, _ = server.accept()
            if not os.fork():
                server.close()
                _follow(connection)
            connection.close()
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def _follow(connection: socket.socket) -> NoReturn:
    """Run a command in a process of its own, and tell who asked for it how it ended."""
    beginning, streams, _, _ = socket.recv_fds(connection, 65536, len(STREAMS))
    with connection.makefile("rb") as rest:
        words, environment, directory = json.loads(beginning + rest.read())
    command = os.fork()
    if not command:
        connection.close()
        _run(words, environment, directory, streams)
    _, status = os.waitpid(command, 0)
    connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _run(words: list[str], environment: dict[str, str], directory: str, streams: list[int]) -> NoReturn:
    """Be a command that has just been started."""
    signal.alarm(SECONDS)
    for number, stream in zip(STREAMS, streams, strict=True):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115 - they stay open to the end
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace")  # noqa: SIM115
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["flinkfuncs", *words]
    try:
        code = import_module(PROGRAM).main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # what Python takes apart at its end would have to be copied first


def ask(path: str, words: list[str]) -> int:
    """Have a command run with the streams, the environment and the directory of this process; return its exit code."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        asked = json.dumps([words, dict(os.environ), os.getcwd()]).encode()
        socket.send_fds(connection, [asked], STREAMS)
        connection.shutdown(socket.SHUT_WR)
        return int(connection.recv(16))


if __name__ == "__main__":
    role, socket_path, *given = sys.argv[1:]
    if role == "serve":
        serve(socket_path)
    else:
        sys.exit(ask(socket_path, given))
