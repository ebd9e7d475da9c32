"""Log groups and log streams, named as SageMaker names them.

``/aws/sagemaker/TrainingJobs`` has a stream ``JOB/algo-1-SECONDS`` for each member of each attempt
at each job, ``/aws/sagemaker/Endpoints/ENDPOINT`` a stream ``VARIANT/i-ID`` for each of its
generations.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import ResourceNotFound, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
Call = Callable[[str, Json], Json]
JOBS = "/aws/sagemaker/TrainingJobs"
ENDPOINTS = "/aws/sagemaker/Endpoints/"
_PAGE = 100
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


@dataclass(frozen=True)
class Stream:
    """A log and its name in CloudWatch Logs; times are epoch seconds."""

    name: str
    kind: str
    resource: str
    attempt: int
    member: int
    created: float
    first: float | None
    last: float | None

    @property
    def log(self) -> Json:
        """What names the log in our own operations."""
        return {
            "ResourceType": self.kind,
            "ResourceName": self.resource,
            "Attempt": self.attempt,
            "Member": self.member,
        }


class Streams:
    """The groups and streams of a workspace.

    Parameters
    ----------
    call
        Runs an operation.
    """

    def __init__(self, call: Call) -> None:
        self._call = call

    def groups(self) -> list[tuple[str, float | None]]:
        """Return the groups by name, with the time that what they belong to was made."""
        found: list[tuple[str, float | None]] = [(JOBS, None)]
        request: Json = {"SortBy": "Name", "SortOrder": "Ascending", "MaxResults": _PAGE}
        while True:
            page = self._call("ListEndpoints", request)
            found += [
                (ENDPOINTS + each["EndpointName"], each["CreationTime"])
                for each in page["Endpoints"]
            ]
            if "NextToken" not in page:
                return sorted(found)
            request = {**request, "NextToken": page["NextToken"]}

    def of(self, group: str, prefix: str = "") -> Iterator[Stream]:
        """Return the streams of a group whose names begin so, in the order of the names.

        Raises
        ------
        ResourceNotFound
            There is no such group.
        """
        found = self._of_jobs(prefix) if group == JOBS else self._of_endpoint(group)
        return (stream for stream in found if stream.name.startswith(prefix))

    def named(self, group: str, name: str) -> Stream:
        """Return one stream.

        Raises
        ------
        ResourceNotFound
            There is no such group or stream.
        """
        for stream in self.of(group, name):
            if stream.name == name:
                return stream
        raise ResourceNotFound(f"The log group {group!r} has no log stream {name!r}.")

    def _of_jobs(self, prefix: str) -> Iterator[Stream]:
        job, slash, _ = prefix.partition("/")
        if job and not _NAME.fullmatch(job.rstrip("-") or job):
            return
        request: Json = {"ResourceType": "TrainingJob", "MaxResults": _PAGE}
        if slash:
            request["ResourceName"] = job
        elif job:
            request["NamePrefix"] = job.rstrip("-")
        taken: set[str] = set()
        while True:
            page = self._call("ListLogStreams", request)
            for each in page["Streams"]:
                seconds = int(each["CreationTime"])
                while (name := _of_member(each, seconds)) in taken:
                    seconds += 1  # an attempt that followed within the same second
                taken.add(name)
                yield _stream(name, "TrainingJob", each)
            if "NextToken" not in page:
                return
            request = {**request, "NextToken": page["NextToken"]}

    def _of_endpoint(self, group: str) -> Iterator[Stream]:
        endpoint = group.removeprefix(ENDPOINTS)
        if endpoint == group or not _NAME.fullmatch(endpoint):
            raise ResourceNotFound(f"There is no log group {group!r} in this workspace.")
        variant = self._variant(endpoint, group)
        request = {"ResourceType": "Endpoint", "ResourceName": endpoint}
        for each in self._call("ListLogStreams", request)["Streams"]:
            name = f"{variant}/i-{each['Attempt']:09x}{each['Member']:08x}"
            yield _stream(name, "Endpoint", each)

    def _variant(self, endpoint: str, group: str) -> str:
        try:
            described = self._call("DescribeEndpoint", {"EndpointName": endpoint})
        except ServiceError:
            raise ResourceNotFound(f"There is no log group {group!r} in this workspace.") from None
        for variant in described.get("ProductionVariants", ()):
            return str(variant["VariantName"])
        config = {"EndpointConfigName": described["EndpointConfigName"]}
        variants = self._call("DescribeEndpointConfig", config)["ProductionVariants"]
        return str(variants[0]["VariantName"])


def _of_member(log: Json, seconds: int) -> str:
    return f"{log['ResourceName']}/algo-{log['Member'] + 1}-{seconds}"


def _stream(name: str, kind: str, log: Json) -> Stream:
    return Stream(
        name=name,
        kind=kind,
        resource=log["ResourceName"],
        attempt=log["Attempt"],
        member=log["Member"],
        created=log["CreationTime"],
        first=log.get("FirstTime"),
        last=log.get("LastTime"),
    )
