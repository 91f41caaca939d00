"""What a jar's metadata says of its upload."""

from __future__ import annotations

import pytest

from flinkfuncs.core.errors import Refused
from flinkfuncs.core.uploads import JarMetadata, parse_metadata
from flinkfuncs_cli.deploying import metadata_of

PLAN = "6f0c1d2e3f4a5b6c.9e0f000000000000"


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({}, JarMetadata()),
        ({"Reason": "faster", "buildURL": "https://ci.test/"}, {"reason": "faster", "buildUrl": "https://ci.test/"}),
        ({"reason": "gr%C3%B6%C3%9Fer, 9 %25", "commit": "5c1d0e2"}, {"reason": "größer, 9 %", "commit": "5c1d0e2"}),
        ({"reason": "two%0Alines", "commit": "main", "buildurl": "17"}, JarMetadata()),
        ({"reason": "100% sure, password=hunter2"}, {"reason": "100% sure, password=******"}),
        ({"plan": PLAN, "again": "true", "hdi_isfolder": "x"}, {"plan": PLAN, "again": True}),
        ({"again": "false"}, JarMetadata()),
    ],
)  # fmt: skip
def test_metadata_says_what_a_job_json_could(metadata: dict[str, str], said: object) -> None:
    """A remark that is not valid says nothing: it may be somebody else's."""
    assert parse_metadata(metadata) == JarMetadata.model_validate(said)


@pytest.mark.parametrize("metadata", [{"plan": "main"}, {"again": "perhaps"}, {"plan": PLAN.upper()}])
def test_what_would_have_held_an_upload_is_refused_where_it_is_not_valid(metadata: dict[str, str]) -> None:
    """Nothing is deployed that was not approved."""
    with pytest.raises(Refused) as refused:
        parse_metadata(metadata)
    assert refused.value.code == "InvalidBody"


def test_what_the_command_line_writes_is_read() -> None:
    """Whatever is in it."""
    said = {"reason": 'größer, "100 %" %41 ✓', "buildUrl": "https://x.example/a%20b?c=d&e", "commit": "5c1d0e2"}
    written = metadata_of(said | {"plan": PLAN, "again": True})
    assert all(text.isascii() and text.isprintable() for text in written.values())
    assert parse_metadata(written) == JarMetadata.model_validate(said | {"plan": PLAN, "again": True})
