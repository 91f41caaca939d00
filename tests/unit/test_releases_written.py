"""How specs survive being written down."""

from __future__ import annotations

from flinkfuncs.core.actions import Action
from flinkfuncs.core.operations import Request
from flinkfuncs.core.releases import Spec, SpecPatch


def test_a_patch_says_after_storage_what_it_said_before() -> None:
    """A field that nobody set stays unset, so that it cannot reset the recorded spec to a default."""
    request = Request(action=Action.UPDATE, spec=SpecPatch(savepoint_format="NATIVE"))
    stored = Request.model_validate_json(request.to_json())
    assert stored == request
    assert stored.spec.model_fields_set == {"savepoint_format"}
    recorded = Spec(args="--topic orders", parallelism=7)
    assert recorded.patched(stored.spec) == Spec(args="--topic orders", parallelism=7, savepoint_format="NATIVE")


def test_a_spec_is_written_down_whole() -> None:
    """A release's id hashes its spec: a default counts like a value that was set to it."""
    assert Spec().to_json() == Spec(parallelism=2, args="").to_json()
    assert Spec.model_validate_json(Spec().to_json()).model_fields_set >= {"parallelism", "args", "on_failure"}


def test_a_retention_that_nobody_sets_is_no_part_of_a_release() -> None:
    """Releases from before there was one keep their ids."""
    assert "etention" not in Spec().to_json()
    kept = Spec(savepoint_retention_count=3, savepoint_retention_days=0.5)
    assert Spec.model_validate_json(kept.to_json()) == kept
