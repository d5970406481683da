"""Distances between laws and other measured qualities."""
