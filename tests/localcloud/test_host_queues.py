"""Is a queue message in the local host as safe, and as late, as in the real one?"""

import pytest
import requests

from localcloud.functions.queues import encode
from tests.localcloud.sample import Sample, eventually


def test_a_message_sent_by_an_output_binding_runs_its_function_once(sample: Sample) -> None:
    """Promise: what a function puts into a queue output arrives as the text it was."""
    requests.post(f"{sample.host.url}/send", data='{"name": "sent"}', timeout=30).raise_for_status()
    assert sample.wait_for("sent-done", 1) == [1]
    assert eventually(lambda: sample.waiting("work") == 0)
    assert sample.effects("sent-begun") == [1]


def test_a_message_that_failed_is_tried_again(sample: Sample) -> None:
    """Promise: the second try has dequeue count 2 and its success ends the message."""
    sample.order(name="again", fail=1)
    assert sample.wait_for("again-done", 1) == [2]
    assert sample.effects("again-begun") == [1, 2]


def test_a_message_that_always_fails_ends_in_the_poison_queue(sample: Sample) -> None:
    """Promise: after host.json's maxDequeueCount tries (here 3) the same text lies in the poison queue, once."""
    sample.order(name="poisoned", fail=99)
    assert eventually(lambda: sample.waiting("work-poison") == 1)
    [message] = sample.queue("work-poison").receive_messages()
    sample.queue("work-poison").delete_message(message)
    assert message.content == encode('{"name": "poisoned", "fail": 99}', base64_encoded=True)
    assert sample.effects("poisoned-begun") == [1, 2, 3]
    assert sample.waiting("work") == 0


def test_a_message_that_is_no_base64_is_poison_at_once(sample: Sample) -> None:
    """Promise: nobody retries what cannot be read."""
    sample.queue("work").send_message("{no base64}")
    assert eventually(lambda: sample.waiting("work-poison") == 1)
    [message] = sample.queue("work-poison").receive_messages()
    sample.queue("work-poison").delete_message(message)
    assert message.content == "{no base64}"


@pytest.mark.nightly("starts a host of its own")
def test_a_message_stays_hidden_as_long_as_its_function_runs(crash: Sample) -> None:
    """Promise: a function that takes longer than the invisibility is not started a second time."""
    crash.order(name="long", sleep=3)
    assert crash.wait_for("long-done", 1) == [1]
    assert crash.effects("long-begun") == [1]
    assert eventually(lambda: crash.waiting("work") == 0)


@pytest.mark.nightly("starts a host of its own")
def test_a_message_whose_host_was_killed_comes_back(crash: Sample) -> None:
    """Promise: SIGKILL in the middle of an invocation loses nothing; the message runs again, as its second try."""
    crash.order(name="killed", sleep=1)
    crash.wait_for("killed-begun", 1)
    crash.host.kill()
    assert crash.effects("killed-done") == []
    crash.host.start()
    assert crash.wait_for("killed-done", 1) == [2]
    assert crash.effects("killed-begun") == [1, 2]


@pytest.mark.nightly("starts a host of its own")
def test_a_host_that_is_asked_to_end_lets_a_running_function_finish(crash: Sample) -> None:
    """Promise: after SIGTERM the invocation under way succeeds and its message is gone."""
    crash.order(name="last", sleep=1)
    crash.wait_for("last-begun", 1)
    crash.host.stop()
    assert crash.effects("last-done") == [1]
    assert crash.waiting("work") == 0


@pytest.mark.nightly("starts a host of its own")
def test_a_function_beyond_its_timeout_takes_its_worker_with_it(crash: Sample) -> None:
    """Promise: functionTimeout (here an AzureFunctionsJobHost__ setting) ends the function itself, and others with it.

    Their messages are there again at once, not after the invisibility, and count the try.
    """
    crash.host.restart({"AzureFunctionsJobHost__functionTimeout": "00:00:03"})
    crash.order(name="endless", sleep=10)
    crash.wait_for("endless-begun", 1)
    held = requests.get(f"{crash.host.url}/held?seconds=100", timeout=30)
    assert held.status_code == 500
    assert eventually(lambda: crash.waiting("work-poison") == 1)
    assert crash.effects("endless-begun") == [1, 2, 3]
    assert crash.effects("endless-done") == []
    crash.host.wait_until_ready()
    assert requests.get(f"{crash.host.url}/echo/special", timeout=30).text == "special GET"
