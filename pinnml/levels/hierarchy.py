"""The levels of a method as a table: unknowns, blocks and work, as PyAMG prints its hierarchies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pinnml.levels.level import AbstractLevel
from pinnml.objective import AbstractObjective, Iterate, Meter, metered
from pinnml.schwarz import AbstractSchwarz


@dataclass(frozen=True)
class LevelSummary:
    """One level: its unknowns, its blocks, the unknowns of the largest of them, and its work units in a cycle.

    `cost` is that of a gradient, the finest level's being one, and `jump` the relative change of ‖r‖ from θ to Πθ, of
    another network at the points of the level above.
    """

    name: str
    unknowns: int
    blocks: int
    largest: int
    work: float
    cost: float = 1.0
    jump: float = 0.0


@dataclass(frozen=True)
class Hierarchy:
    """All levels from the finest on; `str` makes a table of it."""

    levels: tuple[LevelSummary, ...]

    @property
    def complexity(self) -> float:
        """The unknowns of all levels over those of the finest (dimensionless), PyAMG's grid complexity."""
        return sum(level.unknowns for level in self.levels) / self.levels[0].unknowns

    @property
    def cost(self) -> float:
        """What a gradient costs on all levels, that on the finest being one: PyAMG's operator complexity."""
        return sum(level.cost for level in self.levels)

    @property
    def work(self) -> float:
        """Work units of one cycle, without the gradient at its end and its extrapolation."""
        return sum(level.work for level in self.levels)

    def __str__(self) -> str:
        has_costs = any(level.cost != 1 or level.jump for level in self.levels)
        beside = ("cost", "jump") if has_costs else ()
        rows = [("level", "problem", "unknowns", "blocks", "largest", "work", "share", *beside)]
        for number, level in enumerate(self.levels):
            counts = (str(level.unknowns), str(level.blocks), str(level.largest))
            costs = (f"{level.cost:.3f}", f"{level.jump:+.1e}") if has_costs else ()
            rows.append(
                (str(number), level.name, *counts, f"{level.work:.2f}", _percent(level.work, self.work), *costs)
            )
        complexity = f"grid complexity {self.complexity:.2f}"
        complexity += f", operator complexity {self.cost:.2f}" if has_costs else ""
        return _table(f"{len(self.levels)} levels, {complexity}, work {self.work:.2f} a cycle", rows)


@dataclass(frozen=True)
class ReportRow:
    """What a level has done: cycles asked and taken, corrections accepted, decrease due to it, and work units.

    `off_since` is the cycle after which it was left out, None where it is in use.
    """

    name: str
    asked: int
    taken: int
    accepted: int
    decrease: float
    work: float
    off_since: int | None


@dataclass(frozen=True)
class Report:
    """What all levels have done in some cycles, the finest first; `str` makes a table of it."""

    cycles: int
    levels: tuple[ReportRow, ...]

    @property
    def decrease(self) -> tuple[float, ...]:
        """Each level's share of the decrease of f (dimensionless)."""
        whole = sum(level.decrease for level in self.levels)
        return tuple(level.decrease / whole if whole > 0 else 0.0 for level in self.levels)

    def __str__(self) -> str:
        work = sum(level.work for level in self.levels)
        rows = [("level", "problem", "taken", "accepted", "decrease", "work", "share", "in use")]
        for number, (level, decrease) in enumerate(zip(self.levels, self.decrease, strict=True)):
            done = (_percent(level.taken, level.asked), _percent(level.accepted, level.taken), _percent(decrease, 1.0))
            use = "yes" if level.off_since is None else f"off since cycle {level.off_since}"
            rows.append((str(number), level.name, *done, f"{level.work:.2f}", _percent(level.work, work), use))
        return _table(f"{self.cycles} cycles, work {work:.2f}", rows)


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole > 0 else "0 %"


def _table(head: str, rows: Sequence[tuple[str, ...]]) -> str:
    """Return rows below one another, names to the left and all others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [head]
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
