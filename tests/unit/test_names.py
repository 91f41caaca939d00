"""Which names and paths are taken: nothing that a request names leads outside the roots."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flinkfuncs.core.errors import Refused
from flinkfuncs.core.names import Directory, JobName, require_one


@pytest.mark.parametrize(
    "text",
    [
        "https://user:hunter2@a.blob.core.windows.net/c/sp",
        "https://user:hunter@2@a.blob.core.windows.net/c/sp",
        "https://a.blob.core.windows.net/c/sp?sv=2020&sig=hunter2",
    ],
)
def test_a_directory_with_a_secret_in_it_is_refused_without_it(text: str) -> None:
    """It would be recorded, and shown in rows."""
    with pytest.raises(Refused) as refused:
        Directory.parse(text)
    assert refused.value.code == "InvalidDirectory"
    assert "hunter" not in refused.value.message
    assert "a.blob.core.windows.net/c/sp" in refused.value.message


@pytest.mark.parametrize("name", ["a", "orders", "orders-2", "0", "-", "a" * 63])
def test_a_job_name_has_small_letters_digits_and_dashes(name: str) -> None:
    """1 to 63 of them."""
    assert JobName(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a" * 64,
        "Orders",
        "a/b",
        "..",
        ".",
        "%2F",
        "a%2fb",
        "a b",
        "orders\n",
        "\norders",
        "a_b",
        "ä",
        "\u0661",
        "a\x00",
        "a\\b",
    ],
)
def test_whatever_else_is_no_job_name(name: str) -> None:
    """It becomes part of blob names, directories and Flink's configuration."""
    with pytest.raises(Refused) as raised:
        JobName(name)
    assert (raised.value.status, raised.value.code) == (400, "InvalidJobName")


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("file:/sp", "file:///sp"),
        ("file:///sp/", "file:///sp"),
        ("FILE:////sp//a/", "file:///sp/a"),
        (" file:///sp ", "file:///sp"),
        ("abfs://C@Account.dfs.core.windows.net/Sp/", "abfs://c@account.dfs.core.windows.net/Sp"),
        ("abfss://c@a.dfs.core.windows.net", "abfss://c@a.dfs.core.windows.net"),
        ("file:///s%70/my%20dir", "file:///sp/my dir"),
        ("file:///sp/my dir", "file:///sp/my dir"),
        ("file:///sp/%C3%A9", "file:///sp/é"),
    ],
)
def test_a_directory_is_written_in_one_way(text: str, normal: str) -> None:
    """And what was written is read back as the same."""
    assert str(Directory.parse(text)) == normal
    assert Directory.parse(normal) == Directory.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/sp",
        "sp",
        "file:///sp/../etc",
        "file:///sp/..",
        "file:///./sp",
        "file:///sp%2F..%2Fetc",
        "file:///sp/%2e%2E/etc",
        "file:///sp/%252e%252e/etc",
        "file:///sp/%zz",
        "file:///sp/%ff",
        "file:///sp/a%3Fb",
        "file:///sp/a%00b",
        "abfs://c%40x@a/sp",
        "file:///sp\\..\\etc",
        "file:///sp?x=1",
        "file:///sp#x",
        "file://[sp/x",
        "file:///sp/.\t./etc",
    ],
)
def test_a_path_that_could_climb_is_no_directory(text: str) -> None:
    """Whichever way it is written."""
    with pytest.raises(Refused):
        Directory.parse(text)


@pytest.mark.parametrize(
    ("root", "other", "holds"),
    [
        ("file:///root", "file:/root", True),
        ("file:///root", "file:///root/a/b", True),
        ("file:///root/", "file:///root2", False),
        ("file:///root", "file:///root2/a", False),
        ("file:///root/a", "file:///root", False),
        ("file:///", "file:///anything", True),
        ("abfs://c@a.dfs.core.windows.net/sp", "abfss://c@a.dfs.core.windows.net/sp/1", True),
        ("abfs://c@a.dfs.core.windows.net/sp", "abfs://d@a.dfs.core.windows.net/sp/1", False),
        ("abfs://c@a.dfs.core.windows.net/sp", "abfs://c@b.dfs.core.windows.net/sp/1", False),
        ("abfs://c@a.dfs.core.windows.net/sp", "wasb://c@a.blob.core.windows.net/sp/1", True),
        ("abfs://c@a.dfs.core.windows.net/sp", "wasbs://c@a.blob.core.windows.net/sp/1", True),
        ("abfs://c@a.dfs.core.windows.net/sp", "abfs://c@a/sp/1", True),
        ("abfs://c@a/sp", "abfss://c@a.dfs.core.windows.net/sp/1", True),
        ("abfs://c@a.dfs.core.windows.net/sp", "https://a.blob.core.windows.net/c/sp/1", True),
        ("abfs://c@a.dfs.core.windows.net/sp", "https://A.dfs.core.windows.net/c/sp", True),
        ("https://a.blob.core.windows.net/c/sp", "abfs://c@a/sp/1", True),
        ("abfs://c@a.dfs.core.windows.net/sp", "https://a.blob.core.windows.net/d/sp/1", False),
        ("abfs://c@a.dfs.core.windows.net/sp", "https://a.blob.core.windows.net/c/sp2", False),
        ("abfs://c@a.dfs.core.windows.net/sp", "http://a.blob.core.windows.net/c/sp/1", False),
        ("abfs://c@a.dfs.core.windows.net/sp", "https://a.blob.core.windows.net.evil.example/c/sp/1", False),
        ("abfs://c@a.dfs.core.windows.net/sp", "https://a.evil.example/c/sp/1", False),
        ("abfs://c@a.dfs.core.windows.net/sp", "https://x@a.blob.core.windows.net/c/sp/1", False),
        ("abfs://c@a.dfs.core.windows.net/sp", "https://a.blob.core.windows.net:444/c/sp/1", False),
        ("abfs://c@a.dfs.core.windows.net/sp", "abfs://c@a.evil.example/sp/1", False),
        ("abfs://c@a.dfs.core.windows.net/sp", "abfs://c@aa/sp/1", False),
        ("abfs://c@a.dfs.core.windows.net/sp", "abfs://a/sp/1", False),
        ("abfs://c@a.dfs.core.windows.net/sp", "s3://c@a/sp/1", False),
        ("abfs://c@a.dfs.core.windows.net/sp", "file:///sp/1", False),
    ],
)
def test_a_directory_holds_only_what_lies_below_it(root: str, other: str, holds: bool) -> None:
    """In the same store, and not what only begins alike."""
    assert Directory.parse(root).holds(Directory.parse(other)) is holds


ROOTS = ["abfs://c@a.dfs.core.windows.net/sp", "wasbs://c@a/sp", "https://a.blob.core.windows.net/c/sp"]


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize(
    "other", ["abfs://c@a/sp/x/1", "wasb://c@a.blob.core.windows.net/sp/x/1", "https://a.dfs.core.windows.net/c/sp/x/1"]
)
def test_a_place_in_another_notation_comes_back_in_the_roots(root: str, other: str) -> None:
    """Flink can read that one; and its blob is the same one, whatever it is called."""
    found = Directory.parse(root).require(Directory.parse(other))
    assert str(found) == f"{root}/x/1"
    assert (found.container, found.blob_name) == ("c", "sp/x/1")
    assert require_one([Directory.parse("file:///sp"), Directory.parse(root)], Directory.parse(other)) == found
    with pytest.raises(Refused, match="does not lie below file:///sp or"):
        require_one([Directory.parse("file:///sp"), Directory.parse(root)], Directory.parse("abfs://c@b/sp"))


@given(st.text(alphabet="/.\\%ab ", max_size=20))
def test_nothing_that_is_held_leaves_the_root(tail: str) -> None:
    """Whatever a request writes behind the root: it is refused, elsewhere, or below."""
    root = Directory.parse("file:///root/sp")
    try:
        other = root.require(Directory.parse(f"file:///root/sp{tail}"))
    except Refused:
        return
    assert other.path == "/root/sp" or other.path.startswith("/root/sp/")
    assert ".." not in other.path.split("/")
