"""Which app, and with what right? A flag goes before the environment, and that before the profile of a file.

                           flag             environment                     in ~/.config/flinkfuncs/config.toml
    ---------------------  ---------------  ------------------------------  -----------------------------------
    the app                --url            FLINKFUNCS_URL                  url
    its function key       -                FLINKFUNCS_KEY                  key
    or a token of `az`     -                FLINKFUNCS_TOKEN_RESOURCE       token_resource
    the jars' account      --storage-url    FLINKFUNCS_STORAGE_URL          storage_url
    … with its secret      -                FLINKFUNCS_STORAGE_CONNECTION   storage_connection
    their container        --container      FLINKFUNCS_CONTAINER            container
    which profile          --profile        FLINKFUNCS_PROFILE              default

    default = "test"

    [profiles.test]
    url = "https://flinkfuncs-test.azurewebsites.net"
    token_resource = "api://flinkfuncs-test"
    storage_url = "https://jarstest.blob.core.windows.net"

No secret is taken from a flag: a process list shows flags. None goes over plain http, but for loopback.
"""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

from .exits import Exit, Failure

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Config:
    """What is configured; an empty text is not."""

    url: str = ""
    key: str = ""
    token_resource: str = ""
    storage_url: str = ""
    storage_connection: str = ""
    container: str = "jars"
    readable_by_others: Path | None = None  # the file, where it holds a secret and others may read it


SECRETS = ("key", "storage_connection")
FIELDS = tuple(field.name for field in fields(Config) if field.name != "readable_by_others")
RIGHTS = ({"key", "token_resource"}, {"storage_url", "storage_connection"})  # of each the nearest place counts alone


def configuration(args: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Config:
    """Gather what is configured.

    Raises:
        Failure: the file cannot be read, has no such profile, or holds what nobody reads; the URL is no app's.

    """
    path = config_file(environment)
    profile, readable = _profile(path, args.profile or environment.get("FLINKFUNCS_PROFILE"))
    flags = {name: value for name in FIELDS if (value := getattr(args, name, None))}
    said = {name: value for name in FIELDS if (value := environment.get(f"FLINKFUNCS_{name.upper()}"))}
    chosen: dict[str, str] = {}
    for place in (flags, said, profile):
        taken = {name for right in RIGHTS if right & chosen.keys() for name in right}
        chosen = {name: value for name, value in place.items() if name not in taken} | chosen
    _check_url(chosen.get("url", ""))
    exposed = path if readable and any(name in profile for name in SECRETS) else None
    return Config(**chosen, readable_by_others=exposed)


def config_file(environment: Mapping[str, str]) -> Path:
    """Return where the file is, or would be."""
    home = environment.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "flinkfuncs" / "config.toml"


def _profile(path: Path, name: str | None) -> tuple[dict[str, str], bool]:
    """Return a profile, and whether people other than its owner may read the file."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        content = {}
    except (OSError, ValueError) as error:
        raise Failure(Exit.USAGE, f"{path} cannot be read: {error}") from None
    name = name or content.get("default")
    profiles = content.get("profiles", {})
    if name is None:
        return {}, False
    if name not in profiles:
        raise Failure(Exit.USAGE, f"{path} has no profile {name!r}; it has {', '.join(profiles) or 'none'}")
    profile = profiles[name]
    wrong = [key for key, value in profile.items() if key not in FIELDS or not isinstance(value, str)]
    if wrong:
        raise Failure(
            Exit.USAGE, f"{path}, profile {name}: {', '.join(wrong)}: not one of the texts {', '.join(FIELDS)}"
        )
    return profile, os.name == "posix" and bool(path.stat().st_mode & 0o077)


def _check_url(url: str) -> None:
    if not url:
        raise Failure(
            Exit.USAGE, "no app is configured: give --url, set FLINKFUNCS_URL, or write a profile: docs/command-line.md"
        )
    parts = urlsplit(url)
    if parts.query or parts.fragment or parts.username or parts.password:
        raise Failure(Exit.USAGE, "the URL must not have a query, a key or a password; put the key into FLINKFUNCS_KEY")
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise Failure(Exit.USAGE, f"{url!r} is not the URL of an app: https://<name>.azurewebsites.net")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise Failure(Exit.USAGE, f"{url!r} would send the key over plain http; use https")
