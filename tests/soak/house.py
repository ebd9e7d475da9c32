"""Where a soak takes place: a workspace, what lies beside it, and a Jupyter server on it."""

from __future__ import annotations

import json
import random
import sys
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.client import LocalClient
from jupyter_ml.client_http import HttpClient
from jupyter_ml.core.settings import Settings

sys.path.insert(0, str(Path(__file__).parents[1] / "wire"))

import jupyter_process
from ledger import Ledger

if TYPE_CHECKING:
    from jupyter_ml.client import Client

BUCKET = "sagemaker-us-east-1-000000000000"
SIZE = "ml.soak"
# Zygotes leave by themselves soon after the last job, so that the end shows that they do.
WARM = {"JUPYTER_ML_WARM_MEMORY_MB": "1024", "JUPYTER_ML_KEEP_WARM_S": "15"}


def pause(seconds: float) -> None:
    """Let others go on for a while: how much comes when is a part of the load."""
    time.sleep(seconds)


class House:
    """What all processes of one soak know.

    Parameters
    ----------
    folder
        Holds everything; the workspace is in it.
    seed
        What every choice is drawn from.
    until
        When it ends, by `time.monotonic`.
    database
        Address of the PostgreSQL database that holds the store; "" for a SQLite file.
    """

    def __init__(self, folder: Path, seed: int, until: float, database: str) -> None:
        self.folder, self.seed, self.until, self.database = folder, seed, until, database
        self.workspace = folder / "workspace"
        self.notes = folder / "notes"
        self.ledger = Ledger(folder / "ledger.jsonl")

    @classmethod
    def from_json(cls, text: str) -> House:
        """Return the house that another process describes."""
        values = json.loads(text)
        return cls(Path(values["folder"]), values["seed"], values["until"], values["database"])

    def to_json(self) -> str:
        """Describe it for another process."""
        values = {"folder": str(self.folder), "seed": self.seed, "until": self.until}
        return json.dumps({**values, "database": self.database})

    def set_up(self) -> None:
        """Make the folders, and a size of which several fit every machine."""
        self.notes.mkdir()
        self.workspace.mkdir()
        sizes = {SIZE: {"cpus": 0.25, "memory_gb": 0.5}}
        (self.workspace / "instance_types.json").write_text(json.dumps(sizes))

    def chance(self, who: str) -> random.Random:
        """Return what one actor draws its choices from."""
        return random.Random(f"{self.seed}/{who}")

    @property
    def is_over(self) -> bool:
        """Whether nothing new is begun any more."""
        return time.monotonic() > self.until

    @property
    def environment(self) -> dict[str, str]:
        """The environment of all processes of a soak."""
        return jupyter_process.environment(self.folder, **self._settings)

    @property
    def _settings(self) -> dict[str, str]:
        return {**WARM, **({"JUPYTER_ML_DATABASE": self.database} if self.database else {})}

    @cached_property
    def local(self) -> LocalClient:
        """A client of the workspace without a server."""
        return LocalClient(Settings.from_environment(self.environment))

    @property
    def server(self) -> HttpClient:
        """A client of the server that was started last."""
        return HttpClient((self.folder / "server-url").read_text(), jupyter_process.TOKEN, 60)

    def start_server(self) -> Any:
        """Start a Jupyter server, and have the others know where it is."""
        server = jupyter_process.start(self.folder, **self._settings)
        draft = self.folder / "server-url.new"
        draft.write_text(server.url)
        draft.rename(self.folder / "server-url")
        self.ledger.note("server started", server.url, pid=server.process.pid)
        return server

    def client(self, surface: str) -> Client:
        """Return the client of a surface, `local` or `server`."""
        return self.local if surface == "local" else self.server
