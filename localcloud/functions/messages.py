"""Which shapes does the worker library exchange with a host?

The real host sends protobuf messages; the library only reads and sets attributes, so plain objects of the same
attributes do. `TypedData` is protobuf's "one of": exactly one attribute is set, or none.
"""

import json
from types import SimpleNamespace

Content = str | bytes


class TypedData(SimpleNamespace):
    """One value on its way between host and worker."""

    def WhichOneof(self, _group: str = "data") -> str | None:  # noqa: N802  (protobuf's name)
        """The name of the attribute that is set."""
        return next(iter(vars(self)), None)

    @property
    def content(self) -> Content | None:
        """Text or bytes, or None for nothing and for what is neither."""
        kind = self.WhichOneof()
        value = getattr(self, kind) if kind else None
        return value if isinstance(value, str | bytes) else None


class ParameterBinding(SimpleNamespace):
    """A value with the name of the parameter it is for."""

    def WhichOneof(self, _group: str = "rpc_data") -> str:  # noqa: N802  (protobuf's name)
        """Values never travel by shared memory here."""
        return "data"


def text(value: str) -> TypedData:
    """A string."""
    return TypedData(string=value)


def binary(value: bytes) -> TypedData:
    """Bytes."""
    return TypedData(bytes=value)


def structured(value: object) -> TypedData:
    """Anything else travels as JSON, numbers and times too."""
    return TypedData(json=json.dumps(value))


def blob_reference(connection: str, container: str, blob: str) -> TypedData:
    """What a BlobClient parameter is made of: names, no content."""
    content = {"Connection": connection, "ContainerName": container, "BlobName": blob}
    reference = SimpleNamespace(
        version="1.0", source="AzureStorageBlobs", content_type="application/json", content=json.dumps(content).encode()
    )
    return TypedData(model_binding_data=reference)


def _shape(name: str, **constants: int) -> type[SimpleNamespace]:
    return type(name, (SimpleNamespace,), constants)


_PLAIN = (
    "FunctionLoadResponse",
    "FunctionMetadataResponse",
    "InvocationResponse",
    "NullableBool",
    "NullableDouble",
    "NullableString",
    "NullableTimestamp",
    "RpcException",
    "RpcFunctionMetadata",
    "RpcHttp",
    "RpcHttpCookie",
    "RpcRetryOptions",
    "WorkerInitResponse",
    "WorkerMetadata",
)
_DIRECTIONS = {"in": 0, "out": 1, "inout": 2, "undefined": 0, "string": 1, "binary": 2, "stream": 3}
_PROTOS = SimpleNamespace(
    StatusResult=_shape("StatusResult", Failure=0, Success=1, Cancelled=2),
    BindingInfo=_shape("BindingInfo", **_DIRECTIONS),
    TypedData=TypedData,
    ParameterBinding=ParameterBinding,
    **{name: _shape(name) for name in _PLAIN},
)


def request(**content: SimpleNamespace) -> SimpleNamespace:
    """A request as the library's entry points take it."""
    properties = {"host": "127.0.0.1", "protos": _PROTOS}
    return SimpleNamespace(request=SimpleNamespace(**content), properties=properties)
