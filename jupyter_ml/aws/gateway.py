"""From a signed request to an answer, whichever of AWS's protocols it speaks."""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_ml.aws import json11, rest_json
from jupyter_ml.aws.sigv4 import verify
from jupyter_ml.contract.errors import (
    InternalFailure,
    ModelError,
    ServiceError,
    ValidationException,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_ml.aws.keys import KeyPair
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
    clock
        Returns the time in seconds since the epoch.
    """

    def __init__(
        self, call: Call, keys: KeyPair, region: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._call = call
        self._secrets = {keys.access_key_id: keys.secret_access_key}
        self._region = region
        self._clock = clock

    def handle(self, request: SignedRequest, path: str) -> Answer:
        """Answer one request; whatever goes wrong becomes an answer too.

        Parameters
        ----------
        request
            As it arrived, with the whole path.
        path
            The path below the gateway's prefix.
        """
        target = request.headers.get("x-amz-target")
        try:
            verify(request, self._secrets, region=self._region, now_s=self._clock())
            if target is not None:
                answer = self._json11(target, request.body)
            else:
                answer = self._rest_json(request, path)
        except ServiceError as error:
            answer = refusal(error, rest=target is None)
        except Exception:
            log.exception("%s %s failed", request.method, target or path)
            failure = InternalFailure("The server failed; its log has the traceback.")
            answer = refusal(failure, rest=target is None)
        answer.headers["x-amzn-RequestId"] = str(uuid.uuid4())
        return answer

    def _json11(self, target: str, body: bytes) -> Answer:
        name, request = json11.parse(target, body)
        content = json11.serialise(self._call(name, request))
        return Answer(200, content, {"Content-Type": json11.CONTENT_TYPE})

    def _rest_json(self, request: SignedRequest, path: str) -> Answer:
        route = rest_json.route(request.method, path)
        members = route.parse(path, request.headers, request.body)
        headers, body = route.serialise(self._call(route.name, members))
        return Answer(route.status, body, headers)


def refusal(error: ServiceError, *, rest: bool) -> Answer:
    """Return an error in the shape that AWS clients read.

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
