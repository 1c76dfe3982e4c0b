"""Any module with a loss and data as an objective: f and ∇f are torch's own, in chunks, batches and on shares."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from small_modules import classes, inputs, module, regression
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from torch.utils.data import TensorDataset

import pinnml as pm
from pinnml.objective import Evaluation, ShareOfPoints
from pinnml.schwarz import ByLayer

LOSSES: dict[str, tuple[Any, Callable[[], Tensor]]] = {
    "cross entropy": (nn.CrossEntropyLoss(), classes),
    "weighted": (nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64)), classes),
    "ignored": (nn.CrossEntropyLoss(ignore_index=1), classes),
    "sum": (nn.CrossEntropyLoss(reduction="sum"), classes),
    "absolute": (nn.L1Loss(), lambda: inputs() @ torch.ones(2, 3, dtype=torch.float64)),
    "squares": (nn.MSELoss(), lambda: inputs() @ torch.ones(2, 3, dtype=torch.float64)),
    "sum of squares": (nn.MSELoss(reduction="sum"), lambda: inputs() @ torch.ones(2, 3, dtype=torch.float64)),
    "half squares": (pm.torch.HalfSquares(), lambda: inputs() @ torch.ones(2, 3, dtype=torch.float64)),
    "own": (lambda m, y: (m - y).pow(4).mean(), lambda: inputs() @ torch.ones(2, 3, dtype=torch.float64)),
}


def autograd(net: nn.Module, loss: Any, targets: Tensor, decay: float) -> tuple[Tensor, Tensor]:
    """Return f and its gradient by torch on the module itself."""
    theta = parameters_to_vector(net.parameters())
    f = loss(net(inputs()), targets) + 0.5 * decay * theta.square().sum()
    gradients = torch.autograd.grad(f, list(net.parameters()))
    return f.detach(), torch.cat([gradient.flatten() for gradient in gradients])


@pytest.mark.parametrize("chunk", [100, 4])
@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient_are_those_of_the_module(name: str, chunk: int) -> None:
    loss, targets = LOSSES[name]
    net = module(outputs=3)
    f = pm.torch.objective(net, loss, (inputs(), targets()), weight_decay=0.3, chunk=chunk)
    value, gradient = autograd(net, loss, targets(), 0.3)
    found = f.at(f.start)
    torch.testing.assert_close(found.f, value, rtol=1e-13, atol=0)
    torch.testing.assert_close(found.grad, gradient, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(f.value(f.start), value, rtol=1e-13, atol=0)
    assert not found.f.requires_grad and not found.grad.requires_grad and not f.value(f.start).requires_grad
    assert isinstance(f, pm.torch.TorchLeastSquares) == ("squares" in name)


def test_theta_is_the_vector_of_parameters_and_is_put_back() -> None:
    net = module()
    f = pm.torch.objective(net, nn.MSELoss(), (inputs(), inputs()))
    assert torch.equal(f.start, parameters_to_vector(net.parameters()))
    theta = 2 * f.start
    f.at(theta)
    assert torch.equal(f.start, parameters_to_vector(module().parameters()))  # nothing but `load` changes the module
    f.load(theta)
    other = module()
    vector_to_parameters(theta, other.parameters())
    assert torch.equal(net(inputs()), other(inputs()))
    with pytest.raises(pm.DeclarationError, match=r"θ has shape \(3,\).*parameters"):
        f.load(theta[:3])


def test_frozen_parameters_and_buffers_stay_and_follow_theta() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Tanh(), nn.Linear(3, 2)).eval()
    net[0].bias.requires_grad_(False)
    f = pm.torch.objective(net, nn.MSELoss(), (inputs().float(), inputs().float()))
    assert f.size == sum(p.numel() for p in net.parameters()) - 3
    double = f.at(f.start.double())
    assert double.f.dtype == double.grad.dtype == torch.float64
    assert math.isclose(float(double.f), float(f.at(f.start).f), rel_tol=1e-5)
    assert math.isclose(float(double.f), float(nn.MSELoss()(net.double()(inputs()), inputs()).detach()), rel_tol=1e-6)


def test_layers_are_blocks_and_equal_ones_are_alike() -> None:
    f = regression()
    kinds = [(part.name, part.kind, part.shape, part.neurons) for part in f.structure.parts]
    assert kinds == [
        ("0", "input", (4, 2), 4), ("2", "layer", (4, 4), 4), ("4", "layer", (4, 4), 4), ("6", "head", (2, 4), 2)
    ]  # fmt: skip
    assert f.structure.parts[1].is_alike(f.structure.parts[2])
    assert [block.shape[0] for block in ByLayer().restrictions(f.structure, f.size)] == [12, 20, 20, 10]
    assert f.structure.size == f.size


class Own(nn.Module):
    """Parameters of its own before those of its layers, a shared layer, and softplus at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.again = self.inner
        self.norm = nn.LayerNorm(2)
        self.gain = nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor, shift: Tensor) -> Tensor:
        return nn.functional.softplus(self.gain * self.again(self.norm(self.inner(x))) + shift)


def test_modules_of_any_make_have_parts_in_the_order_of_theta() -> None:
    net, x = Own().double(), inputs()
    f = pm.torch.objective(net, pm.torch.HalfSquares(), TensorDataset(x, x[:, :1], x.abs()))
    assert [(part.name, part.start, part.stop) for part in f.structure.parts] == [
        ("Own", 0, 2), ("inner", 2, 8), ("norm", 8, 12)
    ]  # fmt: skip
    assert "head" not in {part.kind for part in f.structure.parts}
    assert torch.equal(f.start, parameters_to_vector(net.parameters()).detach())
    expected = 0.5 * (net(x, x[:, :1]) - x.abs()).square().sum()
    torch.testing.assert_close(f.value(f.start), expected.detach(), rtol=1e-13, atol=0)


@pytest.mark.parametrize("name", ["cross entropy", "sum", "squares", "sum of squares", "half squares"])
def test_a_batch_is_the_loss_of_its_samples_and_stands_for_all(name: str) -> None:
    loss, targets = LOSSES[name]
    f = pm.torch.objective(module(outputs=3), loss, (inputs(), targets()))
    parts = [f.batch(torch.tensor(numbers)) for numbers in (range(0, 5), range(5, 10), range(10, 15))]
    found = [part.at(f.start) for part in parts]
    mean = torch.stack([iterate.f for iterate in found]).mean()
    torch.testing.assert_close(mean, f.value(f.start), rtol=1e-13, atol=0)
    torch.testing.assert_close(torch.stack([i.grad for i in found]).mean(0), f.at(f.start).grad, rtol=1e-11, atol=1e-14)
    assert math.isclose(parts[0].cost(Evaluation.GRADIENT), 1 / 3) and f.cost(Evaluation.GRADIENT) == 1
    with pytest.raises(pm.DeclarationError, match="no samples"):
        f.batch(torch.tensor([], dtype=torch.long))


def test_a_share_of_the_samples_is_taken_evenly() -> None:
    f = regression()
    coarse = f.coarse(ShareOfPoints(0.2))
    assert coarse is not None and coarse is f.coarse(ShareOfPoints(0.2)) and coarse.has_same_unknowns
    assert torch.equal(coarse.objective.value(f.start), f.batch(torch.tensor([0, 5, 10])).value(f.start))
    assert f.coarse(pm.objective.CosineModes(3)) is None


def test_mini_batches_come_from_the_generator_alone_and_reach_every_sample() -> None:
    f = regression()

    def order(every: int, steps: int) -> list[list[float]]:
        batches = pm.torch.MiniBatches(f, 5, torch.Generator().manual_seed(2), every)
        seen = [batches.first]

        def renew(progress: pm.optim.Progress) -> pm.optim.Renewed | None:
            following = batches(progress)
            if following is not None:
                assert torch.equal(following.theta, progress.iterate.theta)
                seen.append(following.objective)  # type: ignore[arg-type]
            return following

        pm.optim.minimise(batches.first, f.start, pm.Adam(), pm.Iterations(steps), renew=renew)
        return [part._samples.inputs[0][:, 0].tolist() for part in seen]

    whole = order(1, 5)
    assert len(whole) == 6 and order(2, 10) == whole
    for epoch in (whole[:3], whole[3:]):
        assert sorted(x for batch in epoch for x in batch) == sorted(inputs()[:, 0].tolist())
    assert whole[:3] != whole[3:]


def test_mini_batches_lower_the_loss_of_all_samples() -> None:
    f = regression(60)
    batches = pm.torch.MiniBatches(f, 20, torch.Generator().manual_seed(0), 5)
    result = pm.optim.minimise(batches.first, f.start, pm.LevenbergMarquardt(), pm.Iterations(60), renew=batches)
    assert float(f.value(result.iterate.theta)) < 1e-5 * float(f.value(f.start))  # 2.4e-6; 4e-3 after 24


@pytest.mark.parametrize(("size", "every", "name"), [(0, 1, "size"), (16, 1, "size"), (3, 0, "every")])
def test_wrong_batches_are_refused(size: int, every: int, name: str) -> None:
    with pytest.raises(pm.DeclarationError, match=rf"^{name} is"):
        pm.torch.MiniBatches(regression(), size, torch.Generator(), every)


class Mixing(nn.Linear):
    """Takes the mean of the samples off."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(0))


def two_kinds() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double())


X = torch.linspace(-1, 1, 12).view(6, 2)

WRONG: dict[str, tuple[Callable[[], Any], Any, Any, dict[str, Any], str]] = {
    "no module": (lambda: torch.tanh, nn.MSELoss(), (X, X), {}, "module is .*give a torch.nn.Module"),
    "no parameters": (nn.Tanh, nn.MSELoss(), (X, X), {}, "no parameters"),
    "all frozen": (lambda: nn.Linear(2, 2).requires_grad_(False), nn.MSELoss(), (X, X), {}, "no parameters"),
    "two precisions": (two_kinds, nn.MSELoss(), (X, X), {}, "float32 on cpu and of torch.float64 on cpu"),
    "two devices": (
        lambda: nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2, device="meta")), nn.MSELoss(), (X, X), {}, "on meta"
    ),
    "no data": (lambda: nn.Linear(2, 2), nn.MSELoss(), (X[:0], X[:0]), {}, "no samples"),
    "one tensor": (lambda: nn.Linear(2, 2), nn.MSELoss(), X, {}, "data is .*inputs and targets"),
    "no tensor": (lambda: nn.Linear(2, 2), nn.MSELoss(), (X, [1, 2]), {}, r"data holds \[1, 2\]"),
    "lengths": (lambda: nn.Linear(2, 2), nn.MSELoss(), (X, X[:4]), {}, "tensors of 6, 4 samples"),
    "shapes": (lambda: nn.Linear(2, 1), nn.MSELoss(), (X, X[:, 0]), {}, r"\(3, 1\) for targets of shape \(3,\)"),
    "inputs": (lambda: nn.Linear(3, 1), nn.MSELoss(), (X, X), {}, r"fails on inputs of shape \(3, 2\)"),
    "outputs": (lambda: nn.Sequential(nn.Linear(2, 1), nn.Flatten(0, 1), nn.Unflatten(0, (1, 3))),
                nn.L1Loss(), (X, X), {}, "output for every sample"),
    "batch norm": (lambda: nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), nn.MSELoss(), (X, X), {},
                   r"buffer '1.running_mean'.*module\.eval\(\)"),
    "dropout": (lambda: nn.Sequential(nn.Linear(2, 2), nn.Dropout()), nn.MSELoss(), (X, X), {},
                r"another result.*module\.eval\(\)"),
    "mixing": (lambda: Mixing(2, 2), nn.MSELoss(), (X, X), {}, "another value among other samples"),
    "reduction": (lambda: nn.Linear(2, 2), nn.MSELoss(reduction="none"), (X, X), {}, "one value for each sample"),
    "no loss": (lambda: nn.Linear(2, 2), "mse", (X, X), {}, "loss is 'mse'"),
    "loss of a shape": (lambda: nn.Linear(2, 2), lambda m, y: m - y, (X, X), {}, "The loss is"),
    "loss fails": (lambda: nn.Linear(2, 2), nn.NLLLoss(), (X, X), {}, "The loss fails"),
    "decay": (lambda: nn.Linear(2, 2), nn.MSELoss(), (X, X), {"weight_decay": -1.0}, "weight_decay is -1.0"),
    "decay nan": (lambda: nn.Linear(2, 2), nn.MSELoss(), (X, X), {"weight_decay": math.nan}, "weight_decay is nan"),
    "chunk": (lambda: nn.Linear(2, 2), nn.MSELoss(), (X, X), {"chunk": 0}, "chunk is 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_no_objective_can_be_made_of_is_refused(name: str) -> None:
    make, loss, data, settings, message = WRONG[name]
    torch.manual_seed(0)
    net = make()
    before = {key: value.clone() for key, value in net.state_dict().items()} if isinstance(net, nn.Module) else {}
    with pytest.raises(pm.DeclarationError, match=message) as refused:
        pm.torch.objective(net, loss, data, **settings)
    assert refused.value.where and refused.value.remedy
    for key, value in before.items():
        assert value.is_meta or torch.equal(net.state_dict()[key], value)


def test_only_squares_are_least_squares() -> None:
    with pytest.raises(pm.DeclarationError, match="no sum of squares"):
        pm.torch.TorchLeastSquares(nn.Linear(2, 2), nn.L1Loss(), (X, X))


@pytest.mark.gpu
def test_everything_works_where_theta_lies() -> None:
    f = regression()
    found, expected = f.at(f.start.to("cuda")), f.at(f.start)
    assert found.grad.device.type == "cuda"
    torch.testing.assert_close(found.grad.cpu(), expected.grad, rtol=1e-10, atol=1e-12)
