"""A file as a comment on the pull request that this pipeline runs for, in Azure Repos or on GitHub; one for each job.

    python3 comment.py plan/plan.md orders

    where                  what says so                        the pull request                    the token
    ---------------------  ----------------------------------  ----------------------------------  -------------------
    GitHub                 GITHUB_ACTIONS                      PULL_REQUEST                        GITHUB_TOKEN
    Azure Repos            BUILD_REPOSITORY_PROVIDER: TfsGit   SYSTEM_PULLREQUEST_PULLREQUESTID    SYSTEM_ACCESSTOKEN
    anything else          -                                   -                                   -

The comment of an earlier run is written over: it is found by a line that no reader sees. A run that is not of a pull
request, and a place that is not known, are no error: the plan is in the run's summary as well.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

SECONDS = 60
PAGES = 20  # of 100 comments, which are looked through for an earlier one


def call(method: str, url: str, token: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    """Make one call of a REST API."""
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise SystemExit(f"{url} would send the token in the clear")
    request = Request(url, method=method)  # noqa: S310 - checked above
    request.add_unredirected_header("Authorization", f"Bearer {token}")
    request.add_header("Content-Type", "application/json")
    data = None if body is None else json.dumps(body).encode()
    with urlopen(request, data, timeout=SECONDS) as reply:  # noqa: S310 - as above
        return json.loads(reply.read())


def github(text: str, mark: str, environment: Mapping[str, str]) -> str:
    """Comment on a pull request on GitHub, and return where."""
    number = environment.get("PULL_REQUEST", "")
    if not number:
        return "this run is not of a pull request"
    token = environment["GITHUB_TOKEN"]
    repository = f"{environment['GITHUB_API_URL']}/repos/{environment['GITHUB_REPOSITORY']}"
    for comment in _comments(f"{repository}/issues/{int(number)}/comments", token):
        if mark in str(comment.get("body")):
            return str(
                call("PATCH", f"{repository}/issues/comments/{comment['id']}", token, {"body": text})["html_url"]
            )
    return str(call("POST", f"{repository}/issues/{int(number)}/comments", token, {"body": text})["html_url"])


def _comments(url: str, token: str) -> Iterator[dict[str, Any]]:
    for page in range(1, PAGES + 1):
        found = call("GET", f"{url}?per_page=100&page={page}", token)
        yield from found
        if len(found) < 100:
            return


def azure(text: str, mark: str, environment: Mapping[str, str]) -> str:
    """Comment on a pull request in Azure Repos, and return where."""
    number = environment.get("SYSTEM_PULLREQUEST_PULLREQUESTID", "")
    if not number:
        return "this run is not of a pull request"
    token = environment["SYSTEM_ACCESSTOKEN"]
    project = f"{environment['SYSTEM_COLLECTIONURI'].rstrip('/')}/{quote(environment['SYSTEM_TEAMPROJECT'])}"
    repository = f"{project}/_apis/git/repositories/{quote(environment['BUILD_REPOSITORY_ID'])}"
    threads = f"{repository}/pullRequests/{int(number)}/threads"
    version = "?api-version=7.1"
    for thread in call("GET", threads + version, token)["value"]:
        first: dict[str, Any] = next(iter(thread.get("comments") or []), {})
        if mark in str(first.get("content")):
            call("PATCH", f"{threads}/{thread['id']}/comments/{first['id']}{version}", token, {"content": text})
            return f"thread {thread['id']} of pull request {number}"
    comment = {"parentCommentId": 0, "content": text, "commentType": "text"}
    made = call("POST", threads + version, token, {"comments": [comment], "status": "closed"})
    return f"thread {made['id']} of pull request {number}"


def main(file: str, job: str, environment: Mapping[str, str] = os.environ) -> None:
    """Write the comment."""
    mark = f"<!-- flinkfuncs plan of {job} -->"
    text = f"{mark}\n{Path(file).read_text('utf-8')}"
    if environment.get("GITHUB_ACTIONS") == "true":
        where = github(text, mark, environment)
    elif environment.get("BUILD_REPOSITORY_PROVIDER") == "TfsGit":
        where = azure(text, mark, environment)
    else:
        where = "there is no place for a comment here"
    sys.stdout.write(f"comment: {where}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
