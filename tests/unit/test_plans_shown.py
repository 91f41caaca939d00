"""A plan as text and as Markdown."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flinkfuncs_cli.console import BOLD_RED
from flinkfuncs_cli.exits import VERDICTS
from flinkfuncs_cli.plans import VERDICTS as SHOWN
from flinkfuncs_cli.plans import code, escaped, lines, markdown
from tests.plans import PLAN

NOW = datetime(2026, 11, 28, 2, 0, 18, tzinfo=UTC)
TEXT = """\
WILL_DO UPDATE of orders
stops: run 7b1c, RUNNING, release 5c1d00000000
state: a savepoint of the stop, below abfs://savepoints@acc/orders; the newest existing one: taken \
2026-11-28T01:00:18Z (60 min ago), 2.0 KiB
GONE: the operator count cc7a, 12.3 MiB of state
warning: 1 operator has no uid
release: orders-3.jar, 10.0 KiB, id 9e0f00000000
slots: 4 needed, 8 free
expected downtime: 0.9 s, the median of the last updates
a rollback: starts release 5c1d again from the savepoint of the stop
changes: 4
  ~ sha256: aaaaaaaaaaaa -> bbbbbbbbbbbb
  ~ parallelism: 2 -> 4
  + flinkConfiguration.state.backend: rocksdb
  - args: --topic orders
operators: 2 kept, 1 new, 1 gone, 1 without a uid
  new: dd8b, which starts empty
  without a uid: Map -> Filter
  the state goes with a parallelism of at most 128
steps: 2
  Stop with a savepoint
  Start as the new release
plan: 6f0c1d2e3f4a5b6c.9e0f000000000000"""


def text_of(plan: dict[str, Any]) -> str:
    return "\n".join(text for text, _ in lines(plan, "orders", NOW))


def test_a_plan_is_shown_with_its_verdict_first_and_its_id_last() -> None:
    """What stops and what is lost come next; the operators that are gone are bold and red."""
    assert text_of(PLAN) == TEXT
    assert [text for text, colour in lines(PLAN, "orders", NOW) if colour == BOLD_RED] == [
        "GONE: the operator count cc7a, 12.3 MiB of state"
    ]


def test_a_plan_with_nothing_but_a_verdict_is_short() -> None:
    """Every other field may be missing."""
    refused = {"id": "0.0", "verdict": "WOULD_BE_REFUSED", "code": "NoSavepoint", "reason": "no", "action": "UPDATE"}
    assert text_of(refused) == "WOULD_BE_REFUSED UPDATE of orders\nreason: no (NoSavepoint)\nplan: 0.0"
    assert markdown(refused, "orders") == (
        "### UPDATE of `orders`: would be refused\n\n**no (NoSavepoint)**\n\nPlan `0.0`\n"
    )


def test_every_verdict_has_words_and_an_exit_code() -> None:
    """A verdict that this version does not know is shown as it is."""
    assert SHOWN.keys() == VERDICTS.keys()
    assert "### STOP of `orders`: SOMETHING\\_NEW" in markdown({"verdict": "SOMETHING_NEW", "action": "STOP"}, "orders")


@pytest.mark.parametrize(
    ("age", "words"),
    [(-5, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (86400 * 2, "2 d")],
)
def test_a_state_has_an_age(age: int, words: str) -> None:
    """In the largest unit of which there are two."""
    taken = (NOW - timedelta(seconds=age)).isoformat()
    state = {"path": "file:/s/1", "kind": "checkpoint", "takenAt": taken}
    assert f"checkpoint file:/s/1, taken {taken[:19]}Z ({words} ago)" in text_of(PLAN | {"state": state})


def test_the_comment_has_a_heading_a_table_and_folded_details() -> None:
    """No age, which would be wrong when it is read; every part is in it."""
    comment = markdown(PLAN, "orders")
    assert comment.startswith("### UPDATE of `orders`: will be done\n\n| | |\n|---|---|\n| stops | run 7b1c, RUNNING")
    assert "- **the operator count cc7a, 12.3 MiB of state**" in comment
    assert "| `parallelism` | `2` | `4` |\n" in comment
    assert "| `args` | `--topic orders` |  |\n" in comment
    assert re.findall("<summary>(.*)</summary>", comment) == [
        "4 changes of jar and spec",
        "Operators: 2 kept, 1 new, 1 gone, 1 without a uid",
        "2 steps",
    ]
    assert comment.count("<details>") == comment.count("</details>") == 3
    assert "ago" not in comment
    assert comment.endswith("\n\nPlan `6f0c1d2e3f4a5b6c.9e0f000000000000`\n")


def test_what_users_code_wrote_is_no_markup() -> None:
    """No tag, link, table cell, mention or code span of somebody else; nor a line of its own."""
    evil = "a|b `c` <img src=x> [l](u) @team **x**\n# heading ##vso[task.setvariable variable=x]y"
    comment = markdown(
        PLAN
        | {"warnings": [evil], "spec": [{"field": evil, "before": evil}], "steps": [{"step": evil}], "reason": evil},
        "orders",
    )
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", comment.replace("\\`", ""))
    assert "<img" not in outside
    assert "@team" not in outside
    assert "[l]" not in outside
    assert "\n# " not in comment
    assert "##vso[" not in comment
    (row,) = [line for line in comment.splitlines() if line.startswith("| ``")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 4


@pytest.mark.parametrize(
    ("text", "shown"), [("x", "`x`"), ("", ""), ("a`b", "``a`b``"), ("`a``", "``` `a`` ```"), ("a|b", "`a\\|b`")]
)
def test_code_has_a_fence_that_it_does_not_hold(text: str, shown: str) -> None:
    """As CommonMark has it; a bar would end a table's cell."""
    assert code(text) == shown


def test_text_is_escaped_once() -> None:
    """An entity of the text stays one."""
    assert escaped("a_b & c\\d") == "a\\_b &amp; c\\\\d"


@pytest.mark.parametrize(
    ("operator", "words"),
    [
        ({"id": "cc7a", "stateBytes": 512}, "GONE: the operator cc7a, 512 B of state"),
        ({"id": "cc7a", "stateBytes": 0}, "GONE: the operator cc7a, which has no state"),
        ({"id": "cc7a", "name": "count"}, "GONE: the operator count cc7a, an unknown size of state"),
    ],
)
def test_an_operator_that_is_gone_has_its_state_named(operator: dict[str, Any], words: str) -> None:
    """Flink gives the bytes of a chain, and not always of its parts."""
    assert words in text_of(PLAN | {"operators": {"gone": [operator]}})


def test_values_that_are_starred_on_both_sides_are_not_shown() -> None:
    """They differ, or they were not listed."""
    secret = {"field": "flinkConfiguration.password", "before": "***", "after": "***"}
    assert "  ~ flinkConfiguration.password: changes, and is not shown" in text_of(PLAN | {"spec": [secret]})
    assert "| `flinkConfiguration.password` | `***` | changes, and is not shown |" in markdown(
        PLAN | {"spec": [secret]}, "orders"
    )


def test_a_comment_stays_short() -> None:
    """GitHub takes 65,536 characters."""
    many = PLAN | {
        "spec": [{"field": f"f{n}", "after": "x" * 5000} for n in range(500)],
        "operators": {"kept": [], "new": [f"n{n}" for n in range(500)], "gone": [{"id": f"g{n}"} for n in range(500)]},
        "warnings": ["w" * 100] * 500,
    }
    comment = markdown(many, "orders")
    assert len(comment) < 30_000
    assert comment.count("480 more") == 4
    assert text_of(many).count("480 more") == 4
