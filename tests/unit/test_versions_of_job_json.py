"""What makes another version of a job.json, and what does not: `savePointName` and `again` count once for each."""

from __future__ import annotations

import json

import pytest

from flinkfuncs.core.uploads import digest_without_remarks, parse_job_json

SAID = {"jar": "orders.jar", "again": True, "parallelism": 4}
PLAN = "3f2a9c1b7d4e5a60.9b74c9897bac770f"


def digest(**more: object) -> str | None:
    text = json.dumps(SAID | more).encode()
    return digest_without_remarks(text, parse_job_json(text))


ANEW: list[dict[str, object]] = [
    {"reason": "again"},
    {"commit": "5c1d0e2"},
    {"buildUrl": "https://ci.example/18"},
    {"plan": PLAN.replace("3", "4")},
]


@pytest.mark.parametrize("more", ANEW)
def test_what_a_build_writes_anew_each_time_makes_no_other_version(more: dict[str, object]) -> None:
    """Else a pipeline that says why, or keeps to a plan, would try a bad release again with every build."""
    known = digest(plan=PLAN)
    assert known
    assert known == digest(**more) == digest(**({"plan": PLAN} | more))


def test_anything_else_does() -> None:
    """Without any of it, the file is known by its bytes."""
    assert digest(plan=PLAN) != digest(plan=PLAN, parallelism=5)
    assert digest() is None
