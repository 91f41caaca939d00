"""That every record can be read again as it was written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flinkfuncs.core import jobs, operations, releases
from flinkfuncs.core.jobs import JobRecord, Lease
from flinkfuncs.core.model import Model
from flinkfuncs.core.names import JobName

RECORDS = sorted(
    {
        kind
        for module in (jobs, operations, releases)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Model)
    },
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_a_field_that_may_be_none_may_be_missing(kind: type[Model]) -> None:
    """Records are written without the fields that are not set: one that had to be there could not be read again."""
    optional = {name for name, field in kind.model_fields.items() if "None" in str(field.annotation)}
    assert not {name for name in optional if kind.model_fields[name].is_required()}


def test_a_job_that_was_handed_back_can_be_read_again() -> None:
    """Its lease has a time and no owner."""
    record = JobRecord(name=JobName("orders"), lease=Lease(owner=None, until=datetime(2026, 11, 21, tzinfo=UTC)))
    assert JobRecord.model_validate_json(record.to_json()) == record
