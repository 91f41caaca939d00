"""What happens when a jar, or the job.json beside it, arrives: the intake is told which blob, and reads it itself.

    stateful_jar     %JARS_CONTAINER%/stateful/{job}/{name}     an update from the job's state
    stateless_jar    %JARS_CONTAINER%/stateless/{job}/{name}    a fresh start

`{job}` matches slashes, and an event may come twice, late or not at all: only the blob's full name is passed on, and
what it means is decided by what lies there. The jar itself never passes through the worker's memory. What is refused is
recorded by the intake and never tried again; what is unavailable is raised, so that the host delivers it again.
"""

from __future__ import annotations

import logging

import azure.functions as func
from azurefunctions.extensions.bindings.blob import BlobClient

from .. import telemetry
from ..app import services
from ..core.errors import Refused

blueprint = func.Blueprint()
log = logging.getLogger(__name__)


@blueprint.blob_trigger(
    "blob",
    path="%JARS_CONTAINER%/stateful/{job}/{name}",
    connection="JARS",
    source=func.BlobSource.EVENT_GRID,
)
def stateful_jar(blob: BlobClient, context: func.Context) -> None:
    """Take what arrived in the stateful folder."""
    _take(blob, context)


@blueprint.blob_trigger(
    "blob",
    path="%JARS_CONTAINER%/stateless/{job}/{name}",
    connection="JARS",
    source=func.BlobSource.EVENT_GRID,
)
def stateless_jar(blob: BlobClient, context: func.Context) -> None:
    """Take what arrived in the stateless folder."""
    _take(blob, context)


def _take(blob: BlobClient, context: func.Context) -> None:
    name = str(blob.blob_name)
    with telemetry.event(context.function_name, "datasource", traceparent=context.trace_context.trace_parent):
        try:
            services().intake.upload(name)
        except Refused as refusal:
            log.warning("upload=%r outcome=REFUSED code=%s %s", name[:128], refusal.code, refusal.message)
