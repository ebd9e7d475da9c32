"""STS: who the key pair of the workspace belongs to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from jupyter_ml.aws.subset import Subset
from jupyter_ml.contract.errors import UnknownOperationException, ValidationException

if TYPE_CHECKING:
    from jupyter_ml.aws.owner import Owner

Json = dict[str, Any]
MEMBERS: Final[dict[str, dict[str, str]]] = {"GetCallerIdentity": {}}


def sts(owner: Owner) -> Subset:
    """Return the STS of a workspace."""
    return Subset(
        "sts",
        {"GetCallerIdentity": partial(get_caller_identity, owner)},
        MEMBERS,
        {
            ValidationException.code: "ValidationError",
            UnknownOperationException.code: "InvalidAction",
        },
    )


def get_caller_identity(owner: Owner, request: Json) -> Json:
    """Answer that the caller is the workspace's owner, in the role of the workspace.

    The SageMaker SDKs find an execution role by the role that the caller has assumed.
    """
    del request
    return {
        "UserId": f"{owner.role_id}:{owner.name}",
        "Account": owner.account_id,
        "Arn": f"arn:aws:sts::{owner.account_id}:assumed-role/{owner.role}/{owner.name}",
    }
