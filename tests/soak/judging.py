"""What must hold at the end of a soak; each function returns what does not, in words."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from house import BUCKET
from psycopg.rows import dict_row
from submitting import RETRIES

from jupyter_ml.core.artifacts import is_draft
from jupyter_ml.core.context import Context
from jupyter_ml.core.locks import try_lock
from jupyter_ml.tick import PRINCIPAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from house import House

Json = dict[str, Any]
ENDED = {"Completed", "Failed", "Stopped"}
_MADE = "made.txt"
_HOUR_S = 3600.0


def judge(house: House) -> list[str]:
    """Return all problems."""
    return [problem for check in CHECKS for problem in check(house)]


def _select(house: House, query: str) -> list[Json]:
    """Ask the database itself, past the store."""
    if house.database:
        with psycopg.connect(house.database, row_factory=dict_row) as server:
            return server.execute(query).fetchall()
    address = f"file:{house.workspace / 'jupyter_ml.db'}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as file:
        file.row_factory = sqlite3.Row
        return [dict(row) for row in file.execute(query)]


def _attempts(house: House) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for row in _select(house, "SELECT * FROM attempts ORDER BY id"):
        attempt = {**row, "verdict": json.loads(row["verdict"] or "{}")}
        found.setdefault(attempt["key"], []).append(attempt)
    return found


def _runs(house: House) -> list[Json]:
    path = house.notes / "runs.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def store_is_whole(house: House) -> Iterator[str]:
    """Look at the file of the store, if it is one, and at the chain of its events."""
    if not house.database:
        for row in _select(house, "PRAGMA integrity_check"):
            if row["integrity_check"] != "ok":
                yield f"The store is damaged: {row['integrity_check']}"
    verified = subprocess.run(
        [sys.executable, "-m", "jupyter_ml.cli", "audit", "verify"],
        env=house.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if verified.returncode:
        yield f"The event log does not verify: {verified.stdout}{verified.stderr}"


def nothing_is_lost_or_made_up(house: House) -> Iterator[str]:
    """Compare the jobs with what was submitted."""
    rows = _select(house, "SELECT key FROM rows WHERE kind = 'TrainingJob'")
    there = Counter(row["key"] for row in rows)
    for name in sorted(house.ledger.names("acknowledged")):
        if there[name] != 1:
            yield f"{name} was acknowledged and is there {there[name]} times."
    for name in sorted(set(there) - house.ledger.names("submitting")):
        yield f"{name} is there and was never submitted."


def each_end_is_true(house: House) -> Iterator[str]:
    """Compare each job's description with what it did and what was done to it."""
    attempts = _attempts(house)
    ran = {run["token"] for run in _runs(house) if run["what"] == "end"}
    killed = Counter(
        fact["name"] for fact in house.ledger.facts("killed") if fact["role"] in {"job", "shim"}
    )
    stopped = house.ledger.names("stopping")
    for name in sorted(house.ledger.names("acknowledged")):
        job = house.local.call("DescribeTrainingJob", {"TrainingJobName": name})
        status, reason = job["TrainingJobStatus"], job.get("FailureReason", "")
        mine = attempts.get(name, [])
        said = f"{name} is {status} ({reason!r}, {len(mine)} attempt(s))"
        if status not in ENDED or any(attempt["state"] != "Ended" for attempt in mine):
            yield f"{said} and has not ended."
        elif status == "Completed":
            if name.endswith("failing") or mine[-1]["token"] not in ran:
                yield f"{said}, but its program did not come to its end."
            elif (content := _model(house, job)) != name:
                yield f"{said}, but its model holds {content!r}."
        elif status == "Stopped" and name not in stopped:
            yield f"{said}, but nobody stopped it."
        elif status == "Failed" and not (
            killed[name] or (name.endswith("failing") and f"this job fails: {name}" in reason)
        ):
            yield f"{said}, but it was not killed and does not fail by itself."
        if len(mine) > 1 + (RETRIES if name.endswith("retried") else 0):
            yield f"{said}: that is more attempts than it may have."
        lost = sum(attempt["verdict"].get("state") == "Lost" for attempt in mine)
        if lost > killed[name]:
            yield f"{said}: {lost} were lost, but {killed[name]} were killed."


def _model(house: House, job: Json) -> str:
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    path = house.workspace / "buckets" / uri.removeprefix("s3://")
    try:
        with tarfile.open(path) as archive:
            file = archive.extractfile(_MADE)
            return file.read().decode() if file is not None else ""
    except (OSError, KeyError, tarfile.TarError) as error:
        return f"nothing ({error!r})"


def nothing_is_done_twice(house: House) -> Iterator[str]:
    """Look at the lines that the jobs wrote: each attempt at most once, none beside another."""
    runs = _runs(house)
    known = {a["token"]: name for name, mine in _attempts(house).items() for a in mine}
    for what in ("start", "end"):
        for token, count in Counter(r["token"] for r in runs if r["what"] == what).items():
            if count > 1:
                yield f"An attempt of {known.get(token)} has {count} lines {what!r}."
    for run in runs:
        if run["what"] == "twice at once":
            yield f"{run['name']} ran while another attempt of it ran."
        if known.get(run["token"]) != run["name"]:
            yield f"{run['name']} ran with the token {run['token']}, which is not one of its own."


def no_request_failed(house: House) -> Iterator[str]:
    """Look at each request that failed, and at each answer, for what allows it."""
    deleting = {fact["name"]: fact["at"] for fact in house.ledger.facts("deleting")}
    for fact in house.ledger.facts("failed request"):
        goes = deleting.get(fact["name"])
        if goes is not None and goes <= fact["at"]:
            continue
        if fact["surface"] == "server" and _server_was_away(house, fact["began"], fact["at"]):
            continue
        took = fact["at"] - fact["began"]
        yield f"A request to {fact['name']} failed after {took:.1f} s: {fact['message']}"
    for fact in house.ledger.facts("answer"):
        if fact["factor"] not in _factors(house, fact["name"], fact["began"], fact["at"]):
            yield f"{fact['name']} answered with the factor {fact['factor']}, which is not its own."
    for fact in house.ledger.facts("not serving"):
        yield f"The endpoint {fact['name']} did not come into service: {fact['message']}"


def _server_was_away(house: House, began: float, ended: float) -> bool:
    away: float | None = None
    for fact in house.ledger.facts("killing", "server started"):
        if fact["what"] == "killing" and fact["role"] == "server":
            away = fact["at"] if away is None else away
        elif fact["what"] == "server started" and away is not None:
            if away <= ended and fact["at"] >= began:
                return True
            away = None
    return away is not None and away <= ended


def _factors(house: House, name: str, began: float, ended: float) -> set[int]:
    """Return what an endpoint may have answered with between two times."""
    factors: set[int] = set()
    for fact in house.ledger.facts("deploying", "serving"):
        if fact["name"] != name or fact["at"] > ended:
            continue
        if fact["what"] == "serving" and fact["at"] < began:
            factors = {fact["factor"]}  # what served before does not any more
        factors.add(fact["factor"])
    return factors


def what_was_put_is_there(house: House) -> Iterator[str]:
    """Read the objects that S3 acknowledged."""
    for fact in house.ledger.facts("put"):
        path = house.workspace / "buckets" / BUCKET / fact["name"]
        found = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "nothing"
        if found != fact["digest"]:
            yield f"The object {fact['name']} was acknowledged and is {found}."


def nothing_is_held(house: House) -> Iterator[str]:
    """Look for control groups, locks of CPUs, drafts and reserves that nobody needs any more."""
    tokens = {a["token"][:16] for mine in _attempts(house).values() for a in mine}
    for path in Path("/sys/fs/cgroup").rglob("jupyter_ml-*"):
        if path.name.split("-")[1] in tokens:
            yield f"The control group {path} is left."
    for path in (house.workspace / "locks" / "cpus").glob("*"):
        with try_lock(path) as free:
            if not free:
                yield f"The lock {path} is held."
    # What a server had begun to write when it was killed may stay an hour; then it is collected.
    later = replace(house.local.runtime, clock=lambda: time.time() + 2 * _HOUR_S)
    Context(later, PRINCIPAL).call("CollectGarbage", {})
    for path in house.workspace.rglob("*"):
        is_left = is_draft(path.name) or path.name == "reserve" or path.name.endswith(".tmp")
        if is_left:
            yield f"{path.relative_to(house.workspace)} is left over."


CHECKS = (
    store_is_whole,
    nothing_is_lost_or_made_up,
    each_end_is_true,
    nothing_is_done_twice,
    no_request_failed,
    what_was_put_is_there,
    nothing_is_held,
)
