"""Linear layers by oneDNN: the same numbers, and nothing changed where it is not known to be faster."""

import pytest

from models import onednn

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("num_rows", [1, onednn.MIN_ROWS - 1, onednn.MIN_ROWS, 100])
@pytest.mark.parametrize("bias", [True, False])
def test_the_result_is_that_of_pytorch_to_rounding(num_rows: int, bias: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not onednn._works():
        pytest.skip("this PyTorch has no such operator")
    monkeypatch.setattr(onednn, "_is_faster_here", lambda: True)
    model = torch.nn.Sequential(torch.nn.Linear(40, 30, bias=bias), torch.nn.GELU())
    inputs = torch.randn(2, num_rows, 40, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = model(inputs)
        onednn.speed_up_linear_layers(model)
        assert type(model[0]) is not torch.nn.Linear
        assert torch.allclose(model(inputs), expected, atol=1e-5)
    assert list(model.state_dict()) == (["0.weight", "0.bias"] if bias else ["0.weight"])


def test_elsewhere_layers_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onednn, "_is_faster_here", lambda: False)
    model = torch.nn.Sequential(torch.nn.Linear(4, 3))
    onednn.speed_up_linear_layers(model)
    assert type(model[0]) is torch.nn.Linear


def test_an_operator_that_is_gone_or_wrong_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong:
        class mkldnn:  # noqa: N801
            @staticmethod
            def _linear_pointwise(inputs: object, *_: object) -> object:
                return inputs

    monkeypatch.setattr(torch, "ops", Wrong)
    assert not onednn._works()
    monkeypatch.setattr(torch, "ops", object())
    assert not onednn._works()
