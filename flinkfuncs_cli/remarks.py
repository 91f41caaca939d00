"""Why, from which build, and made of which commit? What a person may say with an action; the app keeps it as history.

                 flag           Azure Pipelines                              GitHub
    -----------  -------------  -------------------------------------------  -------------------------------------------
    reason       --reason       -                                            -
    buildUrl     --build-url    SYSTEM_COLLECTIONURI, SYSTEM_TEAMPROJECT,    GITHUB_SERVER_URL, GITHUB_REPOSITORY,
                                BUILD_BUILDID                                GITHUB_RUN_ID
    commit       --commit       BUILD_SOURCEVERSION                          GITHUB_SHA

A flag goes before a field of --body or --job-json, and that before the pipeline's variables. These count as --ci says,
and a variable that cannot be a remark (the changeset of a TFVC repository is not a commit) says nothing.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from .console import Json
from .exits import Exit, Failure

LONGEST_REASON = 500  # characters
_COMMIT = re.compile("[0-9A-Fa-f]{7,64}")
FIELDS = ("reason", "buildUrl", "commit")


def given(args: argparse.Namespace) -> Json:
    """Return what flags say.

    Raises:
        Failure: the app would not take it.

    """
    reason, build_url, commit = (getattr(args, name, None) for name in ("reason", "build_url", "commit"))
    if reason and (len(reason) > LONGEST_REASON or not reason.isprintable()):
        raise Failure(Exit.USAGE, f"--reason is one line of at most {LONGEST_REASON} characters")
    if build_url and not _is_url(build_url):
        raise Failure(Exit.USAGE, f"--build-url: {build_url!r} is not an http or https URL")
    if commit and not _COMMIT.fullmatch(commit):
        raise Failure(Exit.USAGE, f"--commit: {commit!r} does not have 7 to 64 hex digits")
    said = {"reason": reason, "buildUrl": build_url, "commit": commit}
    return {name: text for name, text in said.items() if text}


def of_pipeline(ci: str, environment: Mapping[str, str] = os.environ) -> Json:
    """Return what a pipeline's variables say."""

    def joined(form: str, *names: str) -> str:
        texts = [environment.get(name, "") for name in names]
        return form.format(texts[0].rstrip("/"), *(quote(text) for text in texts[1:])) if all(texts) else ""

    match ci:
        case "azure":
            names = ("SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "BUILD_BUILDID")
            url = joined("{}/{}/_build/results?buildId={}", *names)
            commit = environment.get("BUILD_SOURCEVERSION", "")
        case "github":
            url = joined("{}/{}/actions/runs/{}", "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
            commit = environment.get("GITHUB_SHA", "")
        case _:
            return {}
    found = {"buildUrl": url if _is_url(url) else "", "commit": commit if _COMMIT.fullmatch(commit) else ""}
    return {name: text for name, text in found.items() if text}


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    return is_one and text.isprintable() and " " not in text
