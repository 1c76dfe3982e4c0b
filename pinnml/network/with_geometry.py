"""An embedding whose features tell the sides of interfaces apart, and what is not smooth at corners or at a start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pinnml.network.embedding import Embedding, FeatureMap
from pinnml.network.side import Level, Side
from pinnml.network.singularity import Singularity


@dataclass(frozen=True)
class WithGeometry(Embedding):
    """Another embedding's features, sides of levels, and singularities; no setting: files keep no functions."""

    embedding: Embedding
    levels: tuple[Level, ...] = ()
    singular: tuple[Singularity, ...] = ()

    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float]) -> FeatureMap:
        """Return the other embedding's features, then |d| and sign d of each level d, and what is singular."""
        plain = self.embedding.bind(names, lower, upper)
        sides, singular = (*plain.sides, *map(Side, self.levels)), (*plain.singular, *self.singular)
        return replace(plain, sides=sides, singular=singular)
