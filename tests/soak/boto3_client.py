"""boto3 as the other clients are: at the server that was started last, with their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NotConnected
from jupyter_process import session_of

from jupyter_ml.contract.errors import ServiceUnavailable, from_wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from house import House

Json = dict[str, Any]


class Boto3Client:
    """Clients of the server that was started last; its errors are those of jupyter_ml's own."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._clients: dict[tuple[str, str], Any] = {}

    def of(self, service: str) -> Any:
        """Return a client whose connection errors are `ServiceUnavailable`."""
        return _Translated(self._client(service))

    def call(self, operation: str, request: Json) -> Json:
        """Call an operation by its name on the wire."""
        answer: Json = getattr(self.of("sagemaker"), xform_name(operation))(**request)
        return answer

    def _client(self, service: str) -> Any:
        server = self._house.server
        if (service, server.url) not in self._clients:
            self._clients[service, server.url] = session_of(server.url).client(
                service,
                endpoint_url=f"{server.url}/jupyter-ml/aws{'/s3' if service == 's3' else ''}",
                config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
            )
        return self._clients[service, server.url]


class _Translated:
    """A boto3 client whose errors are told apart as those of the other clients are."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(**request: Any) -> Any:
            try:
                return method(**request)
            except (NotConnected, HTTPClientError) as error:
                raise ServiceUnavailable(str(error)) from error
            except ClientError as error:
                said = error.response["Error"]
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                raise from_wire(said["Code"], said["Message"], status) from error

        return call
