"""The errors of jupyter_ml: one small tree, each wire error with its code and HTTP status.

::

    MLError                                       everything that jupyter_ml raises on purpose
    ├── ServiceError                     400      an answer of the API; has `code` and `status`
    │   ├── ValidationException          400      the request breaks the contract
    │   ├── ResourceNotFound             400      no such resource (where the model declares it)
    │   ├── ResourceInUse                400      the name is taken, or something depends on it
    │   ├── ResourceLimitExceeded        400      more than this machine or workspace allows
    │   ├── ConflictException            409      somebody else changed it first
    │   ├── AccessDeniedException        403      known caller, not allowed
    │   ├── UnrecognizedClientException  403      unknown key or token
    │   ├── InvalidSignatureException    403      the signature does not match, or is too old
    │   ├── NotImplementedException      501      SageMaker has it, this program does not yet
    │   ├── UnknownOperationException    404      nobody has an operation of that name
    │   ├── RequestEntityTooLarge        413      the body is larger than anything here may be
    │   ├── ThrottlingException          429      too many calls; try again later
    │   ├── ModelError                   424      the user's inference code failed
    │   ├── ModelNotReadyException       429      the model server is still starting
    │   ├── ServiceUnavailable           503      what should answer is not running right now
    │   ├── InsufficientStorage          507      the disk is full; nothing was written
    │   └── InternalFailure              500      a bug of ours
    ├── JobFailed                                 a job that was waited for did not complete
    ├── WaitTimeout                               a wait ran out of time; the work goes on
    └── UsageError                                a magic or command used wrongly; no traceback

Raise where you know; translate once per surface. A message says what is wrong, with the value,
and then what to do.
"""

from __future__ import annotations

import errno


class MLError(Exception):
    """Base of every error that jupyter_ml raises on purpose."""


class ServiceError(MLError):
    """An error that the API answers with.

    Attributes
    ----------
    code : str
        Name of the error on the wire (`__type`).
    status : int
        HTTP status of the answer.
    message : str
        What is wrong, with the value, and then what to do.
    """

    code: str = "ServiceError"
    status: int = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ValidationException(ServiceError):
    """The request breaks the contract: a member is missing, unknown or out of bounds."""

    code = "ValidationException"


class ResourceNotFound(ServiceError):
    """The resource does not exist."""

    code = "ResourceNotFound"


class ResourceInUse(ServiceError):
    """The name is taken, or something that still exists depends on the resource."""

    code = "ResourceInUse"


class ResourceLimitExceeded(ServiceError):
    """The request asks for more than this machine or workspace allows."""

    code = "ResourceLimitExceeded"


class ConflictException(ServiceError):
    """Somebody else changed the resource since it was read."""

    code = "ConflictException"
    status = 409


class AccessDeniedException(ServiceError):
    """The caller is known but not allowed to do this."""

    code = "AccessDeniedException"
    status = 403


class UnrecognizedClientException(ServiceError):
    """The access key or token is unknown."""

    code = "UnrecognizedClientException"
    status = 403


class InvalidSignatureException(ServiceError):
    """The request's signature does not match its content, or is too old."""

    code = "InvalidSignatureException"
    status = 403


class NotImplementedException(ServiceError):
    """SageMaker has this operation; this program does not have it yet."""

    code = "NotImplementedException"
    status = 501


class UnknownOperationException(ServiceError):
    """Neither SageMaker nor this program has an operation of that name."""

    code = "UnknownOperationException"
    status = 404


class RequestEntityTooLarge(ServiceError):
    """The body is larger than any request may be; it was not read."""

    code = "RequestEntityTooLarge"
    status = 413


class ThrottlingException(ServiceError):
    """Too many calls at once; the caller may try again later."""

    code = "ThrottlingException"
    status = 429


class ModelError(ServiceError):
    """The user's inference code failed or answered with an error status.

    Attributes
    ----------
    original_status : int
        HTTP status that the model server answered with.
    original_message : str
        Body that the model server answered with.
    """

    code = "ModelError"
    status = 424

    def __init__(
        self, message: str, *, original_status: int = 500, original_message: str = ""
    ) -> None:
        super().__init__(message)
        self.original_status = original_status
        self.original_message = original_message or message


class ModelNotReadyException(ServiceError):
    """The model server is still starting; the caller may try again."""

    code = "ModelNotReadyException"
    status = 429


class ServiceUnavailable(ServiceError):
    """What should answer is not running right now; the caller may try again."""

    code = "ServiceUnavailable"
    status = 503


class InsufficientStorage(ServiceError):
    """The disk is full; what was to be written was not. Nobody's client asks again by itself."""

    code = "InsufficientStorage"
    status = 507


class InternalFailure(ServiceError):
    """A bug of ours; the server's log has the traceback."""

    code = "InternalFailure"
    status = 500


class JobFailed(MLError):
    """A job that was waited for ended without completing.

    Attributes
    ----------
    name : str
        Name of the job.
    status : str
        Status in which it ended, such as ``Failed`` or ``Stopped``.
    """

    def __init__(self, message: str, *, name: str = "", status: str = "Failed") -> None:
        super().__init__(message)
        self.name = name
        self.status = status


class WaitTimeout(MLError):
    """A wait ran out of time; what was waited for goes on."""


class UsageError(MLError):
    """A magic, command or call was used wrongly; shown without a traceback."""

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython shows instead of frames."""
        return [f"{type(self).__name__}: {self}"]


_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_FULL = (
    "The workspace's disk is full. Free space there, such as with `jupyter ml gc`; then try again."
)
_BY_CODE: dict[str, type[ServiceError]] = {
    error.code: error for error in ServiceError.__subclasses__()
} | {"ValidationError": ValidationException}  # what sagemaker-runtime calls it


def answer_to(cause: BaseException | None) -> ServiceError | None:
    """Return what a surface answers to something that was raised.

    Returns
    -------
    ServiceError or None
        `None` for what nobody raised on purpose: a bug, whose details are for the log alone.
    """
    if isinstance(cause, ServiceError):
        return cause
    if isinstance(cause, OSError) and cause.errno in _NO_SPACE:
        return InsufficientStorage(_FULL)
    return InternalFailure(str(cause)) if isinstance(cause, MLError) else None


def from_wire(code: str, message: str, status: int = 400) -> ServiceError:
    """Rebuild the error that a server answered with.

    Parameters
    ----------
    code : str
        Content of ``__type``; a namespace before ``#`` is dropped.
    message : str
        Text of the error.
    status : int
        HTTP status of the answer; kept for codes that this program does not know.

    Returns
    -------
    ServiceError
        Of the class with that code, or a plain `ServiceError` that carries code and status.
    """
    name = code.rpartition("#")[2]
    known = _BY_CODE.get(name)
    if known is not None:
        return known(message)
    unknown = ServiceError(message)
    unknown.code = name
    unknown.status = status
    return unknown
