"""Transfers between a job or an endpoint and an external bucket, in a process of their own.

The harness runs in the job's interpreter, which may have nothing; this runs in the one that the
job was submitted with, which has fsspec and pyarrow. It is told what to do in JSON on its standard
input and says in JSON what it did, or on its standard error why not.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyter_ml.contract.errors import MLError
from jupyter_ml.core.externals import Place
from jupyter_ml.harness.channels import Item, NotEnoughSpace, require_space

if TYPE_CHECKING:
    from collections.abc import Sequence

Json = dict[str, Any]
OBJECT, FOLDER = "object", "folder"
_THREADS = 8
_BLOCK = 8 << 20


class TransferFailed(MLError):
    """A transfer did not come about; the message says why and what to do."""


def transfer(python: str, order: Json) -> Json:
    """Have an order carried out by a Python that has what it takes; return what it says.

    Parameters
    ----------
    python
        The interpreter.
    order
        What `main` takes.

    Raises
    ------
    TransferFailed
        It was not.
    """
    # Behind the package itself comes what the job asked for, which is for its own interpreter.
    paths = os.environ["PYTHONPATH"].split(os.pathsep)[0]
    done = subprocess.run(
        [python, "-m", "jupyter_ml.harness.external"],
        input=json.dumps(order).encode(),
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise TransferFailed(reason)
    answer: Json = json.loads(done.stdout)
    return answer


def fetch(place: Place, folder: Path, share: Sequence[int], floor_bytes: int) -> int:
    """Copy what lies below a place into a channel's folder; return the bytes.

    Parameters
    ----------
    place
        An object, a prefix that ends in a slash or could, or the beginning of keys.
    folder
        Where to; made.
    share
        Which of how many members asks; it gets every so manieth file.
    floor_bytes
        Free space that must remain.

    Raises
    ------
    TransferFailed
        There is nothing, or it cannot be read.
    """
    files = filesystem(place)
    rank, members = share
    items = _items(files, place)[rank::members]
    return _copied(files, items, folder, floor_bytes)


def fetch_exactly(place: Place, folder: Path, floor_bytes: int) -> int:
    """Copy an object to `object` in a folder, or what lies below a prefix to `folder` there.

    Unlike a channel, the beginning of other keys is neither.

    Raises
    ------
    TransferFailed
        There is nothing, it cannot be read, or it was replaced meanwhile.
    """
    files = filesystem(place)
    root = f"{place.external.bucket}/{place.key}".rstrip("/")
    items = _items(files, place)
    is_object = items[0].path == Path(root)
    if not is_object and _kind(files, root) != "directory":
        msg = "There is no such object, nor a folder. Correct the location."
        raise TransferFailed(msg)
    seen = [files.info(str(item.path)) for item in items]
    size = _copied(files, items, folder / (OBJECT if is_object else FOLDER), floor_bytes)
    if [files.info(str(item.path)) for item in items] != seen:
        msg = "It was replaced while it was read. Try again."
        raise TransferFailed(msg)
    return size


def bring(python: str, place: Json, folder: Path, floor_bytes: int) -> Path:
    """Return where an object or folder is here, brought once, whole or not at all.

    Parameters
    ----------
    python
        See `transfer`.
    place
        Where it is, as JSON has it.
    folder
        Whose it is; made.
    floor_bytes
        Free space that must remain.

    Raises
    ------
    TransferFailed
        It could not be brought.
    """
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(draft, ignore_errors=True)
        order = {"do": "fetch exactly", "place": place, "folder": str(draft)}
        transfer(python, {**order, "floor_bytes": floor_bytes})
        draft.rename(folder)
    if (folder / OBJECT).is_dir():
        return next((folder / OBJECT).iterdir())
    return folder / FOLDER


def _copied(files: Any, items: list[Item], folder: Path, floor_bytes: int) -> int:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  (not for every job)

    folder.mkdir(parents=True, exist_ok=True)
    require_space(items, folder, floor_bytes)

    def copy(item: Item) -> int:
        target = folder / item.name
        if not target.resolve().is_relative_to(folder.resolve()):
            msg = f"The key {item.path} leads out of the folder it is for; rename the object."
            raise TransferFailed(msg)
        target.parent.mkdir(parents=True, exist_ok=True)
        with files.open(str(item.path), "rb") as source, target.open("wb") as file:
            shutil.copyfileobj(source, file, _BLOCK)
        return target.stat().st_size

    with ThreadPoolExecutor(_THREADS) as threads:
        return sum(threads.map(copy, items))


def send(path: Path, place: Place) -> int:
    """Upload a file to a place, which has it whole or not at all; return the bytes.

    Raises
    ------
    TransferFailed
        What is there afterwards is not as long.
    """
    files = filesystem(place)
    target = f"{place.external.bucket}/{place.key}"
    size = path.stat().st_size
    with path.open("rb") as source, files.open(target, "wb") as file:
        shutil.copyfileobj(source, file, _BLOCK)
    there = files.info(target)["size"]
    if there != size:
        msg = f"{there:,} bytes of {size:,} arrived. Have the job run again."
        raise TransferFailed(msg)
    return size


def filesystem(place: Place) -> Any:
    """Return the external bucket's storage as a file system of fsspec.

    Raises
    ------
    TransferFailed
        The libraries or the credentials are missing.
    """
    try:
        from fsspec.implementations.arrow import ArrowFSWrapper  # noqa: PLC0415
        from pyarrow import fs  # noqa: PLC0415
    except ImportError as error:
        msg = f"{error.name} is missing in {sys.executable}: pip install 'jupyter-ml[s3]'."
        raise TransferFailed(msg) from error
    external = place.external
    options: Json = {"region": external.region} if external.region else {}
    if external.endpoint_url:
        parts = urlsplit(external.endpoint_url)
        options["scheme"] = parts.scheme
        options["endpoint_override"] = f"{parts.netloc}{parts.path.rstrip('/')}"
        options.setdefault("region", "us-east-1")
    if external.anonymous:
        options["anonymous"] = True
    else:
        options.update(_credentials(external.profile))
    return ArrowFSWrapper(fs.S3FileSystem(**options))


def main() -> int:
    """Carry out the order on standard input; return the exit code."""
    order = json.load(sys.stdin)
    place = Place.from_json(order["place"])
    try:
        if order["do"] == "fetch":
            size = fetch(place, Path(order["folder"]), order["share"], order["floor_bytes"])
        elif order["do"] == "fetch exactly":
            size = fetch_exactly(place, Path(order["folder"]), order["floor_bytes"])
        else:
            size = send(Path(order["path"]), place)
    except (TransferFailed, NotEnoughSpace) as error:
        reason = str(error)
    except OSError as error:
        reason = _explained(str(error))
    else:
        print(json.dumps({"bytes": size}))  # noqa: T201  (its answer)
        return 0
    sys.stderr.write(f"s3://{place.external.name}/{place.key}: {reason}\n")
    return 1


def _items(files: Any, place: Place) -> list[Item]:
    root = f"{place.external.bucket}/{place.key}".rstrip("/")
    base = root
    kind = _kind(files, root)
    if kind == "file" and not place.key.endswith("/"):
        return [Item(Path(root), Path(root).name, files.info(root)["size"])]
    # What cannot be listed must not count as empty: part of a data set is worse than none.
    if kind == "directory":
        found = files.find(root, detail=True, on_error="raise")
    else:
        base = root.rpartition("/")[0]
        is_prefix = not place.key.endswith("/") and _kind(files, base) == "directory"
        found = files.find(base, detail=True, on_error="raise") if is_prefix else {}
        found = {path: info for path, info in found.items() if path.startswith(root)}
    items = [
        Item(Path(path), path.removeprefix(f"{base}/"), info["size"])
        for path, info in sorted(found.items())
    ]
    if items:
        return items
    if _kind(files, place.external.bucket) is None:
        msg = f"There is no bucket {place.external.bucket!r}. Correct it in external_buckets."
        raise TransferFailed(msg)
    raise TransferFailed("There are no objects. Put the data there, or correct the location.")


def _kind(files: Any, path: str) -> str | None:
    """Return whether a path is a ``file`` or a ``directory``; `None` if it is not there."""
    try:
        kind: str = files.info(path)["type"]
    except FileNotFoundError:
        return None
    return kind


def _credentials(profile: str | None) -> Json:
    """Return the keys that the user's AWS configuration has, as pyarrow takes them."""
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415
    from botocore.session import Session  # noqa: PLC0415

    try:
        found = Session(profile=profile).get_credentials()
    except BotoCoreError as error:
        raise TransferFailed(f"{error}. Add it to ~/.aws/credentials.") from error
    if found is None:
        msg = (
            "There are no AWS credentials: jobs are not told those of the environment. Put them "
            "into ~/.aws/credentials, or declare the bucket with anonymous=True."
        )
        raise TransferFailed(msg)
    keys = found.get_frozen_credentials()
    token = {"session_token": keys.token} if keys.token else {}
    return {"access_key": keys.access_key, "secret_key": keys.secret_key, **token}


def _explained(text: str) -> str:
    hint = {
        "ACCESS_DENIED": " Check what the credentials may do.",
        "INVALID_ACCESS_KEY_ID": " Check the credentials in ~/.aws/credentials.",
        "SIGNATURE_DOES_NOT_MATCH": " Check the secret key in ~/.aws/credentials.",
        "NO_SUCH_BUCKET": " Check the bucket's name in external_buckets.",
        "NETWORK_CONNECTION": " Check endpoint_url in external_buckets.",
    }
    return text + next((more for name, more in hint.items() if name in text), "")


if __name__ == "__main__":
    sys.exit(main())
