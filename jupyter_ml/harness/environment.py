"""The environment and the arguments that SageMaker's training toolkit gives a script."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_ml.harness.layout import Layout

_RESERVED_PREFIX = "sagemaker_"
_RESERVED = frozenset({"_tuning_objective_metric"})
_LOG_LEVEL_INFO = 20
_FIRST_PORT, _PORTS = 20_000, 12_000


@dataclass(frozen=True)
class Facts:
    """What the environment tells a script, besides the folders.

    Parameters
    ----------
    hyperparameters
        All of the job's, as strings, the toolkit's own (`sagemaker_...`) among them.
    resource_config, input_data_config
        The content of the files of these names.
    program
        The script, relative to the code folder; `None` for a built-in algorithm.
    main_port
        Port at which the first member may listen for the others.
    """

    job_name: str
    arn: str
    region: str
    hyperparameters: Mapping[str, str]
    resource_config: Mapping[str, Any]
    input_data_config: Mapping[str, Any]
    cpus: int
    gpus: int
    main_port: int
    program: str | None = None
    source_uri: str = ""
    framework: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)


def decoded(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """Return hyperparameters with JSON strings decoded; what is no JSON stays a string."""
    return {name: _decoded(text) for name, text in hyperparameters.items()}


def user_hyperparameters(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the decoded hyperparameters that are meant for the script."""
    return {
        name: value
        for name, value in decoded(hyperparameters).items()
        if not name.startswith(_RESERVED_PREFIX) and name not in _RESERVED
    }


def arguments(values: Mapping[str, Any]) -> list[str]:
    """Return hyperparameters as flags, in the order of their names: `--depth 3 -k 5`."""
    flags = []
    for name in sorted(values):
        flags += [f"--{name}" if len(name) > 1 else f"-{name}", _argument(values[name])]
    return flags


def main_port(token: str) -> int:
    """Return a port for the members of an attempt to meet at, the same for all of them.

    It is below those that the kernel gives to connections, and another one for another attempt:
    all jobs share this machine.
    """
    return _FIRST_PORT + zlib.crc32(token.encode()) % _PORTS


def variables(layout: Layout, facts: Facts) -> dict[str, str]:
    """Return the `SM_*` variables, those of SageMaker's container, and the job's own."""
    training = _training_environment(layout, facts)
    named = {f"SM_{name.upper()}": _text(value) for name, value in _named(training).items()}
    named.update(_of_newer_sdks(layout, facts))
    named["SM_TRAINING_ENV"] = _text(training)
    named["SM_USER_ARGS"] = _text(arguments(training["hyperparameters"]))
    for name, value in training["hyperparameters"].items():
        named[f"SM_HP_{name.upper()}"] = _text(value)
    for name, folder in training["channel_input_dirs"].items():
        named[f"SM_CHANNEL_{name.upper()}"] = folder
    named.update(
        TRAINING_JOB_NAME=facts.job_name,
        TRAINING_JOB_ARN=facts.arn,
        AWS_REGION=facts.region,
        CURRENT_HOST=training["current_host"],
        SAGEMAKER_BASE_DIR=str(layout.base),
        SAGEMAKER_REGION=facts.region,
        SAGEMAKER_JOB_NAME=facts.job_name,
    )
    return {**named, **facts.extra}


def _training_environment(layout: Layout, facts: Facts) -> dict[str, Any]:
    resources = facts.resource_config
    (group,) = resources["instance_groups"]
    name = group["instance_group_name"]
    own = decoded(facts.hyperparameters)
    return {
        "additional_framework_parameters": {
            key: value for key, value in own.items() if key.startswith(_RESERVED_PREFIX)
        },
        "channel_input_dirs": {
            channel: str(layout.data / channel) for channel in facts.input_data_config
        },
        "current_host": resources["current_host"],
        "current_instance_group": name,
        "current_instance_group_hosts": group["hosts"],
        "current_instance_type": resources["current_instance_type"],
        "distribution_hosts": resources["hosts"],
        "distribution_instance_groups": [name],
        "framework_module": facts.framework,
        "hosts": resources["hosts"],
        "hyperparameters": user_hyperparameters(facts.hyperparameters),
        "input_config_dir": str(layout.config),
        "input_data_config": facts.input_data_config,
        "input_dir": str(layout.base / "input"),
        "instance_groups": [name],
        "instance_groups_dict": {name: group},
        "is_hetero": False,
        "is_master": resources["current_host"] == resources["hosts"][0],
        "is_modelparallel_enabled": None,
        "job_name": facts.job_name,
        "log_level": own.get("sagemaker_container_log_level", _LOG_LEVEL_INFO),
        "master_hostname": resources["hosts"][0],
        "model_dir": str(layout.model),
        "module_dir": facts.source_uri or str(layout.code),
        "module_name": PurePath(facts.program).with_suffix("").name if facts.program else "",
        "network_interface_name": resources["network_interface_name"],
        "num_cpus": facts.cpus,
        "num_gpus": facts.gpus,
        "num_neurons": 0,
        "output_data_dir": str(layout.output / "data"),
        "output_dir": str(layout.output),
        "output_intermediate_dir": str(layout.output / "intermediate"),
        "resource_config": resources,
        "user_entry_point": facts.program or "",
    }


def _of_newer_sdks(layout: Layout, facts: Facts) -> dict[str, str]:
    """Return what version 3 of the SageMaker SDK gives scripts beyond the training toolkit."""
    hosts = facts.resource_config["hosts"]
    return {
        "SM_INPUT_DATA_DIR": str(layout.data),
        "SM_OUTPUT_FAILURE": str(layout.output / "failure"),
        "SM_SOURCE_DIR": str(layout.code),
        "SM_ENTRY_SCRIPT": facts.program or "",
        "SM_HOST_COUNT": str(len(hosts)),
        "SM_CURRENT_HOST_RANK": str(hosts.index(facts.resource_config["current_host"])),
        # the name of the first host resolves in SageMaker's network alone
        "SM_MASTER_ADDR": "127.0.0.1",
        "SM_MASTER_PORT": str(facts.main_port),
    }


def _named(training: Mapping[str, Any]) -> dict[str, Any]:
    renamed = {
        "hps": training["hyperparameters"],
        "framework_params": training["additional_framework_parameters"],
        "channels": sorted(training["channel_input_dirs"]),
    }
    left_out = {
        "additional_framework_parameters",
        "channel_input_dirs",
        "hyperparameters",
        "is_master",
        "is_modelparallel_enabled",
        "job_name",
        "master_hostname",
    }
    return {**{k: v for k, v in training.items() if k not in left_out}, **renamed}


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _argument(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}={value[key]}" for key in sorted(value))
    return "" if value is None else str(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
