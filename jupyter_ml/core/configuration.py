"""The settings as Jupyter configures them: ``c.JupyterML...`` over the environment."""

from __future__ import annotations

import json
from typing import Any

from traitlets import Bool, Dict, Float, Int, Unicode
from traitlets.config import Configurable

from jupyter_ml.core.settings import PREFIX, Settings
from jupyter_ml.core.store.address import split_password

_SECRET = frozenset({"access_key_id", "secret_access_key", "database"})


class JupyterML(Configurable):
    """The workspace of jupyter_ml; what is not set here comes from ``JUPYTER_ML_...``.

    Works in the configuration of the Jupyter server, and in that of IPython for kernels.
    """

    workspace = Unicode(
        None, allow_none=True, help="Folder that holds the store, the buckets and all work."
    ).tag(config=True)
    account_id = Unicode(
        None, allow_none=True, help="The 12 digits that stand in ARNs and bucket names."
    ).tag(config=True)
    region = Unicode(
        None, allow_none=True, help="The region that stands in ARNs and bucket names."
    ).tag(config=True)
    access_key_id = Unicode(
        None, allow_none=True, help="Pins the access key that boto3 signs with."
    ).tag(config=True)
    secret_access_key = Unicode(
        None, allow_none=True, help="Pins the secret key that boto3 signs with."
    ).tag(config=True)
    free_floor_mb = Int(
        None, allow_none=True, help="Free disk space that is always left, in MiB."
    ).tag(config=True)
    retention_days = Float(
        None, allow_none=True, help="Age at which work of ended jobs may be collected, in days."
    ).tag(config=True)
    oversize = Bool(
        None, allow_none=True, help="Run instance types larger than this machine on what is there."
    ).tag(config=True)
    keep_warm_s = Float(
        None, allow_none=True, help="How long a job's imports are kept for the next, in seconds."
    ).tag(config=True)
    warm_memory_mb = Int(
        None, allow_none=True, help="Memory for kept imports, in MiB; 0 keeps none."
    ).tag(config=True)
    external_buckets = Dict(
        default_value=None,
        allow_none=True,
        help="Object storage elsewhere: {'lake': {'endpoint_url': 'https://s3.example.org'}}.",
    ).tag(config=True)
    database = Unicode(
        None,
        allow_none=True,
        help="PostgreSQL database that holds the store, such as postgresql://user@host/name.",
    ).tag(config=True)
    replica = Unicode(
        None,
        allow_none=True,
        help="Folder, best on another disk, where a copy of the SQLite store is kept.",
    ).tag(config=True)
    host = Unicode(
        None,
        allow_none=True,
        help="What this machine is called among those that share the database.",
    ).tag(config=True)

    log_format = Unicode(
        None, allow_none=True, help="How background processes and endpoints log: text or json."
    ).tag(config=True)

    def settings(self) -> Settings:
        """Return the settings of this process.

        Raises
        ------
        ValidationException
            A value cannot be used; names it.
        """
        return Settings.from_environment(**self._values())

    def environment(self) -> dict[str, str]:
        """Return the configured values as variables, for kernels and terminals.

        They then work in the same workspace as the server that started them. Keys are left out:
        no kernel needs them. So is the password of the database, which the workspace keeps.
        """
        values = {name: value for name, value in self._values().items() if name not in _SECRET}
        if self.database:
            values["database"] = split_password(self.database)[0]
        return {
            f"{PREFIX}{name.upper()}": str(value)
            for name, value in values.items()
            if value is not None
        }

    def _values(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.trait_names(config=True)}
        if self.external_buckets is not None:
            values["external_buckets"] = json.dumps(self.external_buckets, sort_keys=True)
        return values
