"""What can be wrong with a store: it refuses, it is full, it does not answer, it is gone."""

from __future__ import annotations

from jupyter_ml.contract.errors import InsufficientStorage, MLError, ServiceUnavailable


class StoreError(MLError):
    """The store cannot be used; the message says why and what to do."""


class StoreFullError(InsufficientStorage, StoreError, OSError):
    """There is no space left for the store; what was to be written was not."""


class StoreUnavailable(ServiceUnavailable, StoreError, OSError):
    """The store does not answer now; it may in a moment."""


class StoreLostError(StoreError):
    """The store is gone or cannot be read; its workspace's files may still be there."""
