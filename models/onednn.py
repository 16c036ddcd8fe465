"""Linear layers by oneDNN, where PyTorch's own choice for float32 on a CPU is slow.

PyTorch multiplies float32 matrices with Intel's MKL, which leaves AVX-512 unused on CPUs of AMD. On an EPYC, with one
thread and the shapes of Whisper base, oneDNN takes 1/2.2 of the time from 64 rows on, and 1/1.2 to 1/1.5 of it for 8
rows, as when 8 answers are decoded. Both are float32, with sums in another order. Fewer rows stay with PyTorch.
"""

from functools import cache
from pathlib import Path
from typing import Any

MIN_ROWS = 8


def speed_up_linear_layers(model: Any) -> None:
    """Let oneDNN compute the linear layers of a model, where that is known to be faster; else leave it as it is.

    Args:
        model: On the CPU, in float32, only for inference.
    """
    import torch

    if not _is_faster_here():
        return
    layer_class = _layer_class()
    for module in model.modules():
        if type(module) is torch.nn.Linear:  # a subclass does something of its own
            module.__class__ = layer_class


@cache
def _is_faster_here() -> bool:
    """Whether this is a CPU with AVX-512 that is not Intel's, and this PyTorch has both libraries."""
    import torch

    info = Path("/proc/cpuinfo")
    if not info.is_file() or not torch.backends.mkl.is_available() or not torch.backends.mkldnn.is_available():
        return False
    facts = info.read_text(encoding="utf-8", errors="replace")
    return "AuthenticAMD" in facts and "avx512f" in facts and _works()


def _works() -> bool:
    """Whether the operator, which PyTorch's compiler uses and which has no documented name, does what it should."""
    import torch

    inputs, weight, bias = torch.linspace(-1, 1, MIN_ROWS * 8).view(MIN_ROWS, 8), torch.eye(8), torch.ones(8)
    try:
        found = torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")
    except (AttributeError, RuntimeError, TypeError):
        return False
    return bool(torch.allclose(found, inputs + 1))


@cache
def _layer_class() -> Any:
    import torch

    class OneDnnLinear(torch.nn.Linear):
        """The same weights, multiplied by oneDNN."""

        def forward(self, inputs: Any) -> Any:
            if inputs.numel() < MIN_ROWS * self.in_features:
                return super().forward(inputs)
            return torch.ops.mkldnn._linear_pointwise(inputs, self.weight, self.bias, "none", [], "")

    return OneDnnLinear
