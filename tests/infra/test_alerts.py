"""Does somebody hear of what went wrong? Alerts and workbook ask for what the app tells, in its words."""

import json
import re

import pytest

from flinkfuncs.core.operations import Outcome
from flinkfuncs.telemetry import metrics
from tests.functions import functions
from tests.infra.bicep import INFRA, resource, shown, variable

METRICS = set(re.findall(r"^(flinkfuncs\.[a-z.]+[a-z]) ", metrics.__doc__ or "", re.MULTILINE))
RULES = {rule["name"]: rule for rule in variable("alerts.bicep", "rules")}


def query(name: str) -> str:
    """The text of a rule's query."""
    return str(variable("alerts.bicep", RULES[name]["query"]))


@pytest.mark.parametrize("name", RULES)
def test_an_alert_says_what_happened_and_is_an_error_or_a_warning(name: str) -> None:
    """Whoever is woken by it knows why, and it is not filtered out as information."""
    assert RULES[name]["description"]
    assert RULES[name]["severity"] in (1, 2)


def test_an_outcome_that_needs_a_person_is_told() -> None:
    """REFUSED, SUPERSEDED and ABANDONED touched nothing, or somebody chose them."""
    named = set(re.findall(r"'([A-Z_]+)'", query("failed")))
    assert named == set(Outcome) - {
        Outcome.SUCCEEDED,
        Outcome.REFUSED,
        Outcome.SUPERSEDED,
        Outcome.ABANDONED,
    }
    assert (RULES["failed"]["operator"], RULES["failed"]["threshold"]) == ("GreaterThan", 0)


def test_a_savepoint_is_old_after_twice_the_interval() -> None:
    """The interval of the deployment, whatever it is; each job for itself."""
    assert shown(RULES["savepoint"]["threshold"]) == "2 * savepointIntervalSeconds"
    assert [dimension["name"] for dimension in RULES["savepoint"]["each"]] == ["Job"]
    assert "flinkfuncs.savepoint.age" in query("savepoint")


def test_a_stuck_operation_is_told() -> None:
    """After the time that the deployment chose."""
    assert shown(RULES["stuck"]["threshold"]) == "operationStuckSeconds"
    assert "flinkfuncs.operation.age" in query("stuck")


def test_a_poison_message_is_told_when_it_is_written() -> None:
    """From the log of the queues' writes; all queues of the account whose name says poison."""
    log = resource("Microsoft.Insights/diagnosticSettings", "queueLog")
    assert shown(log.config["scope"]) == "jarsQueues"
    assert log.properties["logs"] == [{"category": "StorageWrite", "enabled": True}]
    assert "StorageQueueLogs" in query("poison")
    assert "OperationName == 'PutMessage' and Uri has 'poison'" in query("poison")


SWEPT = {"Name": "sweep", "OperationName": "sweep", "Success": True}


def counted(rows: list[dict[str, object]]) -> int:
    """Count the rows that pass every `where` of the silent rule: `X has 'word' or …`, `X == true`."""
    clauses = re.findall(r"^\| where (.+)$", query("silent"), re.MULTILINE)
    assert clauses
    return sum(all(any(_holds(term, row) for term in clause.split(" or ")) for clause in clauses) for row in rows)


def _holds(term: str, row: dict[str, object]) -> bool:
    if has := re.fullmatch(r"(\w+) has '(\w+)'", term):
        return has[2] in str(row[has[1]])
    equal = re.fullmatch(r"(\w+) == (true|false)", term)
    assert equal, f"a term that this test cannot read: {term}"
    return row[equal[1]] is (equal[2] == "true")


@pytest.mark.parametrize(
    ("rows", "silent"),
    [
        ([], True),
        ([SWEPT], False),
        ([SWEPT | {"Success": False}], True),
        ([SWEPT | {"Success": False}, SWEPT], False),
        ([SWEPT | {"Name": "other", "OperationName": "other"}], True),
        ([SWEPT | {"Name": "other"}], False),
    ],
)
def test_an_app_whose_sweeper_never_succeeds_is_reported(rows: list[dict[str, object]], silent: bool) -> None:
    """No news would be good news otherwise; a run that failed is logged as a request, too."""
    assert "sweep" in {function.get_function_name() for function in functions()}
    assert query("silent").split()[0] == "AppRequests"
    rule = RULES["silent"]
    assert (rule["aggregation"], rule["operator"]) == ("Count", "LessThan")
    assert (counted(rows) < rule["threshold"]) is silent


def test_a_rule_compares_the_column_that_its_query_makes() -> None:
    """And splits by columns that it makes."""
    for name, rule in RULES.items():
        columns = [rule["column"]] if rule["column"] else []
        for column in [*columns, *(dimension["name"] for dimension in rule["each"])]:
            assert re.search(rf"\b{column}\b", query(name)), f"{name}: {column}"


def test_every_rule_is_deployed_and_a_fresh_workspace_takes_it() -> None:
    """A table exists from its first row on, which is later than the rule."""
    rule = resource("Microsoft.Insights/scheduledQueryRules")
    assert rule.loop == "rules"
    assert rule.properties["enabled"] is True
    assert rule.properties["skipQueryValidation"] is True
    assert shown(rule.properties["scopes"]) == "[workspace.id]"
    (criterion,) = rule.properties["criteria"]["allOf"]
    assert shown(criterion["query"]) == "rule.query"
    assert shown(criterion["threshold"]) == "rule.threshold"


def test_events_that_nobody_took_are_told() -> None:
    """By the topic's own metric."""
    alert = resource("Microsoft.Insights/metricAlerts").properties
    (criterion,) = alert["criteria"]["allOf"]
    assert (criterion["metricName"], criterion["operator"], criterion["threshold"]) == (
        "DeadLetteredCount",
        "GreaterThan",
        0,
    )
    assert shown(alert["scopes"]) == "[topic.id]"


def test_the_workbook_shows_every_metric_and_knows_no_other() -> None:
    """Alerts and workbook together ask for nothing that the app does not tell."""
    book = json.loads((INFRA / "workbook.json").read_text())
    queries = " ".join(item["content"].get("query", "") for item in book["items"])
    assert set(re.findall(r"flinkfuncs\.[a-z.]+[a-z]", queries)) == METRICS
    assert set(re.findall(r"flinkfuncs\.[a-z.]+[a-z]", " ".join(map(query, RULES)))) <= METRICS
    assert book["fallbackResourceIds"] == ["<workspace>"]
    sheet = resource("Microsoft.Insights/workbooks").properties["serializedData"]
    assert "<workspace>" in shown(sheet)
