"""An event as CloudTrail writes it, so that what reads CloudTrail's records reads ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract import model
from jupyter_ml.core.events.events import API_CALL

if TYPE_CHECKING:
    from jupyter_ml.core.context import Context
    from jupyter_ml.core.events.events import Record

Json = dict[str, Any]
VERSION = "1.11"
_OURS = "jupyter-ml.local"
_SAGEMAKERS = "sagemaker.amazonaws.com"


def summary(ctx: Context, event: Record) -> Json:
    """Return an event as `LookupEvents` answers it, with the whole record as text."""
    answer: Json = {
        "EventId": event.event_id,
        "EventName": event.name,
        "EventTime": event.time,
        "EventSource": source(event),
        "Username": event.principal,
        "ReadOnly": "false",
        "Resources": [],
        "CloudTrailEvent": json.dumps(record(ctx, event), separators=(",", ":")),
        "SequenceNumber": event.seq,
    }
    if event.kind and event.key:
        answer["Resources"] = [{"ResourceType": event.kind, "ResourceName": event.key}]
    if event.error_code:
        answer["ErrorCode"] = event.error_code
    return answer


def record(ctx: Context, event: Record) -> Json:
    """Return an event as a record of CloudTrail; the members that do not apply are left out."""
    account = ctx.settings.account_id
    time = datetime.fromtimestamp(event.time, UTC).isoformat(timespec="milliseconds")
    found: Json = {
        "eventVersion": VERSION,
        "userIdentity": {
            "type": "IAMUser" if event.type == API_CALL else "AWSService",
            "userName": event.principal,
            "accountId": account,
        },
        "eventTime": time.replace("+00:00", "Z"),
        "eventSource": source(event),
        "eventName": event.name,
        "awsRegion": ctx.settings.region,
        "userAgent": event.source,
        "requestParameters": event.request,
        "responseElements": event.response,
        "eventID": event.event_id,
        "eventType": event.type,
        "readOnly": False,
        "recipientAccountId": account,
        "additionalEventData": {"sequenceNumber": event.seq, "hash": event.hash},
    }
    if event.error_code:
        found["errorCode"] = event.error_code
    if event.detail:
        found["serviceEventDetails"] = event.detail
    if event.kind and event.key:
        found["resources"] = [_resource(ctx, event.kind, event.key)]
    return found


def source(event: Record) -> str:
    """Return the service that an event is of: SageMaker's, or what only is here."""
    is_ours = event.type != API_CALL or event.name in model.operations("jupyter-ml")
    return _OURS if is_ours else _SAGEMAKERS


def _resource(ctx: Context, kind: str, key: str) -> Json:
    found = {"type": f"AWS::SageMaker::{kind}", "accountId": ctx.settings.account_id}
    # of a kind that an older or newer version knows
    if kind in ctx.runtime.registry.resources:
        found["ARN"] = ctx.arn(kind, key)
    return found
