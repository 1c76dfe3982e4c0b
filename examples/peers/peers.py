"""The peers by name: which script runs them, how, and in which environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A peer's module `peer_…`, its method there, its environment ("" for pinnml's own), and its name in tables."""

    module: str
    method: str
    environment: str
    label: str


PEERS = {
    "pinnml": Entry("pinnml", "default", "", "pinnml, default"),
    "pinnml-lbfgs": Entry("objective", "lbfgs", "", "pinnml, L-BFGS alone"),
    "levenberg-marquardt": Entry("objective", "lm", "", "plain Levenberg–Marquardt (pinnml's)"),
    "torch-lbfgs": Entry("torch", "lbfgs", "", "torch, L-BFGS"),
    "deepxde-lbfgs": Entry("deepxde", "lbfgs", "deepxde", "DeepXDE, L-BFGS"),
    "deepxde-nncg": Entry("deepxde", "nncg", "deepxde", "DeepXDE, L-BFGS, then NNCG"),
    "jinns-ssbroyden": Entry("jinns", "ssbroyden", "jinns", "jinns, SSBroyden"),
    "random-features": Entry("features", "doubling", "", "random features, least squares"),
    "spectral": Entry("spectral", "doubling", "", "spectral, NumPy"),
}
