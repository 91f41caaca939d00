"""What of a text of any kind may be told: each row of the table in redaction.py, and what has to stay readable."""

from __future__ import annotations

import pytest

from flinkfuncs import redaction
from flinkfuncs.redaction import keep_secret, keep_secrets_of, redacted_text

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJzdG9yYWdlIn0.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without any known secret."""
    monkeypatch.setattr(redaction, "_known", set())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("AccountName=a;AccountKey=abc+/==;X=1", "AccountName=a;AccountKey=******;X=1"),
        ("https://h/c/b.jar?sv=1&sig=a%3D&se=2", "https://h/c/b.jar?sv=1&sig=******&se=2"),
        ("POST /api/jobs/a/stop?code=abc", "POST /api/jobs/a/stop?code=******"),
        ("main(--db.password hunter2 --topic orders) threw", "main(--db.password ****** --topic orders) threw"),
        ('{"client_secret": "hunter2", "job": "orders"}', '{"client_secret": "******", "job": "orders"}'),
        ("s3.secret-key: hunter2", "s3.secret-key: ******"),
        ("Authorization: Bearer abc.def-g", "Authorization: Bearer ******"),
        ("authorization=Basic bWU6aHVudGVyMg==", "authorization=Basic ******"),
        (f"got {TOKEN}, which is", "got ******, which is"),
        ("jdbc:x://me:hunter2@host/db", "jdbc:x://me:******@host/db"),
    ],
)
def test_what_may_be_a_secret_is_starred(text: str, told: str) -> None:
    """Wherever it stands in the text."""
    assert redacted_text(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "job=orders operation=20261121T014916Z-orders-3f2a9c1b7d4e step=Stop outcome=done seconds=0.041",
        "upload='stateful/orders/v1.txt' outcome=REFUSED code=NotAJar 'v1.txt' is no jar and no job.json",
        "Entra ID refuses the client secret hdinsight-aks-variables-api-secret: AADSTS7000215",
        "Key Vault has no secret hdinsight-aks-variables-api-secret",
        "the Authorization header holds no Bearer token, and Basic authentication is not taken",
        "the job runs, started from file:/sp/orders/20261121T014916Z-orders-3f2a9c1b7d4e/savepoint-ddabe5-ae0f",
    ],
)
def test_our_own_lines_stay_as_they_are(text: str) -> None:
    """A line that says nothing any more helps nobody."""
    assert redacted_text(text) == text


def test_what_this_process_was_given_is_starred_wherever_it_stands() -> None:
    """A secret without a word before it is known by itself: from a setting, or from the vault."""
    keep_secrets_of({"JARS": "AccountName=a;AccountKey=planted1==;", "IDENTITY_HEADER": "planted2", "PATH": "/bin"})
    keep_secret("planted3")
    assert redacted_text("a planted1== b planted2 c planted3 d /bin") == "a ****** b ****** c ****** d /bin"


def test_a_short_text_is_no_secret_of_ours() -> None:
    """Or half of every line would be stars."""
    keep_secret("ab")
    assert redacted_text("about") == "about"
