"""A boto3 client whose requests a gateway answers in this process: for thousands of them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from jupyter_ml.aws.s3.gateway import refusal
from jupyter_ml.aws.s3.signing import Head

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_ml.aws.keys import KeyPair
    from jupyter_ml.aws.s3.gateway import Answer, Gateway

ADDRESS = "http://127.0.0.1:8888/user/ann/jupyter-ml/aws/s3"


class _Raw(io.BytesIO):
    """The body of an answer, as botocore reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        """Yield it in one piece."""
        yield self.read()


def answer_of(gateway: Gateway, head: Head, body: bytes) -> Answer:
    """Return the answer to a request, an error too."""
    exchange = None
    try:
        exchange = gateway.begin(head)
        exchange.feed(body)
        return exchange.finish()
    except Exception as error:  # noqa: BLE001  (as the server's handler does)
        return refusal(error, head)
    finally:
        if exchange is not None:
            exchange.abort()


def head_of(method: str, url: str, headers: dict[str, str]) -> Head:
    """Return a request without its body."""
    parts = urlsplit(url)
    below = parts.path.removeprefix(urlsplit(ADDRESS).path) or "/"
    return Head(method, parts.path, parts.query, {**headers, "host": parts.netloc}, below)


def client_of(gateway: Gateway, keys: KeyPair) -> Any:
    """Return the client."""
    session = boto3.Session(keys.access_key_id, keys.secret_access_key, region_name="us-east-1")
    once = Config(retries={"total_max_attempts": 1})
    client = session.client("s3", endpoint_url=ADDRESS, config=once)

    def send(request: Any, **_: Any) -> AWSResponse:
        headers = {
            name.lower(): value.decode() if isinstance(value, bytes) else str(value)
            for name, value in request.headers.items()
        }
        body = request.body or b""
        body = body if isinstance(body, bytes | bytearray) else body.read()
        head = head_of(request.method, request.url, headers)
        answer = answer_of(gateway, head, bytes(body))
        content = answer.content
        if answer.file is not None and answer.reading is not None and head.method != "HEAD":
            content = answer.file.read(answer.reading.size)
        answer.close()
        return AWSResponse(request.url, answer.status, answer.headers, _Raw(content))

    client.meta.events.register("before-send.s3", send)
    return client
