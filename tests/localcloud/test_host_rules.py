"""Do the host's small rules hold: back-off, expressions, host.json?"""

import json
from pathlib import Path

import pytest

from localcloud.functions.backoff import Backoff
from localcloud.functions.configuration import load_configuration, load_settings, span_seconds
from localcloud.functions.expressions import UnresolvedError, blob_path, resolve, route


def test_an_idle_queue_is_asked_less_and_less_often_until_the_maximum() -> None:
    """Promise: from 100 ms the waits double, by chance a fifth more or less, and stop at maxPollingInterval."""
    backoff = Backoff(2.0, lambda: 0.5)
    waits = [backoff.next_seconds(found=index == 0) for index in range(8)]
    assert waits == pytest.approx([0.1, 0.2, 0.3, 0.5, 0.9, 1.7, 2.0, 2.0])
    assert backoff.next_seconds(found=True) == 0.1


@pytest.mark.parametrize(("chance", "second"), [(0.0, 0.18), (1.0, 0.22)])
def test_waits_differ_by_chance(chance: float, second: float) -> None:
    """Promise: hosts do not poll in step."""
    backoff = Backoff(2.0, lambda: chance)
    backoff.next_seconds(found=True)
    assert backoff.next_seconds(found=False) == pytest.approx(second)


@pytest.mark.parametrize(
    ("path", "blob", "parts"),
    [
        ("c/stateful/{job}/{name}", "stateful/j/v1.jar", {"job": "j", "name": "v1.jar"}),
        ("c/stateful/{job}/{name}", "stateful/a/b/v1.jar", {"job": "a/b", "name": "v1.jar"}),
        ("c/stateful/{job}/{name}", "stateful/v1.jar", None),
        ("c/stateful/{job}/{name}", "Stateful/j/v1.jar", None),
        ("c", "any/thing", {"name": "any/thing"}),
        ("other/{name}", "v1.jar", None),
    ],
)
def test_blob_paths(path: str, blob: str, parts: dict[str, str] | None) -> None:
    """Promise: parts in braces match slashes and keep case; another container matches nothing."""
    assert blob_path(path).match("c", blob) == parts


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("api/jobs/{job}", "/API/Jobs/A", {"job": "A"}),
        ("api/jobs/{job}", "/api/jobs/a/b", None),
        ("api/jobs/{job}", "/api/jobs/a%2Fb", {"job": "a/b"}),
        ("api/jobs/{job?}", "/api/jobs", {}),
        ("files/{*rest}", "/files/a/b", {"rest": "a/b"}),
        ("files/{*rest}", "/files", {}),
        ("n/{id:int}", "/n/12", {"id": "12"}),
        ("n/{id:int}", "/n/x", None),
        ("{ignored:maxlength(0)?}", "/", {"ignored": ""}),
        ("{ignored:maxlength(0)?}", "/x", None),
        ("n/{name:maxlength(3)}", "/n/abc", {"name": "abc"}),
        ("n/{name:maxlength(3)}", "/n/abcd", None),
        ("status/{guid}*{hex}", "/status/a-b*f0", {"guid": "a-b", "hex": "f0"}),
    ],
)
def test_routes(template: str, path: str, values: dict[str, str] | None) -> None:
    """Promise: the templates of ASP.NET that apps use match as there."""
    assert route(template).match(path) == values


def test_a_literal_route_goes_before_a_parameter_and_a_catch_all_comes_last() -> None:
    """Promise: the order of registration decides nothing."""
    templates = ["a/{*rest}", "a/{x}", "a/{x:int}", "a/b"]
    assert sorted(templates, key=lambda template: route(template).rank) == ["a/b", "a/{x:int}", "a/{x}", "a/{*rest}"]


def test_a_setting_that_is_missing_is_named() -> None:
    """Promise: %NAME% becomes the setting's value or an error that names it."""
    assert resolve("%A%/x/%B%", {"A": "1", "B": "2"}) == "1/x/2"
    with pytest.raises(UnresolvedError, match="%B%"):
        resolve("%A%/x/%B%", {"A": "1"})


def test_host_json_has_the_real_defaults_and_settings_win_over_it(tmp_path: Path) -> None:
    """Promise: names match without case; AzureFunctionsJobHost__ settings and the host id come from the environment."""
    (tmp_path / "host.json").write_text(json.dumps({"extensions": {"queues": {"batchSize": 8, "maxDequeueCount": 7}}}))
    environment = {"AzureFunctionsJobHost__extensions__Queues__batchSize": "2", "AzureFunctionsWebHost__hostid": "h"}
    found = load_configuration(tmp_path, environment)
    assert (found.queues.batch_size, found.queues.max_dequeue_count) == (2, 7)
    assert (found.host_id, found.route_prefix, found.timeout_seconds) == ("h", "api", 1800)
    assert (found.queues.base64, found.queues.max_polling_seconds, found.queues.visibility_seconds) == (True, 60, 0)


@pytest.mark.parametrize(("text", "seconds"), [("00:00:02", 2), ("1.00:00:00", 86_400), ("00:00:00.500", 0.5)])
def test_time_spans(text: str, seconds: float) -> None:
    """Promise: TimeSpans are read as .NET writes them."""
    assert span_seconds(text) == seconds


@pytest.mark.parametrize("content", [{"A": "1"}, {"IsEncrypted": False, "Values": {"A": "1"}}])
def test_settings_may_be_flat_or_like_local_settings_json(tmp_path: Path, content: dict[str, object]) -> None:
    """Promise: both forms give the same settings."""
    (tmp_path / "settings.json").write_text(json.dumps(content))
    assert load_settings(tmp_path / "settings.json") == {"A": "1"}
