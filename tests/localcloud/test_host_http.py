"""Does the local host answer HTTP as the real one?"""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.localcloud.sample import Sample

KEY = {"x-functions-key": "sample-key"}


def get(sample: Sample, path: str, **headers: str) -> requests.Response:
    """A request without a key."""
    return requests.get(sample.host.url + path, headers=headers, timeout=30)


def test_a_request_arrives_as_the_real_host_sends_it(sample: Sample) -> None:
    """Promise: route values decoded, query values joined or dropped, header names lower-case, the body untouched."""
    url = f"{sample.host.url}/echo/a%2Fb%20c/Stop?x=1&y=&x=2"
    reply = requests.post(url, data=b"\x00\xff", headers={**KEY, "X-Mixed": "Case"}, timeout=30)
    seen = reply.json()
    assert seen["route"] == {"job": "a/b c", "action": "Stop"}
    assert seen["query"] == {"x": "1,2"}
    assert seen["url"] == url
    assert seen["headers"]["x-mixed"] == "Case"
    assert (seen["body"], seen["method"]) == ("00ff", "POST")
    assert (reply.status_code, reply.headers["x-sample"]) == (200, "yes")


def test_the_root_is_the_hosts_own_page(sample: Sample) -> None:
    """Promise: unless AzureWebJobsDisableHomepage says otherwise (tests/app/test_page.py)."""
    reply = get(sample, "/")
    assert (reply.status_code, "up and running" in reply.text) == (200, True)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/echo/job", 401),
        ("/echo/job?code=wrong", 401),
        ("/echo/job?code=sample-key", 200),
        ("/echo/job/stop/more?code=sample-key", 404),
        ("/echo/a%0Ab?code=sample-key", 200),
        ("/ECHO/Special", 200),
        ("/subscriptions/s/jobs/0f8fad5b-d9cb-469f-a165-70867728950e", 200),
        ("/SUBSCRIPTIONS/s/JOBS/0f8fad5b-d9cb-469f-a165-70867728950e", 200),
        ("/subscriptions/s/jobs/no-guid", 404),
        ("/send", 404),
        ("/nothing", 404),
        ("/admin/host/status", 200),
        ("/admin/functions", 401),
        ("/admin/functions/work?code=sample-key", 200),
        ("/admin/functions/nothing?code=sample-key", 404),
    ],
)
def test_routes_and_keys(sample: Sample, path: str, status: int) -> None:
    """Promise: routes match without case and by their constraints, literals first; keys guard what is not anonymous."""
    assert get(sample, path).status_code == status


def test_a_failing_function_is_a_500_without_a_word(sample: Sample) -> None:
    """Promise: no stack trace leaves the host; the log has it, in one line."""
    reply = get(sample, "/broken")
    assert (reply.status_code, reply.content) == (500, b"")
    told = [line for line in sample.host.log.read_text().splitlines() if "broken on purpose by GET" in line]
    assert "Executed 'Functions.broken' (Failed" in told[-1]


@pytest.mark.nightly("starts a host of its own")
def test_a_held_request_holds_no_thread(crash: Sample) -> None:
    """Promise: with a single worker thread, many awaited requests leave room for a sync function."""
    crash.host.restart({"PYTHON_THREADPOOL_THREAD_COUNT": "1"})
    with ThreadPoolExecutor(8) as callers:
        held = [callers.submit(get, crash, "/held?seconds=2") for _ in range(8)]
        assert get(crash, "/slow?seconds=0").status_code == 200
        assert not any(call.done() for call in held)
        assert {call.result().status_code for call in held} == {200}


@pytest.mark.nightly("starts a host of its own")
def test_sync_functions_share_the_threads_that_the_setting_gives(crash: Sample) -> None:
    """Promise: with PYTHON_THREADPOOL_THREAD_COUNT=1 one function begins when the other has ended."""
    crash.host.restart({"PYTHON_THREADPOOL_THREAD_COUNT": "1"})
    with ThreadPoolExecutor(2) as callers:
        replies = callers.map(lambda _: get(crash, "/slow?seconds=0.4").text, range(2))
    (_, first_end), (second_begin, _) = sorted(tuple(map(int, reply.split())) for reply in replies)
    assert second_begin >= first_end


def test_a_function_that_cannot_be_listened_to_is_named_and_the_others_run(sample: Sample) -> None:
    """Promise: an unresolved %SETTING% costs one listener, not the host."""
    assert "function 'Functions.never' was unable to start: '%NOT_SET%'" in sample.host.log.read_text()
    assert get(sample, "/echo/special").text == "special GET"


def test_a_manual_run_is_accepted_and_happens(sample: Sample) -> None:
    """Promise: POST /admin/functions/{name} runs a timer's function out of turn."""
    before = len(sample.effects("tick"))
    reply = requests.post(f"{sample.host.url}/admin/functions/tick", json={}, headers=KEY, timeout=30)
    assert reply.status_code == 202
    assert sample.wait_for("tick", before + 1)[-1] == {"past_due": False}
