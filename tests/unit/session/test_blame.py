"""Who is to blame for an exception: every row of `core/session/blame.py`, in the words of Flink 1.17 to 2.3."""

from __future__ import annotations

import pytest

from flinkfuncs.core.session.blame import Blame, blamed, failed_over

AT = "\tat org.apache.flink.runtime.jobmaster.JobMaster.disconnectTaskManager(JobMaster.java:1)"
LEFT = "taskmanager-3 is no longer reachable."
# As 2.3.0 wrote them when a TaskManager was killed, and while there was none.
NO_SLOTS = """java.util.concurrent.CompletionException: java.util.concurrent.CompletionException: \
org.apache.flink.runtime.jobmanager.scheduler.NoResourceAvailableException: Could not acquire the minimum required \
resources.
\tat org.apache.flink.runtime.scheduler.DefaultExecutionDeployer.lambda$assignResource$4(DefaultExecutionDeployer.java:1)
Caused by: java.util.concurrent.CompletionException: \
org.apache.flink.runtime.jobmanager.scheduler.NoResourceAvailableException: Could not acquire the minimum required \
resources.
\t... 36 more
Caused by: org.apache.flink.runtime.jobmanager.scheduler.NoResourceAvailableException: Could not acquire the minimum \
required resources."""
SUSPENDING = """java.util.concurrent.CompletionException: \
org.apache.flink.runtime.checkpoint.CheckpointException: Checkpoint Coordinator is suspending.
\tat org.apache.flink.runtime.checkpoint.CheckpointCoordinator.stopCheckpointScheduler(CheckpointCoordinator.java:1)
Caused by: org.apache.flink.runtime.checkpoint.CheckpointException: Checkpoint Coordinator is suspending."""


@pytest.mark.parametrize(
    ("header", "blame"),
    [
        # no slots
        (NO_SLOTS, Blame.SLOTS),
        ("java.util.concurrent.CompletionException: java.util.concurrent.TimeoutException: Slot request bulk is not fulfillable! Could not allocate the required slot within slot request timeout", Blame.SLOTS),
        ("org.apache.flink.util.FlinkException: Pending slot request with SlotRequestId{1} has been released.", Blame.SLOTS),
        # a TaskManager is gone
        (f"org.apache.flink.runtime.jobmaster.JobMasterException: TaskManager with id {LEFT}", Blame.CLUSTER),
        (f"org.apache.flink.runtime.resourcemanager.exceptions.ResourceManagerException: TaskManager with id {LEFT}", Blame.CLUSTER),
        ("java.util.concurrent.TimeoutException: Heartbeat of TaskManager with id 10.0.0.7:1-a timed out.", Blame.CLUSTER),
        ("java.util.concurrent.TimeoutException: The heartbeat of TaskManager with id 10.0.0.7:1-a timed out.", Blame.CLUSTER),
        ("org.apache.flink.util.FlinkExpectedException: The TaskExecutor is shutting down.", Blame.CLUSTER),
        ("java.lang.Exception: Pod terminated, container termination statuses: [flink-main-container(exitCode=137, reason=OOMKilled)]", Blame.CLUSTER),
        # … or cannot be reached by another one
        ("org.apache.flink.runtime.io.network.netty.exception.RemoteTransportException: Connection unexpectedly closed by remote task manager '10.0.0.7:1'.", Blame.CLUSTER),
        ("org.apache.flink.runtime.io.network.netty.exception.LocalTransportException: readAddress(..) failed: Connection reset by peer", Blame.CLUSTER),
        ("org.apache.flink.runtime.io.network.partition.consumer.PartitionConnectionException: Connection for partition 1 not reachable.", Blame.CLUSTER),
        ("org.apache.flink.runtime.io.network.partition.PartitionNotFoundException: Partition 1 not found.", Blame.CLUSTER),
        ("org.apache.flink.runtime.rpc.exceptions.RecipientUnreachableException: Could not send message", Blame.CLUSTER),
        # the JobManager changed
        ("org.apache.flink.util.FlinkException: JobManager for job 1 with leader id 2 lost leadership.", Blame.CLUSTER),
        ("org.apache.flink.util.FlinkException: Disconnect from JobManager responsible for 1.", Blame.CLUSTER),
        ("org.apache.flink.runtime.taskexecutor.exceptions.TaskManagerException: JobManager with id 1 is no longer reachable.", Blame.CLUSTER),
        ("java.util.concurrent.TimeoutException: The heartbeat of JobManager with id 1 timed out.", Blame.CLUSTER),
        # a slot is gone
        ("java.lang.Exception: The slot 7 has timed out.", Blame.CLUSTER),
        ("org.apache.flink.util.FlinkException: The assigned slot 10.0.0.7:1-a_0 was removed.", Blame.CLUSTER),
        # the release's own, also where it uses the same words of its own servers
        ("java.lang.IllegalStateException: crashes after 3 checkpoints", Blame.RELEASE),
        ("java.lang.OutOfMemoryError: Java heap space", Blame.RELEASE),
        ("org.apache.kafka.common.errors.NotLeaderOrFollowerException: the broker lost leadership of the partition", Blame.RELEASE),
        ("com.example.PoolException: the slot 7 has timed out", Blame.RELEASE),
        ("java.net.ConnectException: Connection refused", Blame.RELEASE),
        ("org.apache.flink.runtime.checkpoint.CheckpointException: Exceeded checkpoint tolerable failure threshold.", Blame.RELEASE),
        ("", Blame.RELEASE),
    ],
)  # fmt: skip
def test_only_what_the_cluster_surely_did_is_not_the_fault_of_the_release(header: str, blame: Blame) -> None:
    """By the exception's own class and words, or by those of a cause."""
    assert blamed(header) is blame
    assert blamed(f"{header}\n{AT}") is blame
    wrapped = f"org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestart\n{AT}\nCaused by: {header}"
    assert blamed(wrapped) is blame


def test_a_frame_of_the_trace_is_no_header() -> None:
    """What stands in the middle of a trace names the code, not the cause."""
    trace = "java.lang.IllegalStateException: bad\n\tat x.NoResourceAvailableException.of(X.java:1)\nsome more text"
    assert blamed(trace) is Blame.RELEASE


def test_a_long_trace_costs_no_more_than_its_headers() -> None:
    """200 KB of a message are cut before they are searched."""
    assert blamed("java.lang.Exception: " + "slot " * 40_000) is Blame.RELEASE
    assert (
        blamed("\n".join(["java.lang.Exception: x", *["Caused by: " + "TaskManager with id " * 1000] * 1000]))
        is Blame.RELEASE
    )


@pytest.mark.parametrize(
    ("trace", "over"),
    [
        (SUSPENDING, True),
        ("x: bad\nCaused by: org.apache.flink.runtime.checkpoint.CheckpointException: Task has failed.", True),
        ("org.apache.flink.runtime.checkpoint.CheckpointException: Checkpoint expired before completing.", False),
        ("java.io.IOException: No space left on device", False),
    ],
)
def test_a_savepoint_that_failed_in_a_failover_is_told_from_one_that_cannot_be_written(trace: str, over: bool) -> None:
    """The first is worth another try."""
    assert failed_over(trace) is over
