"""What is deployed: function_app.py, host.json, the settings sample, and what stays at home."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from pydantic_core import PydanticUndefined

from flinkfuncs import __version__
from flinkfuncs.core.actions import Action
from flinkfuncs.health import BINDING_SETTINGS, HOST_SETTINGS, MESSAGES_SETTINGS, QUEUE_THREADS
from flinkfuncs.settings import PLATFORM_SETTINGS, Settings
from flinkfuncs.triggers import page
from flinkfuncs.triggers.queue import LAST_ATTEMPT
from tests.tracked import tracked
from tests.unit.builders import asked

ROOT = Path(__file__).parents[2]
LOADED = """
import sys
import azure.functions, azurefunctions.extensions.bindings.blob
before, opened = set(sys.modules), []
sys.addaudithook(lambda event, args: event == "open" and opened.append(str(args[0])))
import function_app, logging
assert any("function_app" in path for path in opened)
assert not any("flinkfuncs/page/" in path for path in opened)
assert logging.getLogger("azure.core.pipeline.policies.http_logging_policy").level == logging.WARNING
print(*sorted(set(sys.modules) - before))
"""
BUILT = """
import function_app
from pydantic import BaseModel
models = list(BaseModel.__subclasses__())
for model in models:
    models.extend(model.__subclasses__())
ours = [model for model in models if model.__module__.startswith("flinkfuncs.")]
print(len(ours), *(f"{model.__module__}.{model.__qualname__}" for model in ours if model.__pydantic_complete__))
"""
AT_ONCE = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from flinkfuncs.api.shown import Operation as Shown
from flinkfuncs.core.model import parse_json
from flinkfuncs.core.operations import Operation
sys.setswitchinterval(1e-6)
text = open(0).read()
start = threading.Barrier(16)

def first_use():
    start.wait()
    return Shown.of(parse_json(Operation, text, what="it")).as_json()

with ThreadPoolExecutor(16) as pool:
    shown = [each.result() for each in [pool.submit(first_use) for _ in range(16)]]
assert all(each == shown[0] for each in shown)
"""
WORDS_OF_THE_CORE = {"pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"}


def read(name: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads((ROOT / name).read_text())


def test_indexing_loads_no_sdk_that_it_does_not_need() -> None:
    """A cold start pays for the triggers, the blob binding and the records' own library; every other SDK waits for the
    call that needs it, and so do the files of the page. An empty environment is enough, and the SDKs' own lines do not
    drown ours.
    """
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, env={}, capture_output=True, text=True, check=True)
    own = {*sys.stdlib_module_names, *(name for name in done.stdout.split() if name.startswith("_sysconfigdata"))}
    loaded = {name for name in done.stdout.split() if name.partition(".")[0] not in own}
    outside = {name.partition(".")[0] for name in loaded} - {"flinkfuncs", "function_app"}
    assert outside <= WORDS_OF_THE_CORE, sorted(loaded)
    at_first_use = (
        *("flinkfuncs.clients", "flinkfuncs.clusters", "flinkfuncs.core.session", "flinkfuncs.core.steps"),
        *("flinkfuncs.core.plans", "flinkfuncs.api.shown", "flinkfuncs.api.asked"),
    )
    assert not [name for name in loaded if name.startswith(at_first_use)]
    assert done.stderr == ""


def test_indexing_builds_no_parser_of_records() -> None:
    """Each is built when it is used first, which a cold start would otherwise wait for."""
    done = subprocess.run([sys.executable, "-c", BUILT], cwd=ROOT, env={}, capture_output=True, text=True, check=True)
    count, *built = done.stdout.split()
    assert int(count) > 20
    at_once = ("flinkfuncs.triggers.guard.", "flinkfuncs.core.releases.SpecPatch")  # not Models; a default value
    assert not [model for model in built if not model.startswith(at_once)]


def test_a_parser_of_records_may_be_used_first_by_many_threads_at_once() -> None:
    """The worker's threads begin together; pydantic before 2.14 built each model without a lock."""
    text = asked(Action.UPDATE).to_json()
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE], cwd=ROOT, input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_sample_names_every_setting_and_no_other() -> None:
    """Both ways: a setting that is not in the sample, and a line of the sample that nothing reads, are defects."""
    sample = read("local.settings.sample.json")["Values"]
    ours = {name.upper() for name in Settings.model_fields} - set(PLATFORM_SETTINGS)
    assert set(sample) == ours | set(HOST_SETTINGS)


def test_the_sample_shows_the_defaults() -> None:
    """What stands there is what counts when the line is missing; only what has no default is filled in."""
    sample = read("local.settings.sample.json")["Values"]
    for name, field in Settings.model_fields.items():
        if field.default is not PydanticUndefined and name.upper() not in PLATFORM_SETTINGS:
            assert sample[name.upper()] == _as_text(field.default), name
    assert sample["FLINK_CLUSTER_KIND"] == "session"
    assert all(isinstance(value, str) for value in sample.values())


def test_every_setting_is_described() -> None:
    """JSON has no comments: the descriptions stand in the code."""
    assert all(field.description for field in Settings.model_fields.values())
    assert all(HOST_SETTINGS.values())


def test_the_host_can_resolve_what_the_triggers_name() -> None:
    """`%NAME%` in a trigger is read by the host: the health report knows each, and settings.py has it, too."""
    named = {
        name
        for path in (ROOT / "flinkfuncs" / "triggers").glob("*.py")
        for name in re.findall(r'="%(\w+)%', path.read_text())
    }
    assert named == {*BINDING_SETTINGS, *MESSAGES_SETTINGS}
    assert named <= {name.upper() for name in Settings.model_fields}


def test_the_host_and_the_app_agree() -> None:
    """Routes begin at the root; the queue client's base64; the last attempt; threads enough for a full batch."""
    host = read("host.json")
    queues = host["extensions"]["queues"]
    assert (host["version"], host["telemetryMode"]) == ("2.0", "OpenTelemetry")
    assert host["extensions"]["http"]["routePrefix"] == ""
    assert host["extensionBundle"]["version"] == "[4.*, 5.0.0)"
    assert queues["messageEncoding"] == "base64"
    assert queues["maxDequeueCount"] == LAST_ATTEMPT
    assert (queues["maxPollingInterval"], queues["visibilityTimeout"]) == ("00:00:02", "00:00:30")
    assert queues["batchSize"] + queues["newBatchThreshold"] == QUEUE_THREADS
    threads = int(read("local.settings.sample.json")["Values"]["PYTHON_THREADPOOL_THREAD_COUNT"])
    blobs = host["extensions"]["blobs"]["maxDegreeOfParallelism"]
    assert threads >= QUEUE_THREADS + blobs


def test_an_invocation_ends_long_before_the_host_would_end_it() -> None:
    """The host ends an invocation by restarting the worker, and every other invocation with it."""
    hours, minutes, seconds = (int(part) for part in read("host.json")["functionTimeout"].split(":"))
    limit = hours * 3600 + minutes * 60 + seconds
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    assert limit >= 3 * (defaults["invocation_seconds"] + defaults["start_deadline_seconds"])


def test_what_is_not_the_app_stays_at_home() -> None:
    """The package holds the app and its locks, and neither tests, nor the local cloud, nor anybody's settings."""
    ignored = [line.rstrip("/") for line in (ROOT / ".funcignore").read_text().split()]
    names = {path.relative_to(ROOT).parts[0] for path in tracked()}
    names |= {".git", ".venv", ".tools", ".azure", "local.settings.json"}  # what else is in a working copy
    packed = {name for name in names if not any(fnmatch(name, pattern) for pattern in ignored)}
    assert packed == {"function_app.py", "host.json", "requirements.txt", "flinkfuncs"}


def test_the_page_is_in_the_package_and_served_whole() -> None:
    """Every file of it that is in git, which is what is packed, has a type that is served."""
    packed = packed_page()
    assert "index.html" in packed
    assert packed <= set(page.files())
    ignored = [line for line in (ROOT / ".funcignore").read_text().split() if not line.endswith("/")]
    assert not [name for name in packed if any(fnmatch(Path(name).name, pattern) for pattern in ignored)]


def packed_page() -> set[str]:
    """The files of the page that are packed, by their names there."""
    return {path.relative_to(page.FOLDER).as_posix() for path in tracked(page.FOLDER)}


def test_what_the_page_refers_to_is_in_the_package() -> None:
    """In index.html from the root, in the modules beside them: a name that is wrong would show nothing at all."""
    packed = packed_page()
    for name in packed:
        text = (page.FOLDER / name).read_text()
        if name == "index.html":
            named = [path.removeprefix("/ui/") for path in re.findall(r'(?:href|src)="([^"]+)"', text)]
        else:
            here = (page.FOLDER / name).parent
            named = [
                (here / path).resolve().relative_to(page.FOLDER).as_posix()
                for path in re.findall(r'^(?:import|export) .*?from\s*["\'](\.[^"\']+)["\']', text, re.MULTILINE)
            ]
        assert set(named) <= packed, name


def test_azure_runs_the_worker_library_that_the_tests_run() -> None:
    """On Python 3.13 and later the app brings it along, by the same hashes. Without a pin the platform takes an older
    one, and before 1.3.0 every invocation fails where PYTHON_ENABLE_OPENTELEMETRY is on, as it is in the deployment.
    """
    locks = {name: _pin(name) for name in ("requirements/worker.txt", "requirements.txt")}
    tested = metadata.version("azure-functions-runtime")
    assert locks["requirements/worker.txt"] == (tested, "", locks["requirements.txt"][2])
    assert locks["requirements.txt"][:2] == (tested, "python_full_version >= '3.13'")
    asked = re.findall(r"^azure-functions-runtime.*", (ROOT / "requirements" / "app.in").read_text(), re.MULTILINE)
    assert asked == [f'azure-functions-runtime=={tested} ; python_full_version >= "3.13"']


def _pin(lock: str) -> tuple[str, str, tuple[str, ...]]:
    """Return the version, the marker and the hashes with which a lock file pins the worker library."""
    entry = re.findall(
        r"^azure-functions-runtime==(\S+)(?: ; (.+?))? \\\n((?: +--hash=\S+(?: \\)?\n)+)",
        (ROOT / lock).read_text(),
        re.MULTILINE,
    )
    ((version, marker, hashes),) = entry
    return version, marker, tuple(re.findall(r"sha256:\w{64}", hashes))


def test_what_pip_installs_is_the_command_line_and_what_it_imports() -> None:
    """`pip install` of the repository brings neither the app nor its libraries; and the app's lock has all of these, so
    that the tests run what is pinned.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["packages"] == ["flinkfuncs_cli"]
    assert project["project"]["scripts"] == {"flinkfuncs": "flinkfuncs_cli.__main__:main"}
    wanted = {re.split("[<>=]", one)[0] for one in project["project"]["dependencies"]}
    code = "".join(path.read_text() for path in (ROOT / "flinkfuncs_cli").rglob("*.py"))
    imported = set(re.findall(r"^ *(?:from|import) ([a-z][\w.]*)", code, re.MULTILINE))
    outside = {name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names}
    by_package = {"azure.core": "azure-storage-blob", "azure.storage": "azure-storage-blob", "urllib3": "requests"}
    by_package |= {"azure.identity": "azure-identity", "requests": "requests"}
    needed = {package for name in outside for start, package in by_package.items() if name.startswith(start)}
    assert all(any(name.startswith(start) for start in by_package) for name in outside), outside
    assert wanted == needed
    assert all(re.search(rf"^{package}==", (ROOT / "requirements.txt").read_text(), re.MULTILINE) for package in wanted)
    assert project["project"]["optional-dependencies"] == {"cli": []}  # docs/command-line.md names it: the same


@pytest.mark.nightly("it builds a wheel and installs what it needs")
@pytest.mark.timeout(600)
def test_the_wheel_runs_without_any_part_of_the_app(tmp_path: Path) -> None:
    """`pip install 'flinkfuncs[cli]'` in a fresh environment, away from the repository."""
    source, fresh, home = tmp_path / "source", tmp_path / "fresh", tmp_path / "home"
    for folder in ("flinkfuncs", "flinkfuncs_cli", "localcloud"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    shutil.copy(ROOT / "pyproject.toml", source)
    home.mkdir()
    pins = re.findall(r"^[\w.-]+==\S+", (ROOT / "requirements" / "command-line.txt").read_text(), re.MULTILINE)
    (tmp_path / "pins").write_text("\n".join(pins))

    def run(*words: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - of subprocess
        return subprocess.run([*words], cwd=home, capture_output=True, text=True, check=False, **options)

    def install(*words: str | Path) -> None:
        done = run(fresh / "bin" / "python", "-m", "pip", "--disable-pip-version-check", *words)
        assert done.returncode == 0, done.stderr

    assert run(sys.executable, "-m", "venv", fresh).returncode == 0
    install("wheel", "--no-deps", "--wheel-dir", tmp_path, source)
    (wheel,) = tmp_path.glob("*.whl")
    assert {name.partition("/")[0] for name in ZipFile(wheel).namelist()} == {
        "flinkfuncs_cli",
        f"flinkfuncs-{__version__}.dist-info",
    }
    install("install", "--constraint", tmp_path / "pins", f"{wheel}[cli]")
    command, alone = fresh / "bin" / "flinkfuncs", {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    helped = run(command, "--help", env=alone)
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "deploy" in helped.stdout
    assert run(command, "--version", env=alone).stdout == f"flinkfuncs {__version__}\n"
    missing = run(command, "deploy", wheel, "--job", "orders", "--url", "https://app.example", env=alone)
    assert "no jars container is configured" in missing.stderr  # so storage's library was imported
    for module in ("flinkfuncs", "pydantic", "azure.functions"):
        assert "ModuleNotFoundError" in run(fresh / "bin" / "python", "-c", f"import {module}", env=alone).stderr


def test_the_version_is_written_once() -> None:
    """The package does not deploy pyproject.toml; both say the same."""
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__


def _as_text(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)
