"""What a workspace is configured with: one frozen value, read from the environment."""

from __future__ import annotations

import getpass
import json
import os
import re
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import ValidationException
from jupyter_ml.core.externals import External, declared
from jupyter_ml.core.logs import FORMATS, TEXT
from jupyter_ml.core.store.address import keep_password, split_password

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "JUPYTER_ML_"
_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def default_workspace() -> Path:
    """Return the workspace used when none is named: a folder in Jupyter's data directory."""
    from jupyter_core.paths import jupyter_data_dir  # noqa: PLC0415  (slow, and rarely needed)

    return Path(jupyter_data_dir()) / "jupyter_ml"


@dataclass(frozen=True)
class Settings:
    """How one workspace is set up.

    Parameters
    ----------
    workspace
        Folder that holds the store, the buckets and the work of all jobs; by default `jupyter_ml`
        in Jupyter's data directory.
    account_id
        The 12 digits that stand in ARNs and bucket names.
    region
        The region that stands in ARNs and bucket names.
    access_key_id, secret_access_key
        Pin the key pair that boto3 signs with; by default one is made on first use.
    free_floor_mb
        Nothing is accepted that would leave less free disk space than this, in MiB.
    retention_days
        Working folders of ended jobs older than this are removed, at most once a day.
    oversize
        Whether an instance type larger than the machine is run on what is there.
    timekeeper
        Whether a background process may be started to fire timers.
    keep_warm_s
        How long what a job imported is kept in memory for the next jobs, in seconds.
    warm_memory_mb
        What may be kept of it, in MiB; 0 turns warm starts off.
    external_buckets
        Buckets that are object storage elsewhere: JSON with options by name, of ``endpoint_url``,
        ``region``, ``profile``, ``bucket`` and ``anonymous``.
    user
        The owner recorded on resources and events.
    database
        Address of the PostgreSQL database that holds the store, such as
        ``postgresql://user@host/name``; by default it is a SQLite file in the workspace. A password
        in it is taken out.
    replica
        Folder, best on another disk, where a copy of the SQLite store is kept; a store that is gone
        comes back from it.
    host
        What this machine is called among those that share the database; its name by default.
    log_format
        How the background processes write `background.log` of the workspace and endpoints their own
        lines: ``text``, or ``json`` with one object a line of ``time``, ``level``, ``logger``,
        ``message``, ``pid`` and ``exception``. Of an endpoint it counts when it is deployed.
    database_password
        The password that stood in the address.
    """

    workspace: Path
    account_id: str = "000000000000"
    region: str = "us-east-1"
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    free_floor_mb: int = 512
    retention_days: float = 30
    oversize: bool = False
    timekeeper: bool = True
    keep_warm_s: float = 900
    warm_memory_mb: int = 1536
    external_buckets: str | None = None
    user: str = field(default_factory=getpass.getuser)
    database: str | None = None
    replica: str | None = None
    host: str = field(default_factory=lambda: os.uname().nodename)
    log_format: str = TEXT
    database_password: str | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what could never work, with the value and what to do."""
        if self.database:
            address, password = split_password(self.database)
            object.__setattr__(self, "database", address)
            if password is not None:
                object.__setattr__(self, "database_password", password)
        object.__setattr__(self, "replica", self._checked_replica())
        declared(self.external_buckets)
        if self.log_format not in FORMATS:
            msg = f"JUPYTER_ML_LOG_FORMAT={self.log_format!r} is not {' or '.join(FORMATS)}."
            raise ValidationException(msg)
        if "/" in self.host or self.host in {"", ".", ".."}:
            msg = f"JUPYTER_ML_HOST={self.host!r} is not the plain name of a machine."
            raise ValidationException(msg)
        if not (len(self.account_id) == 12 and self.account_id.isdigit()):
            msg = f"account_id must be 12 digits, not {self.account_id!r}."
            raise ValidationException(msg)
        if not _REGION.fullmatch(self.region):
            msg = f"region must be like us-east-1, not {self.region!r}: it stands in bucket names."
            raise ValidationException(msg)
        for name in ("free_floor_mb", "retention_days"):
            if not getattr(self, name) >= 0:
                msg = f"{name} must be 0 or more, not {getattr(self, name)}."
                raise ValidationException(msg)
        if (self.access_key_id is None) != (self.secret_access_key is None):
            msg = "Set both JUPYTER_ML_ACCESS_KEY_ID and JUPYTER_ML_SECRET_ACCESS_KEY, or neither."
            raise ValidationException(msg)

    def _checked_replica(self) -> str | None:
        if not (named := self.replica):
            return None
        folder = Path(named).expanduser()
        if self.database:
            msg = (
                f"JUPYTER_ML_REPLICA={named!r} is for a store in SQLite; that in PostgreSQL is "
                "replicated by PostgreSQL itself (streaming replication). Unset one of the two."
            )
            raise ValidationException(msg)
        if not folder.is_absolute() or folder.is_relative_to(self.workspace):
            msg = (
                f"JUPYTER_ML_REPLICA={named!r} is not an absolute path outside of the workspace "
                f"{self.workspace}, best on another disk."
            )
            raise ValidationException(msg)
        return str(folder)

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] | None = None, **overrides: Any
    ) -> Settings:
        """Return the settings that the environment asks for.

        Parameters
        ----------
        environ
            Mapping to read `JUPYTER_ML_*` from; the process's own by default.
        overrides
            Settings that win over the environment; `None` means not given.

        Raises
        ------
        ValidationException
            A variable holds a value that cannot be used.
        """
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        for name, convert in _FROM_ENVIRONMENT.items():
            text = environ.get(PREFIX + name.upper())
            if text:
                values[name] = _converted(name, text, convert)
        values.update({key: value for key, value in overrides.items() if value is not None})
        values["workspace"] = Path(values.get("workspace") or default_workspace()).expanduser()
        values["workspace"] = values["workspace"].absolute()
        return cls(**values)

    def at(self, workspace: Path) -> Settings:
        """Return the same settings for another workspace folder."""
        return replace(self, workspace=workspace)

    @property
    def externals(self) -> dict[str, External]:
        """The external buckets by name."""
        return declared(self.external_buckets)

    @property
    def machine(self) -> str:
        """What attempts of this machine are marked with; "" where no other can share the store."""
        return self.host if self.database else ""

    @property
    def locks(self) -> Path:
        """The folder of the locks between the processes of this machine."""
        return self.workspace / "locks" / self.machine

    @property
    def keys(self) -> Path:
        """The folder of keys and passwords, for this user only."""
        return self.workspace / "keys"

    def leave_password(self) -> None:
        """Keep the database's password in the workspace, for the processes that are not told it."""
        if self.database and self.database_password is not None:
            self.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
            keep_password(self.keys, self.database, self.database_password)

    def to_json(self) -> str:
        """Return the settings for another process of the same user, without keys and passwords."""
        values = asdict(self)
        del values["access_key_id"], values["secret_access_key"], values["database_password"]
        return json.dumps({**values, "workspace": str(self.workspace)})

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """Return the settings that `to_json` wrote, maybe in another version of this program.

        A setting that this version does not have is passed over, as its variable is by
        `from_environment`; one that the other did not have is as by default.
        """
        names = {each.name for each in fields(cls)}
        values = {name: value for name, value in json.loads(text).items() if name in names}
        return cls(**{**values, "workspace": Path(values["workspace"])})


_FROM_ENVIRONMENT: dict[str, type] = {
    "workspace": str,
    "account_id": str,
    "region": str,
    "access_key_id": str,
    "secret_access_key": str,
    "free_floor_mb": int,
    "retention_days": float,
    "oversize": bool,
    "timekeeper": bool,
    "keep_warm_s": float,
    "warm_memory_mb": int,
    "external_buckets": str,
    "database": str,
    "replica": str,
    "host": str,
    "log_format": str,
}
_BOOLEANS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def _converted(name: str, text: str, convert: type) -> Any:
    try:
        return _BOOLEANS[text.lower()] if convert is bool else convert(text)
    except (ValueError, KeyError):
        wanted = "true or false" if convert is bool else f"a number ({convert.__name__})"
        msg = f"{PREFIX}{name.upper()}={text!r} is not {wanted}."
        raise ValidationException(msg) from None
