"""The levels of a method as a table: unknowns, blocks and work, as PyAMG prints its hierarchies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pinnml.levels.level import AbstractLevel
from pinnml.objective import AbstractObjective, Iterate, Meter, metered
from pinnml.schwarz import AbstractSchwarz


@dataclass(frozen=True)
class LevelSummary:
    """One level: its unknowns, its blocks, the unknowns of the largest of them, and its work units in a cycle."""

    name: str
    unknowns: int
    blocks: int
    largest: int
    work: float


@dataclass(frozen=True)
class Hierarchy:
    """All levels from the finest on; `str` makes a table of it."""

    levels: tuple[LevelSummary, ...]

    @property
    def complexity(self) -> float:
        """The unknowns of all levels over those of the finest (dimensionless), PyAMG's grid complexity."""
        return sum(level.unknowns for level in self.levels) / self.levels[0].unknowns

    @property
    def work(self) -> float:
        """Work units of one cycle, without the gradient at its end and its extrapolation."""
        return sum(level.work for level in self.levels)

    def __str__(self) -> str:
        rows = [("level", "problem", "unknowns", "blocks", "largest", "work", "share")]
        for number, level in enumerate(self.levels):
            counts = (str(level.unknowns), str(level.blocks), str(level.largest))
            share = f"{100 * level.work / max(self.work, 1e-300):.0f} %"
            rows.append((str(number), level.name, *counts, f"{level.work:.2f}", share))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = [f"{len(self.levels)} levels, grid complexity {self.complexity:.2f}, work {self.work:.2f} a cycle"]
        for row in rows:
            name, others = row[1].ljust(widths[1]), [cell.rjust(w) for cell, w in zip(row, widths, strict=True)]
            lines.append("  ".join([others[0], name, *others[2:]]))
        return "\n".join(lines)


def describe(
    objective: AbstractObjective,
    iterate: Iterate,
    fine: AbstractSchwarz,
    levels: Callable[[AbstractObjective, int], tuple[AbstractLevel, ...]],
) -> Hierarchy:
    """Sweep once and take each coarse step once from an iterate, count their work, and forget their results."""
    meter, size = Meter(), len(iterate.theta)
    budget = metered(objective, meter)
    fine.sweep(budget, iterate, fine.init(budget, iterate))
    sizes = [block.shape[0] for block in fine.blocks(budget, iterate)]
    name = f"{type(fine).__name__}, {type(fine.decomposition).__name__}"
    rows = [LevelSummary(name, size, len(sizes), max(sizes), meter.counts.work)]
    for level in levels(budget, size):
        before = meter.counts.work
        level.correct(budget, iterate, None)
        rows.append(LevelSummary(level.name, level.unknowns, 1, level.unknowns, meter.counts.work - before))
    return Hierarchy(tuple(rows))
