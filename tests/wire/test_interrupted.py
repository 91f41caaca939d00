"""Ctrl-C, and what dies while a command runs: each says how to come back, and coming back goes on where it was."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flinkfuncs_cli.upload import BLOCK_BYTES
from tests.command_line import CommandLine, eventually
from tests.storage_proxy import StorageProxy, is_block, losing

from .recorded import ID, SEEN
from .server import Answer, Fault, serving
from .uploading import Uploading

JAR = "stateful/orders/orders-3.jar"
LOOK = "flinkfuncs operations --job orders, flinkfuncs uploads"
LARGE = b"".join(bytes([number]) * BLOCK_BYTES for number in range(3))


@pytest.fixture
def proxy(uploading: Uploading) -> Iterator[StorageProxy]:
    """A proxy before the storage, where the command line finds it."""
    with losing(uploading.connection) as made:
        uploading.connection = made.connection
        yield made


def shows(words: str, so: Callable[[], bool] = lambda: True) -> Callable[[str], bool]:
    """Return whether stderr shows some words; then wait until something is so."""

    def once(seen: str) -> bool:
        if words not in seen:
            return False
        eventually(so)
        return True

    return once


# -------------------------------------------------------------------------------------------------------------- Ctrl-C


def test_ctrl_c_during_an_upload_deploys_nothing_and_the_same_command_goes_on(
    uploading: Uploading, proxy: StorageProxy
) -> None:
    """What it had sent is not sent again; that it is at it is said without a terminal, too."""
    uploading.content = LARGE
    proxy.fault = lambda call: Fault.SILENCE if is_block(call) and proxy.count(is_block) == 2 else None
    ran = uploading.line.interrupted(
        *uploading.deploy(),
        once=shows("uploading orders-3.jar (24.0 MiB)\n", lambda: bool(proxy.lost)),
        environment=uploading.environment(),
    )
    assert (ran.exit_code, ran.out) == (130, "")
    assert ran.err.splitlines()[1:] == [
        "interrupted; nothing was deployed; run the same command to continue the upload"
    ]
    assert uploading.names("state") == []
    again = uploading.run("deploy")
    assert (again.exit_code, "2 of 3 blocks were there already\n" in again.err) == (0, True), again.err
    assert uploading.read(JAR) == LARGE


@pytest.mark.parametrize("again", [False, True])
def test_ctrl_c_while_it_looks_for_the_operation_says_that_the_upload_is_complete(
    uploading: Uploading, *, again: bool
) -> None:
    """Of the first run, and of one that finds the upload of the first; the same command goes on with it."""
    if again:
        uploading.run("deploy")
    uploading.sees = False
    ran = uploading.line.interrupted(
        *uploading.deploy("--wait"),
        once=shows("; looking for its operation" if again else "; waiting for the app to find it"),
        environment=uploading.environment(),
    )
    assert (ran.exit_code, ran.out) == (130, "")
    assert ran.err.splitlines()[-1] == (
        f"interrupted; the upload is complete, and the app continues with it; to check: {LOOK}"
    )
    uploading.sees = True
    came_back = uploading.run("deploy", "--wait")
    assert came_back.exit_code == 0
    assert f"this upload is already operation {ID}\n" in came_back.err


def test_ctrl_c_while_a_deployment_is_followed_leaves_it_alone(uploading: Uploading) -> None:
    """As every other operation that is waited for."""
    uploading.outcome = None
    ran = uploading.line.interrupted(
        *uploading.deploy("--wait"), once=shows(f"{ID} UPDATE of orders\n"), environment=uploading.environment()
    )
    assert ran.exit_code == 130
    assert ran.err.splitlines()[-1] == f"interrupted; the operation continues; to wait for it: flinkfuncs wait {ID}"


def test_ctrl_c_between_a_request_and_its_answer_names_the_key(tmp_path: Path) -> None:
    """Nobody knows whether it was taken; with the key it is the same request."""
    with serving({"POST /api/jobs/orders/stop": [Fault.SILENCE, Answer(202, SEEN)]}) as server:
        line = CommandLine(server.url, tmp_path)
        ran = line.interrupted(
            *("stop", "orders", "--wait", "--verbose"),
            once=shows("Idempotency-Key: ", lambda: server.count("POST") == 1),
        )
        key = server.calls[0].headers["Idempotency-Key"]
        assert (ran.exit_code, ran.out) == (130, "")
        assert ran.err.splitlines()[-1] == (
            "interrupted; to continue with the same request, run the same command with --idempotency-key " + key
        )
        assert line.run("stop", "orders", "--idempotency-key", key).exit_code == 0
        assert [call.headers["Idempotency-Key"] for call in server.calls] == [key, key]


# ---------------------------------------------------------------------------------------------------------------- death


@pytest.mark.parametrize("found", [True, False])
def test_an_app_that_dies_during_a_deploy_leaves_it_open(uploading: Uploading, *, found: bool) -> None:
    """Exit code 7, with the operation or, as long as there is none, the blob; the same command goes on with it."""
    uploading.outcome, uploading.sees = None, found
    words = uploading.deploy("--wait", "--timeout", "5")
    with uploading.line.start(*words, environment=uploading.environment()) as process:
        looked_at = f"/api/operations/{ID}" if found else "/api/operations"
        eventually(lambda: looked_at in [call.bare for call in uploading.calls])
        uploading.is_dead = True
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (7, f"{ID}\n" if found else f"{JAR}\n")
    assert "does not answer" in err
    assert (f"flinkfuncs wait {ID}" if found else f"to check: {LOOK}") in err.splitlines()[-1]
    uploading.outcome, uploading.sees, uploading.is_dead = "ROLLED_BACK", True, False
    came_back = uploading.run("deploy", "--wait")
    assert (came_back.exit_code, came_back.out) == (5, f"{ID} ROLLED_BACK\n")


@pytest.mark.nightly("the storage library tries for some 20 s before it gives up")
def test_a_storage_that_dies_during_an_upload_is_a_failure(uploading: Uploading, proxy: StorageProxy) -> None:
    """Exit code 1; the same command goes on with the upload."""
    uploading.content = LARGE
    proxy.fault = lambda _: Fault.RESET_BEFORE if proxy.count(is_block) > 1 else None
    ran = uploading.run("deploy")
    assert (ran.exit_code, ran.out) == (1, "")
    assert ran.err.splitlines()[-1].endswith("; run the same command again")
    proxy.fault = lambda _: None
    again = uploading.run("deploy")
    assert (again.exit_code, "1 of 3 blocks were there already\n" in again.err) == (0, True), again.err
    assert uploading.read(JAR) == LARGE


def test_a_deploy_that_is_killed_goes_on_where_it_was(uploading: Uploading, proxy: StorageProxy) -> None:
    """As an agent that is lost, which says nothing."""
    uploading.content = LARGE
    proxy.fault = lambda call: Fault.SILENCE if is_block(call) and proxy.count(is_block) == 2 else None
    with uploading.line.start(*uploading.deploy(), environment=uploading.environment()) as process:
        eventually(lambda: bool(proxy.lost))
        process.send_signal(signal.SIGKILL)
    again = uploading.run("deploy")
    assert (again.exit_code, "2 of 3 blocks were there already\n" in again.err) == (0, True), again.err


# ------------------------------------------------------------------------------------------------------------- progress


@pytest.mark.parametrize("columns", [60, 20])
def test_an_upload_shows_its_progress_in_one_line_of_a_terminal(uploading: Uploading, columns: int) -> None:
    """Written over and cut to the width; what is said next begins a line of its own."""
    uploading.content = LARGE
    ran = uploading.line.at_a_terminal(*uploading.deploy(), columns=columns, **uploading.environment())
    assert ran.exit_code == 0, ran.out
    first, *written, last = ran.out.split("\r")
    assert first == "uploading orders-3.jar (24.0 MiB)\n"
    whole = [f"orders-3.jar: {percent} % of 25,165,824 bytes" for percent in (33, 66, 100)]
    shown = [text[: columns - 1].ljust(columns - 1) for text in whole]
    assert [*written, last.partition("\n")[0]] == shown
    assert last.partition("\n")[2].startswith(f"uploaded {JAR}; waiting")


def test_a_small_upload_is_not_announced(uploading: Uploading) -> None:
    """It is over at once; without a terminal no progress is shown."""
    small = uploading.run("deploy")
    assert small.err.splitlines()[0] == f"uploaded {JAR}; waiting for the app to find it"
    uploading.content = LARGE
    assert "%" not in uploading.run("deploy").err
