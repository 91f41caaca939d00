"""Whether there are slots for a release: every row of `core/session/slots.py`."""

from __future__ import annotations

import pytest

from flinkfuncs.core.releases import Spec
from flinkfuncs.core.session.gate import Planned
from flinkfuncs.core.session.slots import Room, lack, slots_warning, why_uncertain
from tests.unit.builders import NEW, release

PLAN = Planned({"b": 2, "a": 4}, {})
STANDALONE = ("10.0.0.7:6122-5dbe5f", "10.0.0.8:6122-0c1d2e")
NATIVE = ("flink-taskmanager-1-1", "flink-taskmanager-1-2")


@pytest.mark.parametrize(("free", "warned"), [(3, True), (4, False), (5, False)])
def test_too_few_slots_are_a_warning(free: int, *, warned: bool) -> None:
    """The widest operator says how many it takes at least; a refusal that was wanted says why it is none."""
    assert bool(slots_warning(PLAN, free)) is warned
    said = slots_warning(PLAN, free, "no TaskManager is there now")
    assert [warning.endswith("does not refuse it: no TaskManager is there now") for warning in said] == [True] * warned


@pytest.mark.parametrize(("slots", "lacks"), [(3, True), (4, False), (5, False)])
def test_what_cannot_be_is_said_with_both_numbers(slots: int, *, lacks: bool) -> None:
    """All slots that others do not hold are counted."""
    cause = lack(PLAN, Room(slots, STANDALONE))
    assert bool(cause) is lacks
    assert not cause or ("at least 4 slots" in cause and "there are 3 for it" in cause)


@pytest.mark.parametrize(
    ("configuration", "managers"),
    [
        ({}, STANDALONE),
        ({"jobmanager.scheduler": "Default"}, STANDALONE),
        ({"jobmanager.scheduler": "ng", "scheduler-mode": " "}, STANDALONE),
        ({"execution.target": "remote"}, ("taskmanager-1",)),
        ({"kubernetes.cluster-id": "flink"}, STANDALONE),  # for high availability only
        ({"high-availability.cluster-id": "/flink"}, ("flink-taskmanager-0",)),  # a name of one's own choice
    ],
)
def test_a_cluster_of_a_fixed_size_is_certain(configuration: dict[str, str], managers: tuple[str, ...]) -> None:
    """TaskManagers that somebody else starts, and a scheduler that waits for every slot."""
    assert why_uncertain(NEW, configuration, Room(8, managers)) is None


@pytest.mark.parametrize(
    ("configuration", "managers", "why"),
    [
        ({"jobmanager.scheduler": "adaptive"}, STANDALONE, "jobmanager.scheduler is adaptive"),
        ({"jobmanager.scheduler": "Adaptive"}, STANDALONE, "jobmanager.scheduler is Adaptive"),
        ({"jobmanager.scheduler": "Another"}, STANDALONE, "jobmanager.scheduler is Another"),
        ({"scheduler-mode": "REACTIVE"}, STANDALONE, "scheduler-mode is REACTIVE"),
        ({}, (), "no TaskManager"),
        ({"execution.target": "kubernetes-session"}, ("x",), "on Kubernetes"),
        ({"kubernetes.cluster-id": "flink"}, NATIVE, "on Kubernetes"),
        ({"execution.target": "yarn-session"}, ("x",), "on YARN"),
        ({}, ("container_e08_1700000000000_0001_01_000002",), "on YARN"),
    ],
)
def test_a_cluster_that_may_bring_slots_or_do_with_fewer_is_not(
    configuration: dict[str, str], managers: tuple[str, ...], why: str
) -> None:
    """The reason names the option, or who starts TaskManagers."""
    assert why in (why_uncertain(NEW, configuration, Room(8, managers)) or "")


def test_a_release_that_asks_for_another_scheduler_is_not_certain() -> None:
    """Whether a job may choose it is Flink's business."""
    brought = release("new", Spec(flink_configuration={"jobmanager.scheduler": "Adaptive"}))
    assert "Adaptive" in (why_uncertain(brought, {}, Room(8, STANDALONE)) or "")
