"""Where else can people look at a job? Only where something is, and only at addresses that an admin has set."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from flinkfuncs.api.links import links_of
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.settings import Settings

from .builders import OLD_ID, ORDERS, copy_of

FLINK = {"flink_rest_url": "http://flink:8081/"}
RUNS = JobRecord(name=ORDERS, current=copy_of())


def settings(**given: str) -> Settings:
    """Settings of a session app."""
    return Settings.model_validate({"flink_cluster_kind": "session", **given})


@pytest.mark.parametrize(
    ("status", "page"),
    [
        ("RUNNING", "running"),
        ("RESTARTING", "running"),
        ("UNKNOWN", "running"),
        ("FAILED", "completed"),
        ("FINISHED", "completed"),
        ("CANCELED", "completed"),
        ("STOPPED", "completed"),
    ],
)
def test_flinks_page_is_that_of_jobs_that_run_or_have_ended(status: str, page: str) -> None:
    """Flink has two, with other tabs."""
    links = links_of(settings(**FLINK), RUNS, status)
    assert links
    assert links.flink == f"http://flink:8081/#/job/{page}/{OLD_ID}/overview"


def test_people_may_reach_flink_at_another_address_than_the_app() -> None:
    """A private network, a proxy with a sign-in."""
    links = links_of(settings(**FLINK, flink_dashboard_url="https://flink.example.com/ui"), RUNS, "RUNNING")
    assert links
    assert links.flink == f"https://flink.example.com/ui/#/job/running/{OLD_ID}/overview"


@pytest.mark.parametrize(
    ("record", "status"),
    [
        (RUNS, "VANISHED"),
        (JobRecord(name=ORDERS), "NONE"),
        (JobRecord(name=ORDERS), "UNKNOWN"),
        (JobRecord(name=ORDERS, current=copy_of(ended="NEVER_STARTED")), "FAILED"),
    ],
)
def test_no_link_leads_to_a_job_that_flink_does_not_know(record: JobRecord, status: str) -> None:
    """Nor is there one where nobody said where Flink is."""
    assert links_of(settings(**FLINK), record, status) is None
    assert links_of(settings(), RUNS, "RUNNING") is None


def test_a_trace_is_linked_where_somebody_said_how() -> None:
    """The page puts the id in."""
    links = links_of(settings(trace_url="https://jaeger.example.com/trace/{traceId}"), RUNS, "RUNNING")
    assert links
    assert (links.flink, links.trace) == (None, "https://jaeger.example.com/trace/{traceId}")


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("trace_url", "javascript:alert('{traceId}')"),
        ("trace_url", "https://jaeger.example.com/trace/"),
        ("flink_dashboard_url", "javascript:alert(1)"),
        ("flink_dashboard_url", "https://me:hunter2@flink.example.com"),
    ],
)
def test_what_is_no_address_for_people_is_refused_by_name(name: str, url: str) -> None:
    """It would be a link on a page."""
    with pytest.raises(ValidationError, match=name):
        settings(**{name: url})
