"""A torch module as a model: rows of numbers in, its output as an array out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def is_module(value: Any) -> bool:
    """Return whether a value is a torch module, without importing torch for it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def load_module(path: Path) -> Any:
    """Return the module in a `.pt` or `.pth` file: TorchScript, or a module that torch pickled.

    Raises
    ------
    ValueError
        The file holds something else, such as a state dict alone.
    """
    import torch  # noqa: PLC0415  (only where the model is one)

    try:
        return torch.jit.load(str(path), map_location="cpu")
    except RuntimeError:
        # The user's own model, as SageMaker loads it; torch's default refuses all but tensors.
        module = torch.load(path, map_location="cpu", weights_only=False)
    if not is_module(module):
        msg = (
            f"{path.name} holds a {type(module).__name__}, not a module. Save the module itself "
            "(torch.save(model, path) or torch.jit.save), or build it in model_fn of inference.py."
        )
        raise ValueError(msg)
    return module


class TorchModel:
    """A module in evaluation mode with the `predict` that models have.

    Parameters
    ----------
    module
        Takes one tensor of rows, answers one tensor.
    """

    def __init__(self, module: Any) -> None:
        self.module = module.eval()
        first = next(iter(module.parameters()), None)
        self._like = {} if first is None else {"dtype": first.dtype, "device": first.device}

    @property
    def n_features_in_(self) -> int | None:
        """How many columns a row has, where the first layer says it."""
        for layer in self.module.modules():
            if next(layer.parameters(recurse=False), None) is not None:
                return getattr(layer, "in_features", None)
        return None

    @property
    def is_rowwise(self) -> bool:
        """Whether a row's answer cannot depend on other rows: a sequence of torch's own layers."""
        return all(type(part).__module__.startswith("torch.nn.") for part in self.module.modules())

    def predict(self, rows: Any) -> Any:
        """Return the module's output for an array of shape (n_rows, n_features)."""
        import torch  # noqa: PLC0415  (the module's own)

        with torch.inference_mode():
            return self.module(torch.as_tensor(rows, **self._like)).cpu().numpy()
