"""Data frames, files and folders as channels of a job, and back."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import UsageError
from jupyter_ml.toolkit.arguments import require_path

if TYPE_CHECKING:
    import pandas as pd

    from jupyter_ml.core.artifacts import Artifacts

FRAME = "frame"


def located(name: str, value: Any, artifacts: Artifacts) -> str:
    """Return the `s3://` location of what a channel is to hold.

    Parameters
    ----------
    name
        The channel's name, for errors.
    value
        A data frame or series, an `s3://` location, or the path of a file or folder. Frames and
        paths are copied into the workspace, once per content.
    artifacts
        The workspace's buckets.

    Raises
    ------
    UsageError
        There is no such path, or the value is nothing that a channel can hold.
    """
    if isinstance(value, str) and value.startswith("s3://"):
        return value
    if hasattr(value, "to_pickle"):
        with tempfile.TemporaryDirectory() as folder:
            return artifacts.put_cached(write_frame(value, Path(folder)))
    if isinstance(value, str | os.PathLike):
        path = Path(str(value).removeprefix("file://")).expanduser().absolute()
        if not path.exists():
            msg = f"Channel {name!r}: there is no {path}."
            raise UsageError(msg)
        return artifacts.put_cached(path)
    msg = (
        f"Channel {name!r} cannot hold a {type(value).__name__}; give a data frame, a path or an "
        "s3:// location of the workspace."
    )
    raise UsageError(msg)


def write_frame(frame: pd.DataFrame | pd.Series, folder: Path) -> Path:
    """Write a frame to a file in a folder and return its path; index and dtypes survive.

    Parquet where pyarrow is installed and brings back the very same frame, a pickle otherwise.
    """
    import pandas as pd  # noqa: PLC0415  (only where frames are)

    if isinstance(frame, pd.DataFrame):
        path = folder / f"{FRAME}.parquet"
        try:
            frame.to_parquet(path)
            pd.testing.assert_frame_equal(pd.read_parquet(path), frame)
        except (ImportError, ValueError, TypeError, NotImplementedError, AssertionError):
            path.unlink(missing_ok=True)
        else:
            return path
    path = folder / f"{FRAME}.pkl"
    frame.to_pickle(path)
    return path


def load_channel(channel: str | os.PathLike[str]) -> Any:
    """Return what a channel holds: `train = ml.load_channel("train")` in a job's script.

    Parameters
    ----------
    channel
        Name of a channel of the job that runs, or the path of a file or folder.

    Returns
    -------
    DataFrame, Series or Path
        A frame as it was sent, a table read from csv, parquet or JSON lines (several files below
        each other), or the path of a folder that holds something else.

    Raises
    ------
    UsageError
        The job has no such channel; names those it has.
    """
    require_path(channel, "A channel's name, or what it holds,", "ml.load_channel('train')")
    path = _folder(channel)
    files = [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file())
    kinds = {file.suffix for file in files}
    if len(kinds) != 1 or not kinds <= set(_READERS):
        return path
    import pandas as pd  # noqa: PLC0415

    reader, options = _READERS[kinds.pop()]
    tables = [getattr(pd, reader)(file, **options) for file in files]
    return tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)


_READERS: dict[str, tuple[str, dict[str, Any]]] = {
    ".parquet": ("read_parquet", {}),
    ".csv": ("read_csv", {}),
    ".jsonl": ("read_json", {"lines": True}),
    ".pkl": ("read_pickle", {}),
}


def _folder(channel: str | os.PathLike[str]) -> Path:
    named = os.environ.get(f"SM_CHANNEL_{str(channel).upper()}")
    path = Path(named or channel)
    if path.exists():
        return path
    known = [name[11:].lower() for name in os.environ if name.startswith("SM_CHANNEL_")]
    msg = f"There is no channel or path {str(channel)!r}. Channels: {', '.join(known) or 'none'}."
    raise UsageError(msg)
