"""A support bundle: what somebody who helps has to know, in one file and without secrets.

What is secret here is looked up first (keys, tokens, passwords of the environment), and hidden
wherever it stands; on top of that goes whatever a name or its looks tell to be one.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import platform
import time
import zipfile
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jupyter_ml.contract.errors import MLError
from jupyter_ml.core.credentials import is_secret_name
from jupyter_ml.core.events.events import redact
from jupyter_ml.toolkit.doctor import examine
from jupyter_ml.toolkit.doctor.finding import Place
from jupyter_ml.toolkit.new_file import new_file
from jupyter_ml.toolkit.redaction import HIDDEN, redacted_log, why_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_ml.client import Client
    from jupyter_ml.core.settings import Settings

Json = dict[str, Any]
EVENTS = 1000
FAILED_JOBS = 10
TAIL_BYTES = 1 << 16
# Shorter ones are words of the language, and hiding those would hide everything.
_SHORTEST = 6
_MOST_BYTES = 1 << 16
_TOLD = ("JUPYTER", "JPY_", "PYTHON", "CONDA", "VIRTUAL_ENV", "OMP_", "CUDA", "LANG", "LC_", "TZ")


class Part(NamedTuple):
    """One file of the bundle."""

    name: str
    about: str
    data: bytes


class Scrubber:
    """Hides what is known to be secret in this workspace, and what looks like it.

    Parameters
    ----------
    secrets
        Texts that must stand nowhere.
    """

    def __init__(self, secrets: set[str]) -> None:
        self._secrets = sorted(filter(_is_long, secrets), key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return output of a program without them."""
        return redacted_log(self._known(text))

    def value(self, value: Any, name: str = "") -> Any:
        """Return a document without them."""
        if isinstance(value, str):
            return HIDDEN if why_secret(name, value) else self.text(value)
        if isinstance(value, dict):
            shown: Json = redact(value)
            return {self._known(str(key)): self.value(item, key) for key, item in shown.items()}
        if isinstance(value, list | tuple):
            return [self.value(item, name) for item in value]
        return value if isinstance(value, int | float | None) else self.text(str(value))

    def _known(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


def write(path: Path, settings: Settings, connect: Callable[[], Client]) -> tuple[Path, list[Part]]:
    """Write the bundle; return where it is, and what it is made of.

    Parameters
    ----------
    path
        A file that does not exist, or a folder for one.
    settings
        Names the workspace.
    connect
        Gives its client, which may fail: the bundle then says so.

    Raises
    ------
    UsageError
        There is such a file; nothing is ever overwritten.
    MLError
        It cannot be written.
    """
    if path.is_dir():
        path /= time.strftime("jupyter-ml-support-%Y%m%d-%H%M%S.zip")
    # Taken first: what cannot be written need not be collected.
    descriptor = new_file(path, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            parts = collect(settings, connect)
            file.write(_zipped(parts))
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            msg = f"{path} could not be written: {error.strerror}."
            raise MLError(msg) from error
        raise
    return path, parts


def collect(settings: Settings, connect: Callable[[], Client]) -> list[Part]:
    """Return the files of the bundle; one that cannot be made says why in its place."""
    scrub = Scrubber(set(known_secrets(settings)))
    place = Place(settings)
    sources: list[tuple[str, str, Callable[[], Any]]] = [
        ("doctor.json", "what works here", lambda: [f.to_json() for f in examine(settings)]),
        ("versions.json", "the machine and all packages with their versions", _versions),
        ("settings.json", "the settings, without keys", lambda: json.loads(settings.to_json())),
        ("environment.json", "variables of Jupyter and Python", _environment),
    ]
    client: Client | None = None
    if place.has_store or os.environ.get("JUPYTER_ML_URL"):
        with contextlib.suppress(MLError):  # the doctor says why
            client = connect()
    if client is not None:
        sources += [
            ("status.json", "jobs, endpoints and the workspace", lambda: _status(client)),
            ("events.json", f"the newest {EVENTS:,} events", lambda: _events(client)),
        ]
    parts = [_part(name, about, make, scrub) for name, about, make in sources]
    if client is not None:
        with contextlib.suppress(MLError):  # the other parts say why
            parts += _failed(client, scrub)
    parts += _logs(place, scrub)
    readme = "\n".join(
        [
            "A support bundle of jupyter_ml. Keys, tokens, passwords and what looks like them",
            f"are hidden as {HIDDEN}. Names of jobs, files and users are not: read it before you",
            "send it.",
            "",
            *(f"{part.name}: {part.about}" for part in parts),
        ]
    )
    return [Part("README.txt", "this list", f"{readme}\n".encode()), *parts]


def known_secrets(settings: Settings) -> Iterator[str]:
    """Yield what is secret in this workspace and this process, as far as it can be looked up."""
    yield from filter(
        None,
        (settings.access_key_id, settings.secret_access_key, settings.database_password),
    )
    for name, value in os.environ.items():
        if is_secret_name(name) or why_secret(name, value):
            yield value
    for path in settings.keys.glob("*"):
        yield from _texts_of(path)
    for name in ("token", "work.json", "serve.json"):
        for path in settings.workspace.glob(f"work/*/*/*/{name}"):
            yield from _texts_of(path, None if name == "token" else {"token"})
    from jupyter_core.paths import jupyter_runtime_dir  # noqa: PLC0415  (slow)

    for path in Path(jupyter_runtime_dir()).glob("*.json"):
        yield from _texts_of(path, {"token", "password", "key"})


def _texts_of(path: Path, members: set[str] | None = None) -> Iterator[str]:
    """Yield the texts of a small file: those of these members, or all."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return  # removed meanwhile, or another user's
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if isinstance(document, dict):
        for name, value in document.items():
            if isinstance(value, str) and (members is None or name in members):
                yield value
    elif members is None:
        yield from text.split()


def _is_long(secret: str) -> bool:
    return len(secret) >= _SHORTEST


def _part(name: str, about: str, make: Callable[[], Any], scrub: Scrubber) -> Part:
    try:
        made = make()
    except (MLError, OSError) as error:
        made = {"NotThere": f"{type(error).__name__}: {error}"}
    text = json.dumps(scrub.value(made), indent=1, ensure_ascii=False)
    return Part(name, about, text.encode())


def _versions() -> Json:
    packages = {each.name: each.version for each in metadata.distributions() if each.name}
    return {
        "Python": platform.python_version(),
        "System": platform.platform(),
        "Processor": platform.machine(),
        "Packages": dict(sorted(packages.items())),
    }


def _environment() -> Json:
    told = {name: value for name, value in os.environ.items() if name.startswith(_TOLD)}
    return {**told, "OtherVariables": sorted(set(os.environ) - set(told))}


def _status(client: Client) -> Json:
    return {
        "Workspace": client.call("GetWorkspace", {}),
        "Disk": client.call("GetDiskUsage", {}),
        "Endpoints": client.call("WatchEndpoints", {})["Endpoints"],
        "Jobs": client.call("WatchTrainingJobs", {"MaxResults": 100})["Jobs"],
    }


def _events(client: Client) -> list[Any]:
    found = client.call("LookupEvents", {"MaxResults": EVENTS})["Events"]
    return [json.loads(event["CloudTrailEvent"]) for event in found]


def _failed(client: Client, scrub: Scrubber) -> list[Part]:
    """Return the newest failed jobs, each with the end of its log."""
    request = {"StatusEquals": "Failed", "MaxResults": FAILED_JOBS}
    parts = []
    for job in client.call("ListTrainingJobs", request)["TrainingJobSummaries"]:
        name = job["TrainingJobName"]
        described = partial(client.call, "DescribeTrainingJob", {"TrainingJobName": name})
        parts.append(_part(f"failed/{name}.json", "a job that failed", described, scrub))
        text = scrub.text(_end_of_log(client, name))
        parts.append(Part(f"failed/{name}.log", "the end of its log", text.encode()))
    return parts


def _end_of_log(client: Client, name: str) -> str:
    wanted: Json = {"ResourceType": "TrainingJob", "ResourceName": name}
    text = ""
    while True:
        piece = client.call("WatchLog", wanted)
        text = ("" if piece["Reset"] else text) + piece["Text"]
        if len(text) > TAIL_BYTES:
            text = _whole_lines(text[-TAIL_BYTES:])
        if piece["Ended"] or piece["Cursor"] == wanted.get("Cursor"):
            return text
        wanted["Cursor"] = piece["Cursor"]


def _whole_lines(text: str) -> str:
    """Return the text without its first line, of which the name of a secret may be cut off."""
    return text.partition("\n")[2]


def _logs(place: Place, scrub: Scrubber) -> list[Part]:
    path = place.root / "background.log"
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    if len(text) >= TAIL_BYTES:
        text = _whole_lines(text)
    about = "the end of the log of what runs without a surface"
    return [Part("background.log", about, scrub.text(text).encode())]


def _zipped(parts: list[Part]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in parts:
            archive.writestr(part.name, part.data)
    return whole.getvalue()
