"""Requests that botocore's own signer signed."""

from __future__ import annotations

from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from jupyter_ml.aws.sigv4 import SignedRequest

KEY, SECRET, REGION = "JUPYTERMLTESTKEY0001", "a-secret/with+signs", "us-east-1"
URL = "http://127.0.0.1:8888/user/ann%20b/jupyter-ml/aws/"


def signed(
    url: str = URL,
    body: bytes = b"{}",
    *,
    secret: str = SECRET,
    region: str = REGION,
    service: str = "sagemaker",
    headers: dict[str, str] | None = None,
    token: str | None = None,
) -> SignedRequest:
    """Return a request that botocore signed just now."""
    request = AWSRequest("POST", url, headers=headers or {}, data=body)
    SigV4Auth(Credentials(KEY, secret, token), service, region).add_auth(request)
    parts = urlsplit(url)
    return SignedRequest(
        method="POST",
        path=parts.path,
        query=parts.query,
        headers={
            "host": parts.netloc,
            "user-agent": "unsigned",
            **{name.lower(): value for name, value in request.headers.items()},
        },
        body=body,
    )
