"""Show who changed what, check that the record is intact, or export it.

    audit list --since 1d --by ann     the newest events, of those that fit
    audit verify                       whether anything was changed, removed, inserted or cut off
    audit head                         the newest event's number and hash, to keep elsewhere
    audit export events.jsonl          every event as a record of CloudTrail, one a line

`verify` ends with status 1 where the record is not what was written. Heads that were kept elsewhere
show more than the workspace can: `audit verify --head HEAD`, `audit verify --heads FILE`.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from jupyter_ml.client import paginate
from jupyter_ml.contract.errors import MLError, UsageError
from jupyter_ml.toolkit.new_file import new_file
from jupyter_ml.toolkit.verbs.output import Table, Text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from jupyter_ml.client import Client

Json = dict[str, Any]
WHAT = ("list", "verify", "head", "export")
_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_HEAD = re.compile(r"(?:(\d{1,15}):)?([0-9a-f]{64})")
_COLUMNS = ("Kind", "Message", "Expected", "Found")
_OWNER = (
    "Whoever owns the workspace's files could still write the whole log anew. Only a head that is "
    "kept where they cannot write shows that: jupyter ml audit head"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``audit``."""
    parser.add_argument("what", nargs="?", choices=WHAT, default="list", help="default: list")
    parser.add_argument("path", nargs="?", metavar="FILE", help="of export; default: the output")
    parser.add_argument("--since", metavar="TIME", help="30m, 12h, 1d, 2w ago, or 2026-11-25")
    parser.add_argument("--until", metavar="TIME", help="the same")
    parser.add_argument("--by", metavar="USER", help="only what this user did")
    parser.add_argument("--operation", metavar="NAME", help="such as CreateTrainingJob")
    parser.add_argument("--resource", metavar="NAME", help="such as the name of a job")
    parser.add_argument("--type", metavar="KIND", help="such as TrainingJob")
    parser.add_argument("--denied", action="store_true", help="only what was denied")
    parser.add_argument("-n", "--limit", type=int, metavar="N", help="default of list: 50")
    parser.add_argument(
        "--head", action="append", metavar="HEAD", help="of verify: as `audit head` printed it"
    )
    parser.add_argument("--heads", metavar="FILE", help="of verify: one head a line")


def run(client: Client, args: argparse.Namespace) -> object:
    """Return what was asked for."""
    if args.what != "verify" and (args.head or args.heads):
        raise UsageError("--head and --heads are for verify.")
    if args.what != "export" and args.path is not None:
        raise UsageError(f"{args.path!r} is one word too many.")
    if args.limit is not None and args.limit < 1:
        raise UsageError(f"--limit takes 1 or more, not {args.limit}.")
    return _DOES[args.what](client, args)


def _list(client: Client, args: argparse.Namespace) -> Table:
    events = islice(_found(client, args), args.limit or 50)
    rows = [
        (
            _local(event["EventTime"]),
            event.get("Username", ""),
            event["EventName"],
            " ".join(
                f"{each['ResourceType']} {each['ResourceName']}" for each in event["Resources"]
            ),
            event.get("ErrorCode", ""),
        )
        for event in events
    ]
    return Table(("TIME", "WHO", "WHAT", "OF", "DENIED"), rows, "" if rows else "No events.")


def _export(client: Client, args: argparse.Namespace) -> Text | None:
    events = islice(_found(client, args, "Ascending"), args.limit)
    with ExitStack() as stack:
        target: TextIO = sys.stdout
        if args.path is not None:
            descriptor = new_file(Path(args.path))
            target = stack.enter_context(os.fdopen(descriptor, "w", encoding="utf-8"))
        number = 0
        for event in events:
            target.write(event["CloudTrailEvent"] + "\n")
            number += 1
    if args.path is None:
        return None
    return Text(f"{number:,} events in {args.path}, one JSON record of CloudTrail's form a line.")


def _head(client: Client, args: argparse.Namespace) -> Text:
    del args
    head = client.call("GetEventLogHead", {})
    if not head:
        raise MLError("The event log is empty, so it has no head yet.")
    return Text(f"{head['SequenceNumber']}:{head['Hash']}")


def _verify(client: Client, args: argparse.Namespace) -> Text | Table:
    heads = [_parsed(word, "--head") for word in args.head or ()]
    if args.heads:
        heads += _read(args.heads)
    found = client.call("VerifyEventLog", {"Heads": heads})
    head = found.get("Head")
    against = f"{found['HeadCount']:,} noted head{'s' * (found['HeadCount'] != 1)}"
    events = f"{found['EventCount']:,} event{'s' * (found['EventCount'] != 1)}"
    if found["Valid"]:
        newest = f"\nNewest: {head['SequenceNumber']}:{head['Hash']}" if head else ""
        return Text(f"{events} are as they were written, by {against}.{newest}\n{_OWNER}")
    rows = [
        (str(flaw["SequenceNumber"]), *(flaw[name] for name in _COLUMNS)) for flaw in found["Flaws"]
    ]
    left_out = f" {found['FlawsLeftOut']:,} more are left out." if found["FlawsLeftOut"] else ""
    note = (
        f"The log is not what was written: {events} read, by {against}.{left_out} A power cut can "
        "take the newest events, a restored backup all since it; all else was done by somebody who "
        "could write to the store."
    )
    return Table(("EVENT", "IS", "WHAT", "EXPECTED", "FOUND"), rows, note, exit_status=1)


_DOES: dict[str, Callable[[Client, argparse.Namespace], object]] = {
    "list": _list,
    "verify": _verify,
    "head": _head,
    "export": _export,
}


def _found(client: Client, args: argparse.Namespace, order: str = "Descending") -> Iterator[Json]:
    wanted = {
        "Username": args.by,
        "EventName": args.operation,
        "ResourceName": args.resource,
        "ResourceType": args.type,
        "ErrorCode": "AccessDeniedException" if args.denied else None,
    }
    request: Json = {
        "LookupAttributes": [
            {"AttributeKey": key, "AttributeValue": value} for key, value in wanted.items() if value
        ],
        "SortOrder": order,
        "MaxResults": min(args.limit or 1000, 1000),
    }
    for member, text in (("StartTime", args.since), ("EndTime", args.until)):
        if text is not None:
            request[member] = moment(text).timestamp()
    return paginate(client, "LookupEvents", request, "Events")


def moment(text: str, now: datetime | None = None) -> datetime:
    """Return the time that a user means: so long ago, or a date with or without a time of day.

    Raises
    ------
    UsageError
        It is neither.
    """
    now = now or datetime.now(UTC)
    if found := _AGO.fullmatch(text):
        try:
            return now - timedelta(**{_UNITS[found[2]]: float(found[1])})
        except OverflowError:
            pass
    try:
        # of the user's own time zone, unless it names one
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        msg = f"{text!r} is no time; write 30m, 12h, 1d, 2w or 2026-11-25 or 2026-11-25T14:30."
        raise UsageError(msg) from None


def _local(time: datetime | float) -> str:
    at = time if isinstance(time, datetime) else datetime.fromtimestamp(time, UTC)
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _read(path: str) -> list[Json]:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        msg = f"{path} cannot be read: {error}."
        raise UsageError(msg) from error
    return [_parsed(line.split()[0], path) for line in lines if line.strip()]


def _parsed(word: str, where: str) -> Json:
    found = _HEAD.fullmatch(word)
    if found is None:
        msg = f"{word!r} of {where} is no head; `jupyter ml audit head` prints one."
        raise UsageError(msg)
    return {"Hash": found[2], **({"SequenceNumber": int(found[1])} if found[1] else {})}
