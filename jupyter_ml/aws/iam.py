"""IAM: what roles are in a workspace, where all work runs as the owner of it.

A role is a name there. Any name is one, so that scripts run unchanged, and the one who holds the
workspace's keys may do everything.
"""

from __future__ import annotations

import json
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from jupyter_ml.aws.subset import Subset
from jupyter_ml.contract.errors import UnknownOperationException, ValidationException

if TYPE_CHECKING:
    from jupyter_ml.aws.owner import Owner

Json = dict[str, Any]
DEFAULT_PAGE = 100
_NO_POLICIES: Final = "rejected: there are no policies to evaluate here; leave it out"
MEMBERS: Final[dict[str, dict[str, str]]] = {
    "GetRole": {"RoleName": "used"},
    "SimulatePrincipalPolicy": {
        "PolicySourceArn": "recorded: whoever it is, work runs as the owner of the workspace",
        "PolicyInputList": _NO_POLICIES,
        "PermissionsBoundaryPolicyInputList": _NO_POLICIES,
        "PolicyExclusionList": _NO_POLICIES,
        "ActionNames": "used",
        "ResourceArns": "used",
        "ResourcePolicy": _NO_POLICIES,
        "ResourceOwner": "recorded: everything belongs to the owner of the workspace",
        "CallerArn": "recorded: whoever it is, work runs as the owner of the workspace",
        "ContextEntries": "recorded: no condition depends on them",
        "ResourceHandlingOption": _NO_POLICIES,
        "MaxItems": "used",
        "Marker": "used",
    },
}


def iam(owner: Owner) -> Subset:
    """Return the IAM of a workspace."""
    return Subset(
        "iam",
        {
            "GetRole": partial(get_role, owner),
            "SimulatePrincipalPolicy": simulate_principal_policy,
        },
        MEMBERS,
        {
            ValidationException.code: "ValidationError",
            UnknownOperationException.code: "InvalidAction",
        },
    )


def get_role(owner: Owner, request: Json) -> Json:
    """Answer what a role of this name is."""
    name = request["RoleName"]
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sagemaker.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    return {
        "Role": {
            "Path": "/",
            "RoleName": name,
            "RoleId": owner.id_of(name),
            "Arn": f"arn:aws:iam::{owner.account_id}:role/{name}",
            "CreateDate": owner.since,
            "AssumeRolePolicyDocument": quote(json.dumps(trust), safe=""),
            "Description": "A name: work in this workspace runs as its owner.",
        }
    }


def simulate_principal_policy(request: Json) -> Json:
    """Answer that the owner may do everything in the workspace."""
    pairs = list(product(request["ActionNames"], request.get("ResourceArns") or ["*"]))
    start = _position(request.get("Marker"), len(pairs))
    end = start + request.get("MaxItems", DEFAULT_PAGE)
    answer: Json = {
        "EvaluationResults": [
            {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": "allowed"}
            for action, resource in pairs[start:end]
        ],
        "IsTruncated": end < len(pairs),
    }
    return {**answer, "Marker": str(end)} if end < len(pairs) else answer


def _position(marker: str | None, count: int) -> int:
    if marker is None:
        return 0
    if not marker.isdecimal() or int(marker) > count:
        raise ValidationException(f"Marker {marker!r} is not one that was given out here.")
    return int(marker)
