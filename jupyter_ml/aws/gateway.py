"""From a signed request to an answer, whichever of AWS's protocols it speaks.

What a request is signed for says which service it asks: SageMaker, which is all of the operations
of this workspace, a subset of another service, or one that is not there.
"""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_ml.aws import elsewhere, json11, query, rest_json
from jupyter_ml.aws.cloudwatch_logs import cloudwatch_logs
from jupyter_ml.aws.iam import iam
from jupyter_ml.aws.sigv4 import SERVICE, signed_service, verify
from jupyter_ml.aws.sts import sts
from jupyter_ml.contract.documents import json_object
from jupyter_ml.contract.errors import (
    InternalFailure,
    ModelError,
    ServiceError,
    ValidationException,
    answer_to,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_ml.aws.keys import KeyPair
    from jupyter_ml.aws.owner import Owner
    from jupyter_ml.aws.sigv4 import SignedRequest

    Call = Callable[[str, dict[str, Any]], dict[str, Any]]

log = logging.getLogger(__name__)

# sagemaker-runtime and sagemaker-metrics model this error under another name.
_REST_CODES = {ValidationException.code: "ValidationError"}


@dataclass(frozen=True)
class Answer:
    """What goes back to the caller."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Gateway:
    """Answers requests of AWS clients for one workspace.

    Parameters
    ----------
    call
        Runs an operation: ``call(name, request)`` returns the response.
    keys
        The pair that requests must be signed with.
    region
        The region that they must be signed for.
    owner
        Who holds the keys.
    clock
        Returns the time in seconds since the epoch.
    """

    def __init__(
        self,
        call: Call,
        keys: KeyPair,
        region: str,
        owner: Owner,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._call = call
        self._secrets = {keys.access_key_id: keys.secret_access_key}
        self._region = region
        self._clock = clock
        self._forms = {"iam": iam(owner), "sts": sts(owner)}
        self._logs = cloudwatch_logs(call, owner, region)

    def handle(self, request: SignedRequest, path: str) -> Answer:
        """Answer one request; whatever goes wrong becomes an answer too.

        Parameters
        ----------
        request
            As it arrived, with the whole path.
        path
            The path below the gateway's prefix.
        """
        request_id = str(uuid.uuid4())
        service = signed_service(request)
        try:
            verify(
                request,
                self._secrets,
                region=self._region,
                now_s=self._clock(),
                service=service,
            )
            answer = self._answer(service, request, path, request_id)
        except Exception as error:
            failure = answer_to(error)
            if failure is None:
                log.exception("%s %s of %s failed", request.method, path, service)
                failure = InternalFailure("The server failed; its log has the traceback.")
            answer = _refusal(failure, service, request, request_id)
        answer.headers["x-amzn-RequestId"] = request_id
        return answer

    def _answer(self, service: str, request: SignedRequest, path: str, request_id: str) -> Answer:
        target = request.headers.get("x-amz-target")
        if service == SERVICE:
            if target is not None:
                return self._json11(target, request.body)
            return self._rest_json(request, path)
        if service in self._forms:
            name, members = query.parse(service, request.body)
            content = self._forms[service].answer(name, members)
            body = query.serialise(service, name, content, request_id)
            return Answer(200, body, {"Content-Type": query.CONTENT_TYPE})
        if service == self._logs.service:
            name = json11.operation_of(target or "", service)
            content = self._logs.answer(name, json_object(request.body))
            return _as_json(content)
        raise elsewhere.not_here(service, request)

    def _json11(self, target: str, body: bytes) -> Answer:
        name, request = json11.parse(target, body)
        return _as_json(self._call(name, request))

    def _rest_json(self, request: SignedRequest, path: str) -> Answer:
        route = rest_json.route(request.method, path)
        members = route.parse(path, request.headers, request.body)
        headers, body = route.serialise(self._call(route.name, members))
        return Answer(route.status, body, headers)


def refusal(error: ServiceError, *, rest: bool) -> Answer:
    """Return an error in the shape that SageMaker's clients read.

    Parameters
    ----------
    error
        What went wrong.
    rest
        Whether the caller speaks REST JSON rather than JSON 1.1.
    """
    code = _REST_CODES.get(error.code, error.code) if rest else error.code
    content: dict[str, Any] = {"__type": code, "message": error.message}
    if rest:
        content["Message"] = error.message
    if isinstance(error, ModelError):
        content["OriginalStatusCode"] = error.original_status
        content["OriginalMessage"] = error.original_message
    content_type = rest_json.CONTENT_TYPE if rest else json11.CONTENT_TYPE
    headers = {"x-amzn-ErrorType": code, "Content-Type": content_type}
    return Answer(error.status, json11.serialise(content), headers)


def _refusal(error: ServiceError, service: str, request: SignedRequest, request_id: str) -> Answer:
    if service == SERVICE:
        return refusal(error, rest="x-amz-target" not in request.headers)
    body, headers = elsewhere.refuse(error, service, request, request_id)
    return Answer(error.status, body, headers)


def _as_json(content: dict[str, Any]) -> Answer:
    return Answer(200, json11.serialise(content), {"Content-Type": json11.CONTENT_TYPE})
