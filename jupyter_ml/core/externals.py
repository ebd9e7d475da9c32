"""External buckets: names that lead to object storage elsewhere instead of a folder here.

Declared in the settings, never with a secret: who may read them is what the AWS configuration
files of the user say (``~/.aws/credentials``), which jobs find without being told a key.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import ValidationException

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_URL = re.compile(r"https?://[^\s?#@]+")
_NEEDS = ("fsspec", "pyarrow")


@dataclass(frozen=True)
class External:
    """An external bucket.

    Parameters
    ----------
    name
        What locations here call it: ``s3://name/key``.
    bucket
        What it is called where it is.
    endpoint_url
        Address of an S3 that is not Amazon's.
    region
        Where it is.
    profile
        Whose credentials the AWS configuration files are to give; the default ones otherwise.
    anonymous
        Whether it is read without credentials.
    """

    name: str
    bucket: str
    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    anonymous: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it for a job's description."""
        return asdict(self)


@dataclass(frozen=True)
class Place:
    """A location in an external bucket."""

    external: External
    key: str

    def to_json(self) -> dict[str, Any]:
        """Return it for a job's description."""
        return {"external": self.external.to_json(), "key": self.key}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Place:
        """Return the place that a job's description has."""
        return cls(External(**values["external"]), values["key"])


def declared(text: str | None) -> dict[str, External]:
    """Return the external buckets that a setting declares, by name.

    Parameters
    ----------
    text
        JSON: options by name, such as ``{"lake": {"endpoint_url": "https://s3.example.org"}}``.

    Raises
    ------
    ValidationException
        It cannot be used; names the bucket and the option.
    """
    if not text:
        return {}
    try:
        buckets = json.loads(text)
    except ValueError as error:
        msg = f"JUPYTER_ML_EXTERNAL_BUCKETS is not JSON: {error}."
        raise ValidationException(msg) from None
    if not isinstance(buckets, dict):
        msg = "external_buckets must give options by name, as {'lake': {'region': 'eu-west-1'}}."
        raise ValidationException(msg)
    return {name: _external(name, options) for name, options in buckets.items()}


def require_extra(place: Place) -> None:
    """Refuse an external bucket where the libraries for it are missing.

    Raises
    ------
    ValidationException
        Names the extra.
    """
    missing = [name for name in _NEEDS if find_spec(name) is None]
    if missing:
        msg = (
            f"s3://{place.external.name} is an external bucket, and {' and '.join(missing)} "
            "needed for it cannot be imported. Install the extra: pip install 'jupyter-ml[s3]'."
        )
        raise ValidationException(msg)


def _external(name: str, options: Mapping[str, Any]) -> External:
    if not _NAME.fullmatch(name):
        msg = f"The external bucket {name!r} has no name of 3 to 63 small letters and digits."
        raise ValidationException(msg)
    if not isinstance(options, dict):
        msg = f"The external bucket {name!r} needs options by name, not {options!r}."
        raise ValidationException(msg)
    known = {"bucket", "endpoint_url", "region", "profile", "anonymous"}
    unknown = sorted(set(options) - known)
    if unknown:
        msg = (
            f"The external bucket {name!r} has no option {', '.join(unknown)}; there are "
            f"{', '.join(sorted(known))}. Keys belong into ~/.aws/credentials, under the profile "
            "that `profile` names."
        )
        raise ValidationException(msg)
    url = options.get("endpoint_url")
    if url is not None and not (isinstance(url, str) and _URL.fullmatch(url)):
        msg = (
            f"The endpoint_url of the external bucket {name!r} must look like "
            "https://s3.example.org, without a password or a query."
        )
        raise ValidationException(msg)
    return External(name, **{"bucket": name, **options})
