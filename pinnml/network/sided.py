"""An embedding whose features tell the sides of interfaces apart, and what is near to corners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pinnml.network.corner import Corner
from pinnml.network.embedding import Embedding, FeatureMap
from pinnml.network.side import Level, Side


@dataclass(frozen=True)
class WithSides(Embedding):
    """Another embedding's features, the sides of level functions, and corners; no setting: files keep no functions."""

    embedding: Embedding
    levels: tuple[Level, ...] = ()
    corners: tuple[Corner, ...] = ()

    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float]) -> FeatureMap:
        """Return the other embedding's features, then |d| and sign d of each level d, and those of the corners."""
        plain = self.embedding.bind(names, lower, upper)
        return replace(plain, sides=(*plain.sides, *map(Side, self.levels)), corners=(*plain.corners, *self.corners))
