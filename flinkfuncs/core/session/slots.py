"""Whether there are slots for a release. It is refused before the stop only where it is certain that there are none.

    slots that it takes at least  requireSlots  cluster                       verdict
    ----------------------------  ------------  ----------------------------  ---------------------------------
    no more than are free         any           any                           no remark
    more than are free            no            any                           a warning
    more than there can be        yes           of a fixed size               REFUSED NotEnoughSlots
    … than are free, but perhaps  yes           any                           a warning, and why it is no refusal
    not more than there can be
    more than there can be        yes           brings more, or makes do      a warning, and why it is no refusal
                                                with fewer

A cluster is of a fixed size where TaskManagers are there and nobody starts more on demand, as Flink does on Kubernetes
(natively) and YARN, and where the adaptive scheduler is off, which runs a job on the slots there are. A release is
assumed to need the slots of its widest operator: with several slot sharing groups it needs more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..releases import Release
from .gate import Planned

SCHEDULERS = {"jobmanager.scheduler": ("default", "ng"), "scheduler-mode": ("",)}  # those that wait for every slot
TARGET, KUBERNETES = "execution.target", "kubernetes.cluster-id"


@dataclass(frozen=True)
class Room:
    """How many slots there can be for a job, and the TaskManagers by their ids."""

    slots: int
    managers: tuple[str, ...]


def slots_warning(planned: Planned, free: int, why_not_refused: str | None = None) -> tuple[str, ...]:
    """Warn of a release that may wait for slots."""
    if planned.slots <= free:
        return ()
    note = f"; requireSlots does not refuse it: {why_not_refused}" if why_not_refused else ""
    left = "1 is" if free == 1 else f"{free} are"
    return (f"the new release takes at least {planned.slots} slots; without the old copy {left} free{note}",)


def lack(planned: Planned, room: Room) -> str | None:
    """Say that there cannot be enough slots, if nothing changes."""
    if planned.slots <= room.slots:
        return None
    return (
        f"the new release takes at least {planned.slots} slots, and without the old copy there are {room.slots} for it "
        "on all TaskManagers, of which the cluster starts no more by itself (requireSlots)"
    )


def why_uncertain(release: Release, configuration: Mapping[str, str], room: Room) -> str | None:
    """Say why a release may run although there are too few slots now; None: it cannot."""
    for options in (configuration, release.spec.flink_configuration):
        for option, waiting in SCHEDULERS.items():
            value = options.get(option, "").strip()
            if value and value.lower() not in waiting:
                return f"{option} is {value}, which may run a job on fewer slots"
    if not room.managers:
        return "no TaskManager is there now"
    return _on_demand(configuration, room.managers)


def _on_demand(configuration: Mapping[str, str], managers: tuple[str, ...]) -> str | None:
    """Name what shows that Flink itself starts TaskManagers: where it does, it also chooses their ids."""
    target, cluster = configuration.get(TARGET, ""), configuration.get(KUBERNETES)
    on_yarn = "yarn" in target or any(manager.startswith("container_") for manager in managers)
    on_kubernetes = "kubernetes" in target or any(manager.startswith(f"{cluster}-taskmanager-") for manager in managers)
    where = "YARN" if on_yarn else "Kubernetes" if on_kubernetes else None
    return where and f"Flink starts TaskManagers on demand on {where}"
