"""Idempotency tokens: the same request twice is done once and answered twice."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_ml.contract.errors import ConflictException
from jupyter_ml.core.store.tables import tokens

if TYPE_CHECKING:
    Json = dict[str, Any]


class Tokens:
    """The tokens of the store, inside one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def find(self, operation: str, token: str, request: Json) -> Json | None:
        """Return what the request with this token was answered, or `None` if it is new.

        Raises
        ------
        ConflictException
            The token came with another request before.
        """
        query = sa.select(tokens.c.digest, tokens.c.response).where(
            tokens.c.operation == operation, tokens.c.token == token
        )
        found = self._connection.execute(query).first()
        if found is None:
            return None
        if found.digest != _digest(request):
            msg = (
                f"The token {token!r} was used for another {operation} request. "
                "Use a new token for a new request."
            )
            raise ConflictException(msg)
        return dict(found.response)

    def add(self, operation: str, token: str, request: Json, response: Json, now: float) -> None:
        """Remember what a request was answered."""
        self._connection.execute(
            tokens.insert().values(
                operation=operation,
                token=token,
                digest=_digest(request),
                response=response,
                created_at=now,
            )
        )


def _digest(request: Json) -> str:
    text = json.dumps(request, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
