"""What a recorded copy and a look at it make of a job's status."""

from __future__ import annotations

import pytest

from flinkfuncs.core.jobs import Copy
from flinkfuncs.core.session.facts import CopySeen, CopyState, Status, status_of
from tests.unit.builders import copy_of

SEEN, UNSEEN = copy_of(), copy_of(seen=False)


@pytest.mark.parametrize(
    ("recorded", "seen", "status"),
    [
        # record                        seen                   status
        (None, None, "NONE"),
        (None, CopyState.RUNNING, "NONE"),
        (copy_of(ended="STOPPED"), CopyState.RUNNING, "STOPPED"),
        (copy_of(ended="FINISHED"), None, "FINISHED"),
        (copy_of(ended="CANCELED"), None, "CANCELED"),
        (copy_of(ended="FAILED"), CopyState.ABSENT, "FAILED"),
        (copy_of(ended="NEVER_STARTED", seen=False), None, "NEVER_STARTED"),
        (UNSEEN, CopyState.ABSENT, "MAY_APPEAR"),
        (UNSEEN, None, "MAY_APPEAR"),
        (SEEN, CopyState.ABSENT, "VANISHED"),
        (SEEN, None, "VANISHED"),
        *[(copy, state, state.value) for copy in (SEEN, UNSEEN) for state in CopyState if state != CopyState.ABSENT],
    ],
)
def test_the_status_is_what_is_recorded_or_what_is_seen(
    recorded: Copy | None, seen: CopyState | None, status: str
) -> None:
    """Unknown is never terminal: a copy that was seen vanished, one that was not may still appear."""
    assert status_of(recorded, CopySeen(seen) if seen else None) is Status(status)
