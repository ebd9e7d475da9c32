"""What the requests of this service mean, in small frozen values; pure."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import NotImplementedException, ValidationException
from jupyter_ml.core.externals import Place
from jupyter_ml.core.logs import TEXT
from jupyter_ml.engine.work import Work

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jupyter_ml.engine.instance_types import InstanceType

Json = dict[str, Any]

DEFAULT_IMAGE = "jupyter-ml/python"
DEFAULT_INSTANCE_TYPE = "ml.local"
STARTUP_TIMEOUT_S = 600.0
INVOCATION_TIMEOUT_S = 60.0
MAX_BODY_BYTES = 6_291_456
# What variables are called that the serving process alone reads.
_OURS = ("JUPYTER_ML_", "SAGEMAKER_")
# Repositories whose containers serve scikit-learn, XGBoost or a script: what our process does.
_SERVED = (
    "jupyter-ml",
    "linear-learner",
    "scikit-learn",
    "sklearn",
    "xgboost",
    "pytorch",
    "python",
)


@dataclass(frozen=True)
class ModelPlan:
    """A model as a serving process needs it.

    Parameters
    ----------
    data
        Location of `model.tar.gz` or of a folder; `None` where a script alone is the model.
    source
        Location of `sourcedir.tar.gz` with the inference script; `None` where the model's own
        `code` folder may have one.
    program
        Name of the inference script; `None` for `inference.py`, if there is one.
    interpreter
        Python that the model runs in; `None` is the one that trained it.
    workers
        Processes for each instance.
    timeout_s
        Time for one invocation.
    compiles
        Whether the model is compiled once it serves.
    isolated
        Whether the network is kept away from the model.
    """

    image: str
    data: str | None
    source: str | None
    program: str | None
    interpreter: str | None
    workers: int
    timeout_s: float
    compiles: bool = True
    isolated: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> ModelPlan:
        """Return the plan of a CreateModel request.

        Raises
        ------
        ValidationException, NotImplementedException
            The request names no model, or one that cannot be served here.
        """
        container = _container(request)
        environment: dict[str, str] = dict(container.get("Environment") or {})
        image = container.get("Image") or DEFAULT_IMAGE
        repository = image.rsplit("/", 1)[-1].split(":", 1)[0].split("@", 1)[0]
        if image != DEFAULT_IMAGE and not any(name in repository for name in _SERVED):
            raise NotImplementedException(
                f"Image {image!r} cannot be run: there are no containers here. Use "
                f"{DEFAULT_IMAGE!r} with your inference.py, or a scikit-learn, XGBoost or PyTorch "
                "image, which stand for the same."
            )
        data, source = _data_location(container), environment.get("SAGEMAKER_SUBMIT_DIRECTORY")
        if source is not None and (source.startswith("/opt/ml/") or source == "file:///opt/ml/"):
            source = None  # the code folder of the model's own archive
        if data is None and source is None:
            raise ValidationException(
                "The model has neither ModelDataUrl nor ModelDataSource: say where its "
                "model.tar.gz is."
            )
        return cls(
            image=image,
            data=data,
            source=source,
            program=environment.get("SAGEMAKER_PROGRAM"),
            interpreter=environment.get("JUPYTER_ML_PYTHON"),
            workers=int(_number(environment, "SAGEMAKER_MODEL_SERVER_WORKERS", 1)),
            timeout_s=_timeout_s(environment),
            compiles=_compiles(environment),
            isolated=request.get("EnableNetworkIsolation", False),
            environment=environment,
        )

    @property
    def locations(self) -> list[str]:
        """The locations that must exist for the model to be served."""
        return [location for location in (self.data, self.source) if location is not None]


@dataclass(frozen=True)
class VariantPlan:
    """The one production variant of an endpoint configuration.

    `isolated` says whether the configuration keeps the network away from its models.
    """

    name: str
    model_name: str
    instance_type: str
    instance_count: int
    weight: float
    startup_timeout_s: float
    isolated: bool = False

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> VariantPlan:
        """Return the plan of a CreateEndpointConfig request.

        Raises
        ------
        NotImplementedException
            The request asks for several variants.
        ValidationException
            The variant names no model.
        """
        variants = request["ProductionVariants"]
        if len(variants) != 1:
            raise NotImplementedException(
                f"{len(variants)} production variants were given; this version serves one variant "
                "for each endpoint."
            )
        (variant,) = variants
        if "ModelName" not in variant:
            raise ValidationException(f"Variant {variant['VariantName']!r} names no ModelName.")
        return cls(
            name=variant["VariantName"],
            model_name=variant["ModelName"],
            instance_type=variant.get("InstanceType", DEFAULT_INSTANCE_TYPE),
            instance_count=int(variant.get("InitialInstanceCount", 1)),
            weight=float(variant.get("InitialVariantWeight", 1.0)),
            startup_timeout_s=float(
                variant.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_TIMEOUT_S)
            ),
            isolated=request.get("EnableNetworkIsolation", False),
        )


@dataclass(frozen=True)
class ServingPlan:
    """One generation of an endpoint: a model, a variant, and where the model's files are."""

    endpoint: str
    model: ModelPlan
    variant: VariantPlan
    size: InstanceType
    data: Path | Place | None
    source: Path | Place | None
    free_floor_bytes: int = 0

    @property
    def workers(self) -> int:
        """How many processes hold the model."""
        return self.variant.instance_count * self.model.workers

    @property
    def isolated(self) -> bool:
        """Whether it answers, and cannot call anybody."""
        return self.model.isolated or self.variant.isolated

    def work(self, token: str, inject: Path, log_format: str = TEXT) -> Work:
        """Return what an engine is asked to run, answering whoever shows `token`.

        Parameters
        ----------
        token
            What callers must send.
        inject
            Folder by which Python finds this package; see `core.inject`.
        log_format
            How the process writes its own lines.
        """
        serve = {
            "endpoint": self.endpoint,
            "variant": self.variant.name,
            "model_dir": "ml/model",
            **_files("model", self.data),
            **_files("source", self.source),
            "free_floor_bytes": self.free_floor_bytes,
            "program": self.model.program,
            "workers": self.workers,
            "interpreter": self.model.interpreter,
            "token": token,
            "max_body_bytes": MAX_BODY_BYTES,
            "timeout_s": self.model.timeout_s,
            "compiles": self.model.compiles,
            "log_format": log_format,
            "environment": dict(self.model.environment),
        }
        count = self.variant.instance_count
        paths = [str(inject), self.model.environment.get("PYTHONPATH")]
        return Work(
            argv=(sys.executable, "-m", "jupyter_ml.serving"),
            env={
                **self.model.environment,
                "PYTHONPATH": os.pathsep.join(filter(None, paths)),
                "SAGEMAKER_ENDPOINT_NAME": self.endpoint,
            },
            instance_type=self.size.name,
            cpus=None if self.size.cpus is None else self.size.cpus * count,
            memory_mb=None if self.size.memory_mb is None else self.size.memory_mb * count,
            gpus=self.size.gpus * count,
            # Requests that have come are answered before the process ends.
            grace_s=self.model.timeout_s + 5,
            restart="always",
            listen=True,
            files={"serve.json": json.dumps(serve)},
            isolated=self.isolated,
            warm=self._may_be_forked,
        )

    @property
    def _may_be_forked(self) -> bool:
        """Whether it is one process, with variables that libraries do not read."""
        is_here = self.workers == 1 and self.model.interpreter in {None, sys.executable}
        return is_here and all(name.startswith(_OURS) for name in self.model.environment)

    def summary(self) -> Json:
        """Return what the endpoint's description keeps of this generation."""
        return {
            "model": self.variant.model_name,
            "variant": self.variant.name,
            "image": self.model.image,
            "weight": self.variant.weight,
            "instances": self.variant.instance_count,
            "workers": self.workers,
            "timeout_s": self.model.timeout_s,
            "startup_timeout_s": self.variant.startup_timeout_s,
            "isolated": self.isolated,
        }


def _files(name: str, where: Path | Place | None) -> Json:
    """Return how the serving process is told where files are, here or elsewhere."""
    if isinstance(where, Place):
        return {f"{name}_data": None, f"{name}_place": where.to_json()}
    return {f"{name}_data": None if where is None else str(where), f"{name}_place": None}


def _container(request: Mapping[str, Any]) -> Json:
    containers = request.get("Containers") or []
    if "PrimaryContainer" in request:
        containers = [request["PrimaryContainer"], *containers]
    if not containers:
        raise ValidationException("Give the model a PrimaryContainer.")
    if len(containers) > 1:
        raise NotImplementedException(
            f"{len(containers)} containers were given; this version serves one for each model."
        )
    container: Json = containers[0]
    if container.get("Mode", "SingleModel") != "SingleModel":
        raise NotImplementedException(
            f"Mode {container['Mode']!r} is not there yet; this version serves a single model."
        )
    return container


def _data_location(container: Mapping[str, Any]) -> str | None:
    source = (container.get("ModelDataSource") or {}).get("S3DataSource")
    if source is None:
        return container.get("ModelDataUrl")
    if "ModelDataUrl" in container:
        raise ValidationException("Give either ModelDataUrl or ModelDataSource, not both.")
    location: str = source["S3Uri"]
    return location


def _compiles(environment: Mapping[str, str]) -> bool:
    text = environment.get("JUPYTER_ML_COMPILE", "on")
    if text not in {"on", "off"}:
        raise ValidationException(
            f"JUPYTER_ML_COMPILE is {text!r}; it must be 'on' (the default) or 'off'."
        )
    return text == "on"


def _timeout_s(environment: Mapping[str, str]) -> float:
    default = _number(environment, "SAGEMAKER_MODEL_SERVER_TIMEOUT", INVOCATION_TIMEOUT_S)
    return _number(environment, "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS", default)


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if value < 1:
        raise ValidationException(f"{name} is {text!r}; it must be a number of at least 1.")
    return value
