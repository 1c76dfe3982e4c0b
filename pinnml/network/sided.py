"""An embedding whose features tell the sides of interfaces apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pinnml.network.embedding import Embedding, FeatureMap
from pinnml.network.side import Level, Side


@dataclass(frozen=True)
class WithSides(Embedding):
    """Another embedding's features, then the sides of level functions; no setting, since files keep no functions."""

    embedding: Embedding
    levels: tuple[Level, ...]

    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float]) -> FeatureMap:
        """Return the other embedding's features, then |d| and sign d of each level d."""
        plain = self.embedding.bind(names, lower, upper)
        return replace(plain, sides=(*plain.sides, *map(Side, self.levels)))
