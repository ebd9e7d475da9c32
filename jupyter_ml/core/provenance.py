"""Where submitted source says that it came from: notebook, cell, commit, inputs."""

from __future__ import annotations

import json
import tarfile
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

PROVENANCE = ".jupyter_ml/provenance.json"
# It is asked for within transactions, and stands among the first files of an archive: what is
# far behind is not looked for.
FAR_BYTES = 8 << 20


def read_provenance(archive: Path) -> dict[str, Any]:
    """Return what the provenance file of a source archive says.

    Parameters
    ----------
    archive
        A tar archive, compressed or not.

    Returns
    -------
    dict
        Empty where there is none within the first 8 MiB of content, or the archive cannot be
        read: somebody else's may be anything.
    """
    try:
        with tarfile.open(archive) as source:
            while source.offset < FAR_BYTES and (member := source.next()) is not None:
                if member.name.removeprefix("./") == PROVENANCE and member.size < FAR_BYTES:
                    file = source.extractfile(member)
                    found = json.load(file) if file is not None else {}
                    return found if isinstance(found, dict) else {}
    except (OSError, EOFError, ValueError, tarfile.TarError, zlib.error):
        return {}
    return {}
