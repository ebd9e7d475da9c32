"""Clients of boto3 whose requests go into a gateway without a network."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.httpsession import URLLib3Session

from jupyter_ml.aws.gateway import Gateway
from jupyter_ml.aws.keys import KeyPair
from jupyter_ml.aws.owner import Owner
from jupyter_ml.aws.sigv4 import SignedRequest

KEYS = KeyPair("JUPYTERMLTESTKEY0001", "secret")
PREFIX = "/base/jupyter-ml/aws"
OWNER = Owner("000000000000", "ann lee", since=1_700_000_000.0)


class Raw(io.BytesIO):
    """A body as botocore expects it from urllib3."""

    def stream(self, amount: int = 1024, *, decode_content: bool = True) -> Any:
        del decode_content
        while chunk := self.read(amount):
            yield chunk


class Loopback:
    """Sends a prepared request of boto3 into a gateway without a network."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        parts = urlsplit(request.url)
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        headers = {
            name.lower(): value.decode() if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        }
        signed = SignedRequest(
            request.method,
            parts.path,
            parts.query,
            {"host": parts.netloc, **headers},
            body if isinstance(body, bytes) else body.read(),
        )
        answer = self.gateway.handle(signed, parts.path.removeprefix(PREFIX) or "/")
        return AWSResponse(request.url, answer.status, answer.headers, Raw(answer.body))


def client(service: str, call: Any) -> Any:
    """Return a boto3 client whose requests are answered by `call`."""
    made = boto3.Session().client(
        service,
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:9{PREFIX}",
        aws_access_key_id=KEYS.access_key_id,
        aws_secret_access_key=KEYS.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}),
    )
    assert isinstance(made._endpoint.http_session, URLLib3Session)
    made._endpoint.http_session = Loopback(Gateway(call, KEYS, "us-east-1", OWNER))
    return made
