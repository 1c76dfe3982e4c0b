"""Where processes of tests begin: what takes long to import is imported there, once."""

from __future__ import annotations

import multiprocessing

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        "pytest", "pinnml.run", "matplotlib.figure", "matplotlib.backends.backend_agg", "scipy.interpolate",
        "scipy.sparse.linalg", "torch.fx.experimental.symbolic_shapes",
    ]
)  # fmt: skip
