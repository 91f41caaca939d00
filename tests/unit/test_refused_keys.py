"""Which keys of Flink's configuration nobody may set: those that would undo what an update promises."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from flinkfuncs.core.releases import Spec


@pytest.mark.parametrize(
    "key",
    [
        "execution.state-recovery.path",
        "execution.state-recovery.ignore-unclaimed-state",
        "execution.state-recovery.claim-mode",
        "execution.savepoint.path",
        "execution.savepoint.ignore-unclaimed-state",
        "execution.savepoint-restore-mode",
        "$internal.pipeline.job-id",
        "pipeline.jars",
        "pipeline.classpaths",
        " Pipeline.Jars ",
    ],
)
def test_a_key_that_would_undo_what_an_update_promises_is_refused(key: str) -> None:
    """The state that is started from, the jar that is run and the job's id are the app's to say; spelling is no way."""
    with pytest.raises(ValidationError, match="would undo what this app guarantees"):
        Spec(flink_configuration={key: "x"})


def test_every_other_key_is_the_users_own() -> None:
    """Also those that merely begin alike."""
    kept = {"execution.checkpointing.interval": "10 s", "pipeline.name": "mine", "state.backend.type": "rocksdb"}
    assert Spec(flink_configuration=kept).flink_configuration == kept
