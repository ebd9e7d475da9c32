"""The folders and configuration files of SageMaker's `/opt/ml`, below any folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

NETWORK_INTERFACE = "lo"


@dataclass(frozen=True)
class Layout:
    """Where things are below `base`, the relocated `/opt/ml`.

    Parameters
    ----------
    base
        The folder of one member.
    shared
        The folder of the first member, to whose model and output all members write: they
        become one archive.
    """

    base: Path
    shared: Path | None = None

    @property
    def code(self) -> Path:
        """The unpacked source folder."""
        return self.base / "code"

    @property
    def config(self) -> Path:
        """The folder of the configuration files."""
        return self.base / "input" / "config"

    @property
    def data(self) -> Path:
        """The folder that holds one folder per channel."""
        return self.base / "input" / "data"

    @property
    def model(self) -> Path:
        """What becomes `model.tar.gz`."""
        return (self.shared or self.base) / "model"

    @property
    def output(self) -> Path:
        """The folder of output data, intermediate output and the failure text."""
        return (self.shared or self.base) / "output"

    def make(self) -> None:
        """Create the folders."""
        own = (self.code, self.config, self.data, self.base / "checkpoints")
        shared = (self.model, self.output / "data", self.output / "intermediate")
        for folder in (*own, *shared):
            folder.mkdir(parents=True, exist_ok=True)

    def write_config(self, name: str, value: Any) -> None:
        """Write one of the files in `input/config`."""
        (self.config / name).write_text(json.dumps(value, indent=1), encoding="utf-8")


def hosts_of(members: int) -> list[str]:
    """Return the names of a job's hosts: algo-1 .. algo-n."""
    return [f"algo-{number + 1}" for number in range(members)]


def resource_config(
    rank: int, members: int, instance_type: str, group: str = "homogeneousCluster"
) -> dict[str, Any]:
    """Return the content of `resourceconfig.json` for one member."""
    hosts = hosts_of(members)
    return {
        "current_host": hosts[rank],
        "current_instance_type": instance_type,
        "current_group_name": group,
        "hosts": hosts,
        "instance_groups": [
            {"instance_group_name": group, "instance_type": instance_type, "hosts": hosts}
        ],
        "network_interface_name": NETWORK_INTERFACE,
    }
