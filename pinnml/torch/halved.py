"""Modules of half the depth, with the ways between their parameters and those of the whole."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pinnml.errors import DeclarationError
from pinnml.objective import AbstractRestriction, AbstractTransfer, HalfDepth, Structure, gathered, halved_depth, paired
from pinnml.torch.parameters import Parameters
from pinnml.torch.residual import Residual


@dataclass(frozen=True)
class HalvedModule:
    """A module of fewer blocks: its parameters y (k,) and their parts, with Pᵀ and Π from θ (p,).

    `share` is what an evaluation costs, that of the whole module being one, and `halved` what is known of its halves.
    """

    parameters: Parameters
    structure: Structure
    restriction: AbstractRestriction
    iterates: AbstractRestriction
    share: float
    halved: dict[HalfDepth, HalvedModule | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Block:
    """A residual block by its name, and the row of neighbours in which it stands."""

    name: str
    module: Residual
    row: int

    def is_alike(self, other: Block) -> bool:
        """Return whether both stand in one row, and are the same function of other parameters, whatever their steps."""
        return self.row == other.row and _kind(self.module.inner) == _kind(other.module.inner)


def halved(parameters: Parameters, transfer: AbstractTransfer, inputs: Sequence[Tensor]) -> HalvedModule | None:
    """Return the module with one block for every two neighbours that are alike, None where there are none.

    Some inputs of the module tell what it costs. Raises `DeclarationError` where the smaller module fails on them.
    """
    sizes, blocks = _stretches(parameters)

    def are_alike(first: int, second: int) -> bool:
        one, other = blocks[first], blocks[second]
        return one is not None and other is not None and one.is_alike(other)

    groups = paired(len(sizes), are_alike)
    if len(groups) == len(sizes):
        return None
    joined = [(blocks[group[0]], blocks[group[1]]) for group in groups if len(group) == 2]
    smaller = Parameters(_joined(parameters.module, [(a.name, b.name) for a, b in joined if a and b]))
    down, across = halved_depth(sizes, [block.module.step if block else 0.0 for block in blocks], are_alike, transfer)
    try:
        structure, work = smaller.structure(inputs), _work(smaller, inputs)
    except Exception as error:
        what = f"The module fails with {len(joined)} residual blocks less: {type(error).__name__}: {error}"
        raise DeclarationError(what, "HalfDepth", "let its forward take as many blocks as there are") from error
    shape = smaller.size, parameters.size
    return HalvedModule(
        smaller,
        structure,
        gathered(down, shape, structure),
        gathered(across, shape, structure),
        work / _work(parameters, inputs),
    )


def _stretches(parameters: Parameters) -> tuple[list[int], list[Block | None]]:
    """Return the lengths of the stretches of θ that are blocks or lie between them, and their blocks."""
    blocks = {block.name: block for block in _blocks(parameters.module)}

    def owner(name: str) -> str:
        ends = [place for place, letter in enumerate(name) if letter == "."]
        return next((name[:end] for end in ends if name[:end] in blocks), "")

    pairs = zip(parameters.names, parameters.sizes, strict=True)
    found = [(name, sum(size for _, size in group)) for name, group in groupby(pairs, key=lambda pair: owner(pair[0]))]
    return [size for _, size in found], [blocks.get(name) for name, _ in found]


def _blocks(module: nn.Module) -> Iterator[Block]:
    """Yield the residual blocks in sequences and lists, rows of neighbours numbered through.

    Blocks that share parameters with others are left out, and those without any; so are blocks within blocks.
    """
    paths = [id(parameter) for _, parameter in module.named_parameters(remove_duplicate=False)]
    shared, row, outer = {one for one in paths if paths.count(one) > 1}, 0, list[str]()
    for path, container in module.named_modules():
        if not isinstance(container, nn.Sequential | nn.ModuleList) or any(path.startswith(name) for name in outer):
            continue
        row += 1
        for key, child in container.named_children():
            own = [parameter for parameter in child.parameters() if parameter.requires_grad]
            if isinstance(child, Residual):
                name = f"{path}.{key}" if path else key
                outer.append(f"{name}.")
                if own and not any(id(parameter) in shared for parameter in child.parameters()):
                    yield Block(name, child, row)
                    continue
            row += 1  # what stands between two blocks makes neighbours of others


def _kind(module: nn.Module) -> list[tuple[object, ...]]:
    """Return what two modules have in common that are the same function of other parameters."""
    return [
        (
            path,
            type(part),
            [(name, tuple(p.shape), p.requires_grad or p.tolist()) for name, p in part.named_parameters(recurse=False)],
            [(name, buffer.tolist()) for name, buffer in part.named_buffers(recurse=False)],
            {name: repr(value) for name, value in vars(part).items() if not name.startswith("_")},
        )
        for path, part in module.named_modules()
    ]


def _joined(module: nn.Module, pairs: Sequence[tuple[str, str]]) -> nn.Module:
    """Return a copy in which the first of each pair of blocks takes both steps, and the second is gone."""
    found = copy.deepcopy(module)
    known = [tuple(map(found.get_submodule, (*pair, pair[1].rpartition(".")[0]))) for pair in pairs]
    for kept, gone, row in known:  # found before names are numbered anew
        assert isinstance(kept, Residual) and isinstance(gone, Residual)
        assert isinstance(row, nn.Sequential | nn.ModuleList)
        kept.step += gone.step
        del row[[child is gone for child in row].index(True)]
    return found


def _work(parameters: Parameters, inputs: Sequence[Tensor]) -> float:
    """Return the multiplications of the module on some inputs, and one for each parameter where it has none."""
    counter = FlopCounterMode(display=False)
    with counter:
        parameters.call(parameters.start(), inputs)
    return counter.get_total_flops() or parameters.size
