"""What Flink answers about a plan, and about the state of a checkpoint: the shapes, and what they are in core's words.

Neither starts nor changes a job; a plan runs a main(), though.
"""

from __future__ import annotations

from pydantic import Field

from ..core.session.gate import Planned, Vertex
from .flink_wire import Answer

# The first key is its name before 1.19. Without chains every operator is a node, and its id the one that keeps state.
UNCHAINED = {"pipeline.operator-chaining": "false", "pipeline.operator-chaining.enabled": "false"}
# An operator without an id of its own choice ends such a plan; its generated id would change with the chains.
ALL_NAMED = UNCHAINED | {"pipeline.auto-generate-uids": "false"}
UNNAMED = "Auto generated UIDs have been disabled"


class Input(Answer):
    """Where a node gets its records from."""

    id: str


class Node(Answer):
    """A vertex of a plan; without chains, an operator."""

    id: str
    parallelism: int
    inputs: tuple[Input, ...] = ()


class Plan(Answer):
    """The graph that a main() describes."""

    nodes: list[Node]
    type: str = "STREAMING"
    name: str = ""


class PlanAnswer(Answer):
    """`POST /jars/:id/plan`.

    {"plan": {"jid": "…", "nodes": [{"id": "b71731f1…", "parallelism": 2, "inputs": [{"id": "ca88eee0…"}]}]}}
    """

    plan: Plan

    @property
    def planned(self) -> Planned:
        """The plan as core compares it."""
        nodes = self.plan.nodes
        return Planned(
            {node.id: node.parallelism for node in nodes},
            {node.id: tuple(input_.id for input_ in node.inputs) for node in nodes},
            batch=self.plan.type == "BATCH",
            name=self.plan.name,
        )


class Slots(Answer):
    """`GET /overview`."""

    available: int = Field(alias="slots-available")


class NamedVertex(Answer):
    """A vertex of `GET /jobs/:id`."""

    id: str
    name: str
    parallelism: int = 0
    max_parallelism: int = Field(alias="maxParallelism", default=0)


class NamedVertices(Answer):
    """`GET /jobs/:id` (cached, up to 3 s)."""

    vertices: list[NamedVertex]


class Numbered(Answer):
    """A checkpoint or a savepoint; both count on from the same number."""

    id: int


class Newest(Answer):
    """The newest of each kind."""

    completed: Numbered | None = None
    savepoint: Numbered | None = None


class NewestOfJob(Answer):
    """`GET /jobs/:id/checkpoints` (cached, up to 3 s)."""

    latest: Newest

    @property
    def number(self) -> int | None:
        """The number of the newest complete one."""
        return max((found.id for found in (self.latest.completed, self.latest.savepoint) if found), default=None)


class VertexState(Answer):
    """What one vertex wrote into a checkpoint (bytes), over all its subtasks and coordinators.

    `state_size` counts what earlier checkpoints wrote, too, and the records under way of an unaligned checkpoint.
    """

    state_size: int
    persisted_data: int = 0


class CheckpointDetails(Answer):
    """`GET /jobs/:id/checkpoints/details/:checkpoint`.

    {"id": 14, "tasks": {"ee80cf1f…": {"state_size": 6594, "persisted_data": 0}}}
    """

    tasks: dict[str, VertexState]

    def vertices(self, named: NamedVertices) -> tuple[Vertex, ...]:
        """Return the state of each vertex that the job has."""
        return tuple(
            Vertex(
                vertex.id,
                vertex.name,
                state.state_size,
                in_flight=state.persisted_data > 0,
                max_parallelism=vertex.max_parallelism,
            )
            for vertex in named.vertices
            if (state := self.tasks.get(vertex.id))
        )
