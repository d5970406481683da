"""Uncertainty propagation made computable: exact objects in float64, bounds, growth factors."""
