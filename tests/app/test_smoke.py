"""Does the smoke test of a deployment see what works and what does not? Against the app in the local host."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.smoke import FUNCTIONS, PAUSE_SECONDS
from localcloud.host_process import HostProcess
from localcloud.ports import free_port
from localcloud.processes import Processes
from tests.functions import functions
from tests.stand_in.rest import flink_server

from .app import KEY, RunningApp
from .conftest import GRACE, StartApp

SMOKE = Path(__file__).parents[2] / "infra" / "smoke.py"
NO_FUNCTIONS = "import nothing_of_that_name\n"


@pytest.fixture(scope="module")
def deployed(start_app: StartApp) -> Iterator[RunningApp]:
    """An app that has all it needs."""
    with flink_server() as flink:
        yield start_app("smoke", {"FLINK_REST_URL": flink.url})


def smoke(url: str, *, settings: Mapping[str, str], seconds: float = 0, wrong: str = "") -> tuple[int, str]:
    """Run the script as a deployment does, one key wrong or none; return its exit code and what it says."""
    known = {"functions": KEY, "master": KEY, "webhook": KEY} | ({wrong: "another-key"} if wrong else {})
    environment = {
        "SMOKE_URL": url,
        "SMOKE_KEYS": json.dumps(
            {
                "functionKeys": {"default": known["functions"]},
                "masterKey": known["master"],
                "systemKeys": {"blobs_extension": known["webhook"]},
            }
        ),
        "SMOKE_SETTINGS": json.dumps([{"name": name, "value": value} for name, value in settings.items()]),
        "SMOKE_SECONDS": str(seconds),
    }
    done = subprocess.run(
        [sys.executable, "-I", str(SMOKE)], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def jars_of(app: RunningApp) -> dict[str, str]:
    """The settings that name the jars container, as a deployment has them."""
    url = next(part.partition("=")[2] for part in app.account.split(";") if part.startswith("BlobEndpoint="))
    return {"JARS__blobServiceUri": url, "JARS_CONTAINER": app.host.settings["JARS_CONTAINER"]}


def test_an_app_that_works_passes(deployed: RunningApp) -> None:
    """All three questions, each with a line; nothing is recorded, and no function fails."""
    before = deployed.ledger_blobs()
    code, said = smoke(deployed.host.url, settings=jars_of(deployed), seconds=60)
    assert code == 0, said
    assert [line.partition(": ")[0] for line in said.splitlines()] == ["smoke test"] * 3
    assert deployed.ledger_blobs() == before
    assert "is gone: dropped" in deployed.log()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("master", "/admin/functions answers 401"),
        ("functions", "/api/health answers 401"),
        ("webhook", "the handshake of stateful_jar is answered with 401"),
    ],
)
def test_a_key_that_does_not_fit_fails(deployed: RunningApp, wrong: str, says: str) -> None:
    """Whichever of the three it is; no key is shown."""
    code, said = smoke(deployed.host.url, settings=jars_of(deployed), wrong=wrong)
    assert code == 1
    assert says in said
    assert KEY not in said
    assert "another-key" not in said


def test_an_app_that_is_not_healthy_fails_and_says_what_is_missing(empty_app: RunningApp) -> None:
    """By the names of the settings, as the health report has them."""
    code, said = smoke(empty_app.host.url, settings={})
    assert code == 1
    assert "/api/health answers 503" in said
    assert "FLINK_CLUSTER_KIND" in said


def test_an_app_whose_code_cannot_be_imported_fails(processes: Processes, tmp_path: Path) -> None:
    """The host is up, and lists nothing."""
    (tmp_path / "function_app.py").write_text(NO_FUNCTIONS)
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    host = HostProcess(processes, tmp_path, {}, name="broken", directory=tmp_path, key=KEY, options=GRACE)
    host.launch()
    code, said = smoke(host.url, settings={}, seconds=PAUSE_SECONDS + 1)
    host.kill()
    assert code == 1
    assert "FAILED" in said


def test_an_app_that_does_not_answer_fails_when_the_time_is_up() -> None:
    """After more than one look."""
    code, said = smoke(f"http://127.0.0.1:{free_port()}", settings={}, seconds=PAUSE_SECONDS + 1)
    assert code == 1
    assert "no answer" in said


def test_what_has_to_be_listed_exists() -> None:
    """One function of each kind of trigger."""
    found: dict[str, Any] = {str(function.get_function_name()): function.get_trigger() for function in functions()}
    assert set(found) >= FUNCTIONS
    kinds = {type(trigger) for name, trigger in found.items() if name in FUNCTIONS}
    assert kinds == {type(trigger) for trigger in found.values()}
