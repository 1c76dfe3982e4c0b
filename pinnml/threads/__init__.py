"""The machine's threads: a pool that works side by side, and who may use them when."""

from pinnml.threads.pool import ThreadPool
from pinnml.threads.reservation import all_threads, as_before_all_runs, available, reserve, set_threads

__all__ = ["ThreadPool", "all_threads", "as_before_all_runs", "available", "reserve", "set_threads"]
