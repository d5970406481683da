"""Generative models and Transformers as mean-field games: a replication laboratory."""

__version__ = "0.1.0"
