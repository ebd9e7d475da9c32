"""One row or many in a request, as JSON, CSV and numpy's arrays: what a row costs."""

from __future__ import annotations

import http.client
import io
import json
import statistics
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from measure import table

if TYPE_CHECKING:
    from collections.abc import Callable

    from load import Request

SIZES = (1, 100, 1000, 10_000)
_REPEATS = 15


def _json(rows: Any) -> bytes:
    return json.dumps({"instances": rows.tolist()}).encode()


def _csv(rows: Any) -> bytes:
    return "\n".join(",".join(map(str, row)) for row in rows.tolist()).encode()


def _npy(rows: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, rows)
    return file.getvalue()


_FORMS: dict[str, Callable[[Any], bytes]] = {
    "application/json": _json,
    "text/csv": _csv,
    "application/x-npy": _npy,
}


def bodies(request: Request, rows: Any) -> str:
    """Return a table of the time of a request and of a row, by form and number of rows."""
    address = urlsplit(request.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    lines = []
    for form, write in _FORMS.items():
        headers = {**request.headers, "Content-Type": form, "Accept": form}
        cells = []
        for size in SIZES:
            body = write(np.resize(rows, (size, rows.shape[1])))
            taken = []
            for _ in range(_REPEATS):
                started = time.perf_counter()
                connection.request("POST", address.path, body, headers)
                answer = connection.getresponse()
                answer.read()
                taken.append(time.perf_counter() - started)
                if answer.status != 200:
                    msg = f"{size} rows of {form} are answered with {answer.status}"
                    raise RuntimeError(msg)
            seconds = statistics.median(taken)
            cells.append(f"{seconds * 1e3:.2f} ({seconds / size * 1e6:.1f})")
        lines.append([form, *cells])
    connection.close()
    return table(["", *(f"{size:,} rows" for size in SIZES)], lines)
