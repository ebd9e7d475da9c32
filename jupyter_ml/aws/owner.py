"""Who stands behind every signed request: the owner of the workspace, in its one role."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

ROLE = "jupyter-ml"
_NO_SESSION_NAME = re.compile(r"[^\w+=,.@-]", re.ASCII)
_ID_LENGTH = 17


@dataclass(frozen=True)
class Owner:
    """The owner of a workspace.

    Parameters
    ----------
    account_id
        The 12 digits that stand in ARNs.
    user
        Name of the user of this machine.
    since
        When the workspace was made, in seconds since the epoch.
    """

    account_id: str
    user: str
    since: float
    role: str = ROLE

    @property
    def name(self) -> str:
        """The user's name, as far as a role session may have it."""
        return _NO_SESSION_NAME.sub("-", self.user)[:64].rjust(2, "-")

    @property
    def role_id(self) -> str:
        """The id of the role of the workspace."""
        return self.id_of(self.role)

    def id_of(self, role: str) -> str:
        """Return the id of a role: the same for the same name, as long as the workspace."""
        digest = hashlib.sha256(f"{self.account_id}/{role}".encode()).hexdigest().upper()
        return f"AROA{digest[:_ID_LENGTH]}"
