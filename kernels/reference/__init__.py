"""The NumPy twins: the definition of every kernel, readable first."""
