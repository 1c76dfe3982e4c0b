"""A stand-in for a GPU: tensors that compute on the CPU, say that they lie elsewhere, and count what would wait there.

CUDA works through its operations in order while the program runs ahead of it. The program waits for it where

- a number is read: `item`, `float`, `bool`, `int`, `tolist`;
- tensors move between host and device, either way: from pageable memory torch waits for the copy, too. Python numbers
  that become a tensor there (`torch.tensor`, `new_tensor`) move like that, and so do indices that lie on the host;
- the size of a result depends on values: `nonzero`, masks as indices, `masked_select`, `unique`, `repeat_interleave`;
- two tensors are compared as a whole, `equal`;
- an operation of `torch.linalg` looks at its `info`: `cholesky`, `solve`, `inv`, `lu_factor` by
  `_linalg_check_errors`, `eigh`, `svd` and `lstsq` inside. The `_ex` variants without `check_errors`, `qr`, `geqrf` and
  triangular solves do not.

What CUDA refuses is refused here: an operation on tensors of both places, but for single numbers of the host.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

DEVICE = torch.device("meta")
"""What stand-ins call their device: the only one besides the CPU that every build of torch has."""

aten = torch.ops.aten

INDEXING = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}

MIXING = {aten._to_copy.default, aten.copy_.default} | INDEXING
"""What takes tensors of both places, and may move one."""

WAITING = dict.fromkeys(MIXING, "move") | {
    aten._local_scalar_dense.default: "read",
    aten.equal.default: "read",
    aten.nonzero.default: "size",
    aten.masked_select.default: "size",
    aten._unique2.default: "size",
    aten.unique_dim.default: "size",
    aten.unique_consecutive.default: "size",
    aten.repeat_interleave.Tensor: "size",
    aten.bincount.default: "size",
    aten._linalg_check_errors.default: "info",
    aten._linalg_eigh.default: "info",
    aten._linalg_svd.default: "info",
    aten.linalg_eig.default: "info",
    aten.linalg_lstsq.default: "info",
}
"""What may wait, and why."""


PRODUCTS = {torch.matmul, Tensor.matmul, Tensor.__matmul__}

LIFTED = {Tensor.tolist, Tensor.new_tensor, torch.tensor, torch.as_tensor} | PRODUCTS
"""What is seen as functions, before it becomes operations."""


class OnDevice(Tensor):
    """A tensor of the stand-in device around one of the CPU."""

    held: Tensor

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, held: Tensor) -> OnDevice:
        made: OnDevice = Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype,
            device=DEVICE, requires_grad=False,
        )  # fmt: skip
        made.held = held
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        return f"OnDevice({self.held!r})"

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, function: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return _called(function, args, kwargs or {})


class Waits(TorchDispatchMode):
    """Counts, within a `with` block, for what a GPU would be waited for; makes what is asked for on the device."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: Counter[str] = Counter()
        self.places: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """How many waits so far."""
        return self.reasons.total()

    def add(self, reason: str) -> None:
        """Count one more."""
        self.reasons[reason] += 1
        self.places[f"{reason} at {_place()}"] += 1

    def __torch_dispatch__(
        self, function: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if (reason := _reason(function, args, kwargs or {})) is not None:
            self.add(reason)
        return _called(function, args, kwargs or {})


class _Lifting(TorchFunctionMode):
    """Takes Python numbers to the device by a copy, as CUDA does; for its own name torch would leave them out."""

    def __init__(self, waits: Waits) -> None:
        super().__init__()
        self._waits = waits

    def __torch_function__(
        self, function: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if function not in LIFTED:
            return function(*args, **kwargs)
        if function is Tensor.tolist and _is_on_device(args[0]):  # which torch refuses for subclasses
            self._waits.add("read")
            return args[0].held.tolist()
        if function in PRODUCTS:  # torch would change the shape of a row's product in place, unseen
            is_row = args[0].dim() == 1 and args[1].dim() == 2
            return function(args[0][None], args[1])[0] if is_row else function(*args, **kwargs)
        if function is Tensor.new_tensor and _is_on_device(args[0]):
            made = torch.tensor(args[1], **{"dtype": args[0].dtype} | kwargs)
            return made.to(DEVICE)
        if function in (torch.tensor, torch.as_tensor) and torch.device(kwargs.get("device") or "cpu") == DEVICE:
            del kwargs["device"]
            return function(*args, **kwargs).to(DEVICE)
        return function(*args, **kwargs)


def _place() -> str:
    """Return the innermost line of the package that has asked for it."""
    frame = sys._getframe()
    while frame is not None and "/pinnml/" not in frame.f_code.co_filename:
        frame = frame.f_back  # type: ignore[assignment]
    return "?" if frame is None else f"{frame.f_code.co_filename.rpartition('/pinnml/')[2]}:{frame.f_lineno}"


def _is_on_device(value: Any) -> bool:
    return isinstance(value, OnDevice)


def _lies_on_host(value: Any) -> bool:
    return isinstance(value, Tensor) and not isinstance(value, OnDevice)


def _tensors(args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Tensor]:
    """Return the tensors among arguments, and in lists of them."""
    found = []
    for value in (*args, *kwargs.values()):
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += [entry for entry in value if isinstance(entry, Tensor)]
    return found


def _each(function: Callable[[Any], Any], value: Any) -> Any:
    """Apply a function to a value, or to the entries of a list."""
    if isinstance(value, list | tuple):
        return type(value)(function(entry) for entry in value)
    return function(value)


def _reason(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
    """Return why an operation would wait, None where it would not."""
    if function not in WAITING:
        return None
    tensors = _tensors(args, kwargs)
    there = any(map(_is_on_device, tensors))
    if function is aten._to_copy.default:
        target = kwargs.get("device")
        return "move" if target is not None and (target == DEVICE) != there else None
    if not there:
        return None
    if function is aten.copy_.default:
        return "move" if any(map(_lies_on_host, tensors)) else None
    if function in INDEXING:
        indices = [index for index in args[1] if index is not None]
        if any(index.dtype in (torch.bool, torch.uint8) for index in indices):
            return "size"
        return "move" if any(map(_lies_on_host, indices)) else None
    return WAITING[function]


def _called(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Do an operation on the CPU; what comes of tensors there, or is asked for there, is there."""
    tensors = _tensors(args, kwargs)
    there = any(map(_is_on_device, tensors))
    target = kwargs.get("device")
    on_device = there if target is None else torch.device(target) == DEVICE
    if not (there or on_device):
        return function(*args, **kwargs)
    if there and function not in MIXING and any(_lies_on_host(value) and value.dim() for value in tensors):
        raise RuntimeError(f"{function} has tensors on two devices; a single number may come from the host")
    known = {id(value.held if isinstance(value, OnDevice) else value): value for value in tensors}

    def held(value: Any) -> Any:
        return value.held if _is_on_device(value) else value

    def placed(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        if id(value) in known:
            return known[id(value)]
        return OnDevice(value) if on_device else value

    inner = {name: _each(held, value) for name, value in kwargs.items()}
    if target is not None:
        inner["device"] = torch.device("cpu")
    return _each(placed, function(*(_each(held, value) for value in args), **inner))


@contextmanager
def waits_counted() -> Iterator[Waits]:
    """Count waits within a `with` block, and let tensors be made on the stand-in device there."""
    waits = Waits()
    with _Lifting(waits), waits:
        yield waits
