"""Which names and paths may be used: nothing that a request names leads outside the configured roots.

A job's name becomes part of blob names, directories and Flink's configuration, so it is checked once, at the edge.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic_core import CoreSchema, core_schema

from .errors import Refused

_ACCOUNT_HOST = re.compile(r"([a-z0-9]+)\.(?:dfs|blob)\.core\.windows\.net")
_PASSWORD = re.compile(r"//[^/@]*:[^/]*@")  # https://user:password@host
_JOB_NAME = re.compile(r"[a-z0-9-]{1,63}")


class JobName(str):
    """A job's name: lower case letters, digits and `-`, 1 to 63 of them (the API's rule: small letters)."""

    __slots__ = ()

    def __new__(cls, text: str) -> JobName:
        """Check the text.

        Raises:
            Refused: the text is no job name (400).

        """
        if not _JOB_NAME.fullmatch(text):
            raise Refused(
                f"{text[:64]!r} is not a job name: use 1 to 63 lower case letters, digits and '-'",
                code="InvalidJobName",
                status=400,
            )
        return super().__new__(cls, text)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: type, _handler: Callable[[Any], CoreSchema]) -> CoreSchema:
        """Let a record hold a name; it is checked when the record is read, too."""
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


@dataclass(frozen=True)
class Directory:
    """A directory as Flink and Azure name it: `abfs://container@account.dfs.core.windows.net/path` or `file:///path`."""

    scheme: str
    authority: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Directory:
        """Split and normalise a directory's URI; what is percent-encoded is decoded, since Flink would not.

        Raises:
            Refused: it is not the URI of a directory, it holds a password or what no URI can, or its path climbs with
                `..` (400).

        """
        shown = _PASSWORD.sub("//******@", text.partition("?")[0])  # behind the question mark stands a signature
        refusal = Refused(f"{shown[:128]!r} is not a plain directory URI", code="InvalidDirectory", status=400)
        try:
            parts = urlsplit(text.strip())
            path = unquote(parts.path, errors="strict")
        except ValueError:  # a bracket in the host, or bytes that are not UTF-8
            raise refusal from None
        climbs = any(piece in (".", "..") for piece in path.replace("\\", "/").split("/"))
        written_again = not set("%?#") & set(path) and "%" not in parts.netloc and path.isprintable()
        secret = parts.query or _PASSWORD.search(text)
        if not parts.scheme or climbs or not written_again or secret or parts.fragment:
            raise refusal
        return cls(parts.scheme.lower(), parts.netloc.lower(), posixpath.normpath("/" + path.lstrip("/")))

    def __str__(self) -> str:
        """Write the URI without a slash at the end."""
        return f"{self.scheme}://{self.authority}{self.path.rstrip('/')}"

    def child(self, *names: str) -> Directory:
        """Return the directory that lies below this one under the given names."""
        return Directory(self.scheme, self.authority, posixpath.join(self.path, *names))

    @property
    def parent(self) -> Directory:
        """The directory in which this one lies; that of a root is the root."""
        return Directory(self.scheme, self.authority, posixpath.dirname(self.path))

    def holds(self, other: Directory) -> bool:
        """Whether the other directory is this one or lies below it, in whichever notation."""
        (store, path), (others, below) = _located(self), _located(other)
        return store == others and (below == path or below.startswith(path.rstrip("/") + "/"))

    def is_same(self, other: Directory) -> bool:
        """Whether both are one directory, though they may be written in two notations."""
        return _located(self) == _located(other)

    def shares_store(self, other: Directory) -> bool:
        """Whether both lie in one container, or on one file system."""
        return _located(self)[0] == _located(other)[0]

    def require(self, other: Directory) -> Directory:
        """Return the other directory if it lies here; one in another notation comes back in this one's.

        Raises:
            Refused: it lies elsewhere (400).

        """
        if not self.holds(other):
            raise Refused(f"{other} does not lie below {self}", code="OutsideRoot", status=400)
        if _family(self.scheme) == _family(other.scheme) and self.authority == other.authority:
            return other
        store, path = _located(other)
        return Directory(self.scheme, self.authority, f"/{store[-1]}{path}" if self.scheme == "https" else path)

    def is_in(self, container: str) -> bool:
        """Whether this lies in a blob container of that name, in whichever notation and account."""
        store = _located(self)[0]
        return store[0] == "azure" and store[-1] == container

    @property
    def container(self) -> str:
        """The blob container of a directory of Azure Storage."""
        return _located(self)[0][-1] if self.scheme == "https" else self.authority.partition("@")[0]

    @property
    def blob_name(self) -> str:
        """The name in its container of a blob that lies where this names it."""
        return _located(self)[1].lstrip("/")


def require_one(roots: Sequence[Directory], other: Directory) -> Directory:
    """Return a directory if it lies below one of the roots, in that one's notation.

    Raises:
        Refused: it lies elsewhere (400).

    """
    for root in roots:
        if root.holds(other):
            return root.require(other)
    places = " or ".join(map(str, roots))
    raise Refused(f"{other} does not lie below {places}", code="OutsideRoot", status=400)


def state_path(text: str) -> str:
    """Return a savepoint's or checkpoint's directory or bare name, without its `_metadata` and slashes at the end."""
    return text.strip().rstrip("/").removesuffix("/_metadata").rstrip("/")


def _family(scheme: str) -> str:
    """Return what notations have in common that differ in no more than their encryption."""
    return {"abfss": "abfs", "wasbs": "wasb"}.get(scheme, scheme)


def _located(directory: Directory) -> tuple[tuple[str, ...], str]:
    """Return a directory's store and its path there, the same for every notation of one place in Azure Storage.

    abfs://container@account/path                      abfss, wasb and wasbs alike
    abfs://container@account.dfs.core.windows.net/path
    https://account.blob.core.windows.net/container/path
    """
    container, _, host = directory.authority.rpartition("@")
    if _family(directory.scheme) in ("abfs", "wasb") and container:
        return ("azure", _account(host), container), directory.path
    if directory.scheme == "https" and _ACCOUNT_HOST.fullmatch(directory.authority):
        container, _, rest = directory.path.lstrip("/").partition("/")
        return ("azure", _account(directory.authority), container), f"/{rest}"
    return (_family(directory.scheme), directory.authority), directory.path


def _account(host: str) -> str:
    match = _ACCOUNT_HOST.fullmatch(host)
    return match[1] if match else host
