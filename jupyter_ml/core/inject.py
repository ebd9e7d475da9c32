"""A folder for `PYTHONPATH` by which any interpreter finds this package and nothing else."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import uuid
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def inject_dir(root: Path) -> Path:
    """Return a folder that holds only a link to this package; made if missing.

    Jobs run in interpreters that need not have the package. Its own parent folder would bring
    everything else that is installed beside it.

    Parameters
    ----------
    root
        The workspace's folder.
    """
    # one folder per installation, so that a second one leaves running jobs alone
    name = hashlib.sha256(str(PACKAGE).encode()).hexdigest()[:12]
    folder = root / "inject" / name
    link = folder / PACKAGE.name
    if not link.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _put(link)
    return folder


def _put(link: Path) -> None:
    temporary = link.with_name(f".{link.name}.{uuid.uuid4().hex}")
    try:
        temporary.symlink_to(PACKAGE, target_is_directory=True)
        temporary.replace(link)
    except OSError:
        if link.exists():
            return
        shutil.copytree(PACKAGE, temporary, ignore=shutil.ignore_patterns("__pycache__"))
        with contextlib.suppress(OSError):  # another process was faster
            temporary.rename(link)
        shutil.rmtree(temporary, ignore_errors=True)
