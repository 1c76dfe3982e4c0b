"""`python -m pinnml.cli` does what the command `pinnml` does."""

from __future__ import annotations

import sys

from pinnml.cli import main

if __name__ == "__main__":
    sys.exit(main())
