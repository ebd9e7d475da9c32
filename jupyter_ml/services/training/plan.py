"""What a training job needs, parsed from its request."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_ml.algorithms import HyperparameterError, by_image, by_name, repository
from jupyter_ml.contract.errors import ValidationException

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_ml.algorithms import Algorithm

Json = dict[str, Any]
PYTHON_VARIABLE = "JUPYTER_ML_PYTHON"
LITERAL_VARIABLE = "JUPYTER_ML_OPT_ML"
DAY_S = 86_400
LOCAL = "ml.local"
_PROGRAM, _SOURCE = "sagemaker_program", "sagemaker_submit_directory"
# Images in which SageMaker runs a user's own script; here the script runs without an image.
_SCRIPT_IMAGE = re.compile(
    r"python|sagemaker-(scikit-learn|xgboost|training|base-python)|sagemaker-distribution.*"
    r"|(pytorch|tensorflow|mxnet|huggingface-(pytorch|tensorflow)|autogluon)-training"
)
_MOST_DEFINITIONS = 40


@dataclass(frozen=True)
class ChannelPlan:
    """One channel in File mode; `kind` is `S3Prefix` or `ManifestFile`."""

    name: str
    uri: str
    kind: str = "S3Prefix"
    sharded: bool = False
    content_type: str | None = None


@dataclass(frozen=True)
class TrainingPlan:
    """What is run for one training job.

    Parameters
    ----------
    program, source_uri
        The script and the archive it is in; both `None` for a built-in algorithm.
    interpreter
        Absolute path of the Python to run in; `None` for that of the server.
    metric_definitions
        Pairs of name and regular expression.
    output_uri
        Prefix for what the job makes; `None` for the default bucket.
    retries
        Attempts after one that the engine lost.
    keep_alive_s
        Seconds that what the job imported is kept for the next one; `None` for the default.
    isolated
        Whether the network is kept away from the program.
    command
        Program and arguments instead of a script: those of a container's entry point.
    literal
        Whether the program finds its files at /opt/ml, whatever the environment tells it.
    """

    name: str
    algorithm: Algorithm | None
    program: str | None
    source_uri: str | None
    hyperparameters: Mapping[str, str]
    channels: tuple[ChannelPlan, ...]
    metric_definitions: tuple[tuple[str, str], ...]
    environment: Mapping[str, str]
    interpreter: str | None
    instance_type: str
    instance_count: int
    max_runtime_s: int
    retries: int
    output_uri: str | None
    keep_alive_s: float | None
    isolated: bool
    command: tuple[str, ...]
    literal: bool

    @classmethod
    def from_request(cls, request: Json) -> TrainingPlan:
        """Return the plan of a CreateTrainingJob request that satisfies its shape.

        Raises
        ------
        ValidationException
            The request asks for what cannot be done here; says what and what to do.
        """
        hyperparameters = request.get("HyperParameters", {})
        specification = request.get("AlgorithmSpecification", {})
        command = _command(specification)
        algorithm = None if command else _algorithm(specification, hyperparameters)
        program, source = (None, None) if algorithm else _sent(hyperparameters, command)
        channels = _channels(request.get("InputDataConfig", []), specification)
        resources = request.get("ResourceConfig", {})
        count = resources.get("InstanceCount", 1)
        if algorithm is not None:
            _check_algorithm(algorithm, hyperparameters, channels, count)
        output = request.get("OutputDataConfig", {})
        if output.get("CompressionType", "GZIP") != "GZIP":
            raise ValidationException(
                "OutputDataConfig.CompressionType 'NONE' is not supported here; models are packed "
                "as model.tar.gz. Leave it out."
            )
        environment = dict(request.get("Environment", {}))
        return cls(
            name=request["TrainingJobName"],
            algorithm=algorithm,
            program=program,
            source_uri=source,
            hyperparameters=hyperparameters,
            channels=channels,
            metric_definitions=_definitions(specification, algorithm),
            interpreter=environment.pop(PYTHON_VARIABLE, None),
            command=command,
            literal=_is_literal(environment.pop(LITERAL_VARIABLE, None), command),
            environment=environment,
            instance_type=resources.get("InstanceType", LOCAL),
            instance_count=count,
            max_runtime_s=request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DAY_S),
            retries=request.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0),
            output_uri=output.get("S3OutputPath"),
            keep_alive_s=resources.get("KeepAlivePeriodInSeconds"),
            isolated=request.get("EnableNetworkIsolation", False),
        )


def toolkit_value(text: str) -> str:
    """Return a hyperparameter of the toolkit's own, which SDKs quote as JSON strings."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) else text


def _algorithm(specification: Json, hyperparameters: Mapping[str, str]) -> Algorithm | None:
    name, image = specification.get("AlgorithmName"), specification.get("TrainingImage")
    if name and image:
        raise ValidationException(
            "AlgorithmSpecification has both AlgorithmName and TrainingImage; give one of them."
        )
    if isinstance(name, str):
        try:
            return by_name(name)
        except HyperparameterError as error:
            raise ValidationException(str(error)) from None
    algorithm = by_image(image) if image else None
    if _PROGRAM not in hyperparameters:
        if algorithm is not None:
            return algorithm
        raise ValidationException(
            f"TrainingImage {image!r} is no built-in algorithm and containers are not run here. "
            f"Give a script with the hyperparameters {_PROGRAM} and {_SOURCE}, or use the image "
            "name 'xgboost' or 'linear-learner'."
        )
    if image:
        _require_no_container(image)
    return None


def _require_no_container(image: str) -> None:
    if not _SCRIPT_IMAGE.fullmatch(repository(image)):
        raise ValidationException(
            f"TrainingImage {image!r} is not an image that runs scripts, and containers are not "
            "run here. Use 'jupyter-ml/python' to run the script in this machine's Python."
        )


def _command(specification: Json) -> tuple[str, ...]:
    """Return what a container would be started with; empty where that is left to its image."""
    command = (
        *specification.get("ContainerEntrypoint", ()),
        *specification.get("ContainerArguments", ()),
    )
    if command and specification.get("AlgorithmName"):
        raise ValidationException(
            f"AlgorithmName {specification['AlgorithmName']!r} is run as it is; leave "
            "ContainerEntrypoint and ContainerArguments out, or AlgorithmName."
        )
    if command and (image := specification.get("TrainingImage")):
        _require_no_container(image)
    return command


def _sent(
    hyperparameters: Mapping[str, str], command: tuple[str, ...]
) -> tuple[str | None, str | None]:
    """Return the script and the archive that it is in; a command needs neither."""
    if not command:
        return _required(hyperparameters, _PROGRAM), _required(hyperparameters, _SOURCE)
    has_source = _SOURCE in hyperparameters
    return None, toolkit_value(hyperparameters[_SOURCE]) if has_source else None


def _is_literal(told: str | None, command: tuple[str, ...]) -> bool:
    """Return whether a program looks for /opt/ml itself: what a container would run does."""
    if told not in {None, "on", "off"}:
        raise ValidationException(f"{LITERAL_VARIABLE} is {told!r}; it must be 'on' or 'off'.")
    return bool(command) if told is None else told == "on"


def _required(hyperparameters: Mapping[str, str], name: str) -> str:
    if name not in hyperparameters:
        raise ValidationException(
            f"The hyperparameter {name} is missing: script mode needs {_PROGRAM} (the script's "
            f"path in the archive) and {_SOURCE} (the s3:// location of a sourcedir.tar.gz)."
        )
    return toolkit_value(hyperparameters[name])


def _check_algorithm(
    algorithm: Algorithm,
    hyperparameters: Mapping[str, str],
    channels: tuple[ChannelPlan, ...],
    count: int,
) -> None:
    try:
        algorithm.parse(hyperparameters)
        algorithm.check_channels([channel.name for channel in channels])
    except HyperparameterError as error:
        raise ValidationException(str(error)) from None
    if count > algorithm.most_members:
        raise ValidationException(
            f"InstanceCount {count} is too many: {algorithm.name} runs on "
            f"{algorithm.most_members} instance here; use a larger instance type instead."
        )


def _definitions(specification: Json, algorithm: Algorithm | None) -> tuple[tuple[str, str], ...]:
    given = specification.get("MetricDefinitions", [])
    if len(given) > _MOST_DEFINITIONS:
        raise ValidationException(
            f"{len(given)} MetricDefinitions are too many; at most {_MOST_DEFINITIONS} are read."
        )
    definitions = []
    for item in given:
        try:
            re.compile(item["Regex"])
        except re.error as error:
            raise ValidationException(
                f"The Regex {item['Regex']!r} of metric {item['Name']!r} is invalid: {error}."
            ) from None
        # what an algorithm logs itself would be there twice
        if algorithm is None or not re.fullmatch(algorithm.metrics, item["Name"]):
            definitions.append((item["Name"], item["Regex"]))
    return tuple(definitions)


def _channels(given: list[Json], specification: Json) -> tuple[ChannelPlan, ...]:
    names = [channel["ChannelName"] for channel in given]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValidationException(
            f"InputDataConfig has more than one channel {min(twice)!r}; channel names are unique."
        )
    mode: str = specification.get("TrainingInputMode", "File")
    return tuple(_channel(channel, channel.get("InputMode", mode)) for channel in given)


def _channel(channel: Json, mode: str) -> ChannelPlan:
    name = channel["ChannelName"]
    wanted = {
        "InputMode": (mode, "File"),
        "CompressionType": (channel.get("CompressionType", "None"), "None"),
        "RecordWrapperType": (channel.get("RecordWrapperType", "None"), "None"),
    }
    for member, (value, supported) in wanted.items():
        if value != supported:
            raise ValidationException(
                f"Channel {name!r} asks for {member} {value!r}, which is not supported here; "
                f"use {supported!r}."
            )
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        raise ValidationException(f"Channel {name!r} needs DataSource.S3DataSource.")
    kind = source.get("S3DataType", "S3Prefix")
    if kind not in {"S3Prefix", "ManifestFile"}:
        raise ValidationException(
            f"Channel {name!r} asks for S3DataType {kind!r}, which is not supported here; use "
            "'S3Prefix' or 'ManifestFile'."
        )
    return ChannelPlan(
        name=name,
        uri=source["S3Uri"],
        kind=kind,
        sharded=source.get("S3DataDistributionType") == "ShardedByS3Key",
        content_type=channel.get("ContentType"),
    )
