"""The actor that creates, updates and deletes endpoints, of one worker and of several."""

from __future__ import annotations

import io
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from house import SIZE, pause

from jupyter_ml.contract.errors import ServiceUnavailable, ValidationException

if TYPE_CHECKING:
    from house import House

INFERENCE = """
import json

def model_fn(model_dir):
    return FACTOR

def input_fn(body, content_type):
    return json.loads(body)

def predict_fn(numbers, factor):
    return [factor * number for number in numbers]

def output_fn(prediction, accept):
    return json.dumps(prediction)
"""
SURFACES = ("local", "server")
_PATIENCE_S = 180.0


def deploy(house: House, who: str) -> None:
    """Have endpoints come, change and go, one in each of two threads."""
    with ThreadPoolExecutor() as pool:
        both = [
            pool.submit(_one_after_the_other, house, f"{who}-{workers}", workers)
            for workers in (1, 2)
        ]
        for each in both:
            each.result()


def _one_after_the_other(house: House, who: str, workers: int) -> None:
    chance = house.chance(who)
    count = 0
    while not house.is_over:
        name = f"{who}-{count}"
        factor = chance.randint(2, 99)
        _Endpoint(house, name, workers, chance.choice(SURFACES)).live(
            [factor, factor + 1], chance.uniform(4, 12)
        )
        count += 1


class _Endpoint:
    """One endpoint from its creation to its deletion."""

    def __init__(self, house: House, name: str, workers: int, surface: str) -> None:
        self._house, self._name, self._workers = house, name, workers
        self._surface = surface

    def live(self, factors: list[int], each_s: float) -> None:
        """Serve each factor for so long; the first is created, the others are updates."""
        note = self._house.ledger.note
        for number, factor in enumerate(factors):
            config = self._configure(number, factor)
            note("deploying", self._name, factor=factor)
            request = {"EndpointName": self._name, "EndpointConfigName": config}
            self._call("UpdateEndpoint" if number else "CreateEndpoint", request)
            if not self._is_in_service(config):
                break
            note("serving", self._name, factor=factor)
            self._pause(each_s)
        note("deleting", self._name)
        self._call("DeleteEndpoint", {"EndpointName": self._name})
        note("deleted", self._name)

    def _configure(self, number: int, factor: int) -> str:
        name = f"{self._name}-v{number}"
        path = self._house.folder / "models" / f"{name}.tar.gz"
        path.parent.mkdir(exist_ok=True)
        code = INFERENCE.replace("FACTOR", str(factor)).encode()
        with tarfile.open(path, "w:gz") as archive:
            info = tarfile.TarInfo("code/inference.py")
            info.size = len(code)
            archive.addfile(info, io.BytesIO(code))
        container = {
            "ModelDataUrl": str(path),
            "Environment": {"SAGEMAKER_MODEL_SERVER_WORKERS": str(self._workers)},
        }
        self._call("CreateModel", {"ModelName": name, "PrimaryContainer": container})
        variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": SIZE}
        variants = [{**variant, "InitialInstanceCount": 1}]
        self._call(
            "CreateEndpointConfig", {"EndpointConfigName": name, "ProductionVariants": variants}
        )
        return name

    def _is_in_service(self, config: str) -> bool:
        give_up_at = time.monotonic() + _PATIENCE_S
        while time.monotonic() < give_up_at:
            found = self._call("DescribeEndpoint", {"EndpointName": self._name})
            status = found["EndpointStatus"]
            if status == "InService" and found.get("EndpointConfigName") == config:
                return True
            if status in {"Failed", "InService"} and found.get("FailureReason"):
                self._house.ledger.note("not serving", self._name, message=found["FailureReason"])
                return False
            pause(0.3)
        self._house.ledger.note("not serving", self._name, message=f"still {status}")
        return False

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Call until there is an answer; one that was lost shows in what the next one says."""
        asked = 0
        while True:
            asked += 1
            try:
                return self._house.client(self._surface).call(operation, request)
            except ServiceUnavailable:
                pause(0.3)
            except ValidationException as error:
                if "while it is SystemUpdating" in str(error):
                    pause(0.3)  # its supervisor was killed: it says to wait
                    asked = 0
                    continue
                if asked == 1:
                    raise
                return {}  # made, changed or deleted by the call whose answer was lost

    def _pause(self, seconds: float) -> None:
        until = min(time.monotonic() + seconds, self._house.until + 1)
        while time.monotonic() < until:
            pause(0.1)
