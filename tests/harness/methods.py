"""Which methods of the app's clients have to be crossed by a row? All but those that have a reason.

A new method is in the table by itself, or fails the run.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from flinkfuncs.clients.flink import Flink
from flinkfuncs.clients.jars import Jars
from flinkfuncs.clients.kept_releases import KeptReleases
from flinkfuncs.clients.ledger import Ledger
from flinkfuncs.clients.queue import OperationsQueue

CLIENTS = (Flink, Ledger, Jars, KeptReleases, OperationsQueue)
HOUSEKEEPING = "housekeeping drives no operation; tests/wire/test_housekeeping.py interrupts it"
NEVER_CROSSED = {
    "Flink.delete_jar": HOUSEKEEPING,
    "Flink.dispose": HOUSEKEEPING,
    "Flink.disposal": HOUSEKEEPING,
    "Flink.hosts": "the health report asks",
    "Flink.room_for": "asked where slots are short and a release requires them; tests/wire/test_slots.py",
    "Flink.thrown": "asked by a caller's GET, which changes nothing",
    "Jars.opened": "a plan reads jars where they lie",
    "Jars.place": "only an hdinsight cluster reads jars from a place",
    "Jars.put": "a caller's PUT, before there is any operation; tests/wire/test_put_upload.py comes between",
    "KeptReleases.bytes_of": "it calls nobody",
    "KeptReleases.delete": "retention drives no operation; tests/wire/test_kept_releases.py comes between",
    "KeptReleases.described": "asked by a caller, and changes nothing",
    "KeptReleases.has": "a plan asks, and changes nothing",
    "KeptReleases.listed": "asked by a caller and by retention, and changes nothing",
    "Ledger.close_unless_closed": "of two uploads that wait one is superseded; the soak crosses it",
    "Ledger.complete_runs": HOUSEKEEPING,
    "Ledger.has_closed": "asked by a caller's GET, which changes nothing",
    "Ledger.find": "asked by a caller's GET, which changes nothing",
    "Ledger.jars_used": HOUSEKEEPING,
    "Ledger.jobs": HOUSEKEEPING,
    "Ledger.operations": "asked by a caller's GET, which changes nothing",
    "Ledger.owner_of": "adoption of a job that runs already has no row yet",
    "Ledger.page": "asked by a caller's GET, which changes nothing",
    "Ledger.records": "adoption of a job that runs already has no row yet",
    "Ledger.reject": "an upload under no job's name: there is no job to be right or wrong",
    "Ledger.runs": "asked by the gateway's lists, which change nothing",
    "Ledger.runs_in": "asked by the gateway's lists, which change nothing",
    "Ledger.summaries": "asked by a caller's GET, which changes nothing",
    "Ledger.uploads": "asked by a caller's GET, which changes nothing",
    "Ledger.waiting": "asked by a caller's GET, which changes nothing",
}


def methods() -> set[str]:
    """Name every public method of the app's clients that may call somebody."""
    return {
        f"{client.__name__}.{name}"
        for client in CLIENTS
        for name, value in vars(client).items()
        if not name.startswith("_") and (inspect.isfunction(value) or hasattr(value, "func"))
    }


def never_crossed(by: Iterable[str], reasons: Iterable[str] = NEVER_CROSSED) -> set[str]:
    """Return the client methods that no call came from, but those that have a reason."""
    return methods() - set(by) - set(reasons)
