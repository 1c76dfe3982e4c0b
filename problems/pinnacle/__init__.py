"""The 22 problems of the benchmark PINNacle, each with a reference of our own (Hao et al. 2023, arXiv 2306.08827).

Equations, domains and numbers are the benchmark's. Where its data are files of random numbers, they follow a stated
rule here; where it contradicts itself or leaves a condition out, the docstring of the problem says what was mended.
Every quantity is dimensionless.
"""
