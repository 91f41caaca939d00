"""Which place counts where the command line is configured at several: flag, environment, or a profile of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from flinkfuncs_cli.__main__ import parser
from flinkfuncs_cli.config import Config, configuration

URL = "https://app.example"
A, B, C = "https://a.example", "https://b.example", "https://c.example"
SECRET, OTHER = "AccountKey=of the environment", "AccountKey=of the file"


def configured(home: Path, flags: dict[str, str], environment: dict[str, str], profile: dict[str, str]) -> Config:
    """Read a configuration of deploy, which takes all flags that there are."""
    file = home / "flinkfuncs" / "config.toml"
    file.parent.mkdir()
    lines = [f'{name} = "{text}"' for name, text in {"url": URL, **profile}.items()]
    file.write_text("\n".join(['default = "one"', "[profiles.one]", *lines]))
    file.chmod(0o600)
    words = [word for name, text in flags.items() for word in (f"--{name.replace('_', '-')}", text)]
    variables = {f"FLINKFUNCS_{name.upper()}": text for name, text in environment.items()}
    args = parser().parse_args(["deploy", "x.jar", "--job", "orders", *words])
    return configuration(args, {"XDG_CONFIG_HOME": str(home), **variables})


@pytest.mark.parametrize(
    ("said", "found"),
    [((A, B, C), A), ((None, B, C), B), ((None, None, C), C), ((None, "", C), C), ((A, None, None), A)],
)
@pytest.mark.parametrize("name", ["url", "storage_url", "container"])
def test_a_flag_goes_before_the_environment_and_that_before_the_file(
    tmp_path: Path, name: str, said: tuple[str | None, ...], found: str
) -> None:
    """Each by itself: another field may come from another place. An empty text is none."""
    flags, environment, profile = ({} if text is None else {name: text} for text in said)
    config = configured(tmp_path, flags, environment, profile)
    assert getattr(config, name) == found
    assert config.url == (found if name == "url" else URL)


def test_without_any_the_container_is_that_of_the_app(tmp_path: Path) -> None:
    """As JARS_CONTAINER is where nobody sets it."""
    config = configured(tmp_path, {}, {}, {})
    assert (config.container, config.storage_url, config.storage_connection) == ("jars", "", "")


@pytest.mark.parametrize(
    ("flags", "environment", "profile", "rights"),
    [
        # of the app: a key, or a token
        ({}, {"key": "near"}, {"token_resource": "api://far"}, {"key": "near"}),
        ({}, {"token_resource": "api://near"}, {"key": "far"}, {"token_resource": "api://near"}),
        ({}, {}, {"key": "k", "token_resource": "api://t"}, {"key": "k", "token_resource": "api://t"}),
        ({}, {"container": "c"}, {"key": "far"}, {"key": "far"}),
        # of the storage: an account to sign in to, or a connection string
        ({"storage_url": A}, {"storage_connection": SECRET}, {}, {"storage_url": A}),
        ({"storage_url": A}, {}, {"storage_connection": OTHER}, {"storage_url": A}),
        ({}, {"storage_url": B}, {"storage_connection": OTHER}, {"storage_url": B}),
        ({}, {"storage_connection": SECRET}, {"storage_url": C}, {"storage_connection": SECRET}),
        ({}, {"storage_connection": ""}, {"storage_url": C}, {"storage_url": C}),
        # one of each, from different places
        (
            {"storage_url": A},
            {"key": "near"},
            {"token_resource": "api://far", "storage_connection": OTHER},
            {"storage_url": A, "key": "near"},
        ),
    ],
)
def test_of_two_rights_the_one_at_the_nearer_place_counts_alone(
    tmp_path: Path,
    flags: dict[str, str],
    environment: dict[str, str],
    profile: dict[str, str],
    rights: dict[str, str],
) -> None:
    """A key that lies in a file must not go where the environment wants a token, nor the other way round."""
    config = configured(tmp_path, flags, environment, profile)
    every = ("key", "token_resource", "storage_url", "storage_connection")
    assert {name: text for name in every if (text := getattr(config, name))} == rights


def test_only_a_file_that_holds_a_secret_has_to_be_its_owners(tmp_path: Path) -> None:
    """Whether it counts or not: others can read it."""
    config = configured(tmp_path, {}, {"key": "near"}, {"token_resource": "api://far"})
    assert config.readable_by_others is None
    file = tmp_path / "flinkfuncs" / "config.toml"
    file.chmod(0o644)
    args = parser().parse_args(["jobs"])
    assert configuration(args, {"XDG_CONFIG_HOME": str(tmp_path)}).readable_by_others is None
    file.write_text(f'default = "one"\n[profiles.one]\nurl = "{URL}"\nkey = "secret"')
    assert configuration(args, {"XDG_CONFIG_HOME": str(tmp_path)}).readable_by_others == file
    nearer = {"XDG_CONFIG_HOME": str(tmp_path), "FLINKFUNCS_KEY": "another"}
    assert configuration(args, nearer).readable_by_others == file
