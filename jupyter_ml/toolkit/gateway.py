"""What has AWS clients talk to a running Jupyter server instead of AWS."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_ml.contract.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_ml.toolkit.servers import Server

PATH = "/jupyter-ml/aws"
# The SageMaker SDKs report every call to AWS unless such a file says not to. The one of the
# administrator, so that the user's own stays.
SDK_CONFIG = "SAGEMAKER_ADMIN_CONFIG_OVERRIDE"
SDK_DEFAULTS = Path(__file__).with_name("sagemaker-sdk.yaml")
_NAMED = ("SAGEMAKER", "SAGEMAKER_RUNTIME", "SAGEMAKER_METRICS", "STS", "IAM", "CLOUDWATCH_LOGS")


@dataclass(frozen=True)
class Gateway:
    """The address of a gateway and the key pair that it takes.

    Parameters
    ----------
    url
        Where all services but S3 are.
    region
        The region that requests are signed for.
    """

    url: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str

    def address_of(self, service: str) -> str:
        """Return where a service, named as in boto3, is answered."""
        return f"{self.url}/s3" if service == "s3" else self.url

    def variables(self) -> dict[str, str]:
        """Return the environment in which AWS clients and the SageMaker SDKs talk to it alone."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            # Also what is not there is asked of the gateway, which says so.
            "AWS_ENDPOINT_URL": self.url,
            **{f"AWS_ENDPOINT_URL_{name}": self.url for name in _NAMED},
            "AWS_ENDPOINT_URL_S3": self.address_of("s3"),
            SDK_CONFIG: str(SDK_DEFAULTS),
            **self._certificate(),
        }

    def _certificate(self) -> dict[str, str]:
        # Other programs take what is trusted from SSL_CERT_FILE; botocore does not.
        trusted = os.environ.get("SSL_CERT_FILE")
        if trusted is None or "AWS_CA_BUNDLE" in os.environ or self.url.startswith("http:"):
            return {}
        return {"AWS_CA_BUNDLE": trusted}


# What would send requests elsewhere, or sign them with something that the gateway does not know.
UNSET = ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")


def from_environment(environ: Mapping[str, str]) -> Gateway | None:
    """Return the gateway that the variables of `jupyter ml env` name, if they are set."""
    url = environ.get("AWS_ENDPOINT_URL", "")
    keys = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not url.endswith(PATH) or keys[0] is None or keys[1] is None:
        return None
    return Gateway(url, keys[0], keys[1], environ.get("AWS_DEFAULT_REGION", "us-east-1"))


def of_running_server(wanted: str | None = None, workspace: str | None = None) -> Gateway:
    """Return the gateway of the one running server that is meant.

    Parameters
    ----------
    wanted
        Its address, where several run.
    workspace
        Where several run, those that work in this folder are meant.

    Raises
    ------
    UsageError
        None runs, or several do.
    """
    server = _choose(wanted, workspace)
    credentials = server.credentials()
    return Gateway(
        server.url.rstrip("/") + PATH,
        credentials["AccessKeyId"],
        credentials["SecretAccessKey"],
        credentials["Region"],
    )


def _choose(wanted: str | None, workspace: str | None) -> Server:
    from jupyter_ml.toolkit.servers import running_servers  # noqa: PLC0415  (imports the server)

    servers = running_servers()
    if wanted is not None:
        servers = [server for server in servers if server.url.rstrip("/") == wanted.rstrip("/")]
    # Servers of one workspace answer alike, with the same keys.
    servers = [server for server in servers if server.workspace == workspace][:1] or servers
    if len(servers) > 1:
        addresses = ", ".join(server.url for server in servers)
        raise UsageError(f"Several servers run: {addresses}. Choose one with --server URL.")
    if not servers:
        which = f"at {wanted} " if wanted else ""
        msg = (
            f"No Jupyter server with jupyter_ml is running {which}under your name. "
            "Start one with `jupyter lab` and run this again."
        )
        raise UsageError(msg)
    return servers[0]
