"""The operations of CloudWatch Logs that are there."""

from __future__ import annotations

import fnmatch
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from jupyter_ml.aws.cloudwatch_logs.events import event, merged, milliseconds, page_of
from jupyter_ml.aws.cloudwatch_logs.patterns import matcher
from jupyter_ml.aws.cloudwatch_logs.streams import Stream, Streams
from jupyter_ml.aws.subset import Subset
from jupyter_ml.contract.errors import ResourceNotFound, ValidationException

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_ml.aws.cloudwatch_logs.streams import Call
    from jupyter_ml.aws.owner import Owner

Json = dict[str, Any]
DEFAULT_PAGE = 50
_ACCOUNTS: Final = "rejected: there is one account; leave it out"
_GROUP: Final = {"logGroupName": "used", "logGroupIdentifier": "used"}
_UNMASK: Final = "recorded: nothing is masked"
MEMBERS: Final[dict[str, dict[str, str]]] = {
    "DescribeLogGroups": {
        "accountIdentifiers": _ACCOUNTS,
        "logGroupNamePrefix": "used",
        "logGroupNamePattern": "used",
        "nextToken": "used",
        "limit": "used",
        "includeLinkedAccounts": _ACCOUNTS,
        "logGroupClass": "rejected: groups have no classes here; leave it out",
        "logGroupIdentifiers": "rejected: use logGroupNamePrefix or logGroupNamePattern",
    },
    "DescribeLogStreams": {
        **_GROUP,
        "logStreamNamePrefix": "used",
        "orderBy": "used",
        "descending": "used",
        "nextToken": "used",
        "limit": "used",
    },
    "GetLogEvents": {
        **_GROUP,
        "logStreamName": "used",
        "startTime": "used",
        "endTime": "used",
        "nextToken": "used",
        "limit": "used",
        "startFromHead": "used",
        "unmask": _UNMASK,
    },
    "FilterLogEvents": {
        **_GROUP,
        "logStreamNames": "used",
        "logStreamNamePrefix": "used",
        "startTime": "used",
        "endTime": "used",
        "filterPattern": "used",
        "nextToken": "used",
        "limit": "used",
        "startFromHead": "rejected: events come oldest first here; leave it out",
        "interleaved": "recorded: streams are always interleaved",
        "unmask": _UNMASK,
    },
}


class CloudWatchLogs:
    """The operations over one workspace.

    Parameters
    ----------
    call
        Runs an operation of ours.
    owner, region
        What stands in ARNs.
    """

    def __init__(self, call: Call, owner: Owner, region: str) -> None:
        self._call, self._streams = call, Streams(call)
        self._arn = f"arn:aws:logs:{region}:{owner.account_id}:log-group:"
        self._since = owner.since

    def describe_log_groups(self, request: Json) -> Json:
        """Answer the groups, by name."""
        prefix, pattern = request.get("logGroupNamePrefix", ""), request.get("logGroupNamePattern")
        if prefix and pattern:
            raise ValidationException("Give logGroupNamePrefix or logGroupNamePattern, not both.")
        after = request.get("nextToken", "")
        found = [
            self._group(name, created)
            for name, created in self._streams.groups()
            if name.startswith(prefix) and name > after and _fits(name, pattern)
        ]
        return _page("logGroups", "logGroupName", found, request)

    def describe_log_streams(self, request: Json) -> Json:
        """Answer the streams of a group, by name or by the time of the last event."""
        prefix, order = request.get("logStreamNamePrefix", ""), request.get("orderBy")
        by_time = order == "LastEventTime"
        if by_time and prefix:
            raise ValidationException(
                "Streams that are found by logStreamNamePrefix cannot be ordered by LastEventTime."
            )
        group = self._group_name(request)
        streams: Iterator[Stream] | list[Stream] = self._streams.of(group, prefix)
        if by_time or request.get("descending", False):
            streams = sorted(
                streams,
                key=lambda stream: ((stream.last or stream.created) if by_time else 0, stream.name),
                reverse=request.get("descending", False),
            )
        start = _offset(request.get("nextToken"))
        size = request.get("limit", DEFAULT_PAGE)
        found = list(islice(streams, start, start + size + 1))
        answer: Json = {"logStreams": [self._stream(group, each) for each in found[:size]]}
        return {**answer, "nextToken": str(start + size)} if len(found) > size else answer

    def get_log_events(self, request: Json) -> Json:
        """Answer events of one stream."""
        stream = self._streams.named(self._group_name(request), request["logStreamName"])
        return page_of(self._call, stream, request)

    def filter_log_events(self, request: Json) -> Json:
        """Answer events of several streams that match a pattern, oldest first."""
        group, names = self._group_name(request), request.get("logStreamNames")
        if names and "logStreamNamePrefix" in request:
            raise ValidationException("Give logStreamNames or logStreamNamePrefix, not both.")
        matches = matcher(request.get("filterPattern", ""))
        streams = (
            [self._streams.named(group, name) for name in names]
            if names
            else self._streams.of(group, request.get("logStreamNamePrefix", ""))
        )
        found, token = merged(self._call, streams, request, matches)
        answer: Json = {
            "events": [
                {
                    **event(each.place.time_ms / 1000, each.text),
                    "logStreamName": each.place.stream,
                    "eventId": f"{each.place.time_ms:020}{each.place.offset:016}",
                }
                for each in found
            ],
            "searchedLogStreams": [],
        }
        return {**answer, "nextToken": token} if token else answer

    def _group_name(self, request: Json) -> str:
        name, identifier = request.get("logGroupName"), request.get("logGroupIdentifier")
        if (name is None) == (identifier is None):
            raise ValidationException("Give either logGroupName or logGroupIdentifier.")
        return str(name or identifier).removeprefix(self._arn).removesuffix(":*")

    def _group(self, name: str, created: float | None) -> Json:
        arn = self._arn + name
        return {
            "logGroupName": name,
            "creationTime": milliseconds(created or self._since),
            "arn": f"{arn}:*",
            "logGroupArn": arn,
            "logGroupClass": "STANDARD",
        }

    def _stream(self, group: str, stream: Stream) -> Json:
        answer: Json = {
            "logStreamName": stream.name,
            "creationTime": milliseconds(stream.created),
            "arn": f"{self._arn}{group}:log-stream:{stream.name}",
        }
        if stream.first is not None and stream.last is not None:
            answer["firstEventTimestamp"] = milliseconds(stream.first)
            answer["lastEventTimestamp"] = milliseconds(stream.last)
            answer["lastIngestionTime"] = milliseconds(stream.last)
        return answer


def cloudwatch_logs(call: Call, owner: Owner, region: str) -> Subset:
    """Return the CloudWatch Logs of a workspace."""
    logs = CloudWatchLogs(call, owner, region)
    return Subset(
        "logs",
        {
            "DescribeLogGroups": logs.describe_log_groups,
            "DescribeLogStreams": logs.describe_log_streams,
            "GetLogEvents": logs.get_log_events,
            "FilterLogEvents": logs.filter_log_events,
        },
        MEMBERS,
        {
            ValidationException.code: "InvalidParameterException",
            ResourceNotFound.code: "ResourceNotFoundException",
        },
    )


def _page(member: str, key: str, found: list[Json], request: Json) -> Json:
    size = request.get("limit", DEFAULT_PAGE)
    answer: Json = {member: found[:size]}
    return {**answer, "nextToken": found[size - 1][key]} if len(found) > size else answer


def _fits(name: str, pattern: str | None) -> bool:
    return pattern is None or fnmatch.fnmatchcase(name.lower(), f"*{pattern.lower()}*")


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdecimal():
        raise ValidationException(f"nextToken {token!r} is not one that was given out here.")
    return int(token)
