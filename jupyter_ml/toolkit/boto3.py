"""One line that points boto3, and the SageMaker SDKs with it, at this workspace."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import UsageError
from jupyter_ml.core.settings import Settings
from jupyter_ml.toolkit.arguments import require_text
from jupyter_ml.toolkit.gateway import UNSET, from_environment, of_running_server

if TYPE_CHECKING:
    import boto3

    from jupyter_ml.toolkit.gateway import Gateway

_used: set[Gateway] = set()
# The SDKs write this address of AWS's into their calls, where no variable is heard.
_AMAZON = re.compile(r"https?://[^/]*\.(amazonaws\.com(\.cn)?|api\.aws)(:\d+)?(/.*)?")


def use_boto3(server: str | None = None) -> boto3.Session:
    """Have boto3 and the SageMaker Python SDKs talk to this workspace instead of AWS.

    From here on this process and its children have the variables that `jupyter ml env` prints, and
    boto3's default session sends the requests of every service to the running Jupyter server; what
    the workspace does not have is answered with an error. Sessions that a program makes itself
    follow the variables.

    Parameters
    ----------
    server
        Address of the Jupyter server, where several run; by default the one of the variables, or
        else the one of this workspace.

    Returns
    -------
    boto3.Session
        The default session, to be handed to what wants one.

    Raises
    ------
    UsageError
        boto3 is not installed, or it is not clear which server is meant.

    Examples
    --------
    >>> import jupyter_ml as ml
    >>> ml.use_boto3()                                          # doctest: +SKIP
    >>> from sagemaker.sklearn import SKLearn                   # doctest: +SKIP
    """
    try:
        import boto3  # noqa: PLC0415  (not everybody has it)
    except ImportError:
        raise UsageError("boto3 is not installed. Install it with `pip install boto3`.") from None
    if server is not None:
        require_text(server, "A server's address", "ml.use_boto3('http://localhost:8888/')")
    gateway = _gateway(server)
    for name in UNSET:
        os.environ.pop(name, None)
    os.environ.update(gateway.variables())
    session: boto3.Session = _session(boto3, gateway)
    boto3.DEFAULT_SESSION = session
    return session


def _gateway(server: str | None) -> Gateway:
    told = from_environment(os.environ) if server is None else None
    # What this process set itself may be the address of a server that has been started again.
    if told is not None and told not in _used:
        return told
    gateway = of_running_server(server, str(Settings.from_environment().workspace))
    _used.add(gateway)
    return gateway


def _session(boto3: Any, gateway: Gateway) -> Any:
    class WorkspaceSession(boto3.Session):  # type: ignore[misc]
        """A session whose clients talk to one workspace."""

        def client(
            self,
            service_name: str,
            region_name: str | None = None,
            api_version: str | None = None,
            use_ssl: bool = True,  # noqa: FBT001, FBT002  (boto3's signature)
            verify: bool | str | None = None,  # noqa: FBT001  (likewise)
            endpoint_url: str | None = None,
            *args: Any,
            **options: Any,
        ) -> Any:
            """Return a client; only an address that is not AWS's goes before the workspace's."""
            if endpoint_url is None or _AMAZON.fullmatch(endpoint_url):
                endpoint_url = gateway.address_of(service_name)
            return super().client(
                service_name,
                region_name,
                api_version,
                use_ssl,
                verify,
                endpoint_url,
                *args,
                **options,
            )

    return WorkspaceSession(
        aws_access_key_id=gateway.access_key_id,
        aws_secret_access_key=gateway.secret_access_key,
        region_name=gateway.region,
    )
