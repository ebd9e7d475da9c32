"""The pages of what is there of other services of AWS, and of where ours differs from SageMaker."""

from __future__ import annotations

import json
from pathlib import Path

from generating.markdown import code, docstring, table

import jupyter_ml
from jupyter_ml.aws import iam, sts
from jupyter_ml.aws.cloudwatch_logs import operations as cloudwatch_logs
from jupyter_ml.aws.s3.gateway import OPERATIONS
from jupyter_ml.aws.s3.members import MEMBERS

PACKAGE = Path(jupyter_ml.__file__).parent


def s3_page() -> str:
    """Return the operations of the workspace's S3 with what becomes of their members."""
    parts = []
    for name, words in sorted(MEMBERS.items()):
        about = docstring(OPERATIONS[name]).partition("\n\nRaises")[0]
        members = [(f"`{member}`", word) for member, word in words.items()]
        parts.append(f"## {name}\n\n{about}\n\n{table(('Member', 'What becomes of it'), members)}")
    return f"""
# Operations of S3

{len(OPERATIONS)} operations are there; how to use them says
[Use the workspace's S3](../do/use-s3.md). Any other operation and any other sub-resource answers
501 `NotImplemented` and names itself. Each member is *used*, *recorded* (with the reason why
nothing else happens) or *rejected* with an error that says what to do; a header or parameter that
stands in no table is refused too.

""" + "\n\n".join(parts)


def aws_page() -> str:
    """Return the operations of STS, IAM and CloudWatch Logs with what becomes of their members."""
    parts = []
    for title, module in {"STS": sts, "IAM": iam, "CloudWatch Logs": cloudwatch_logs}.items():
        parts.append(f"## {title}\n\n{docstring(module)}")
        for name, words in module.MEMBERS.items():
            members = [(f"`{member}`", word) for member, word in words.items()]
            what = table(("Member", "What becomes of it"), members) if members else ""
            parts.append(f"### {name}\n\n{what or 'It takes nothing.'}")
    return """
# STS, IAM and CloudWatch Logs

So much of these services of AWS is there as the SageMaker SDKs and programs beside them need;
[Use the SageMaker Python SDK](../do/use-sagemaker-sdk.md) says how to use it. Any other operation
of any service that the variables of `jupyter ml env` lead here answers 501
`NotImplementedException` and names itself.

""" + "\n\n".join(parts)


def relaxations_page() -> str:
    """Return where requests may differ from what SageMaker takes."""
    relaxations = json.loads((PACKAGE / "contract" / "relaxations.json").read_text())
    optional = [
        (
            ", ".join(f"`{member}`" for member in entry["members"]),
            f"`{entry['shape']}`",
            entry["reason"],
        )
        for entry in relaxations["optional"]
    ]
    values = [
        (
            ", ".join(f"`{shape}`" for shape in entry["shapes"]),
            code(entry["pattern"]),
            entry["reason"],
        )
        for entry in relaxations["values"]
    ]
    patterns = [
        (code(entry["pattern"]), code(entry["use"]), entry["reason"])
        for entry in relaxations["patterns"]
    ]
    return f"""
# Relaxations

Requests are checked against SageMaker's own service model. This is every place where the check
here differs, with the reason.

## Members that need not be given

{table(("Member", "Shape", "Reason"), optional)}

## Values that are taken as well

{table(("Shape", "Also taken", "Reason"), values)}

## Patterns that are written differently

{table(("SageMaker's pattern", "Used here", "Reason"), patterns)}
"""
