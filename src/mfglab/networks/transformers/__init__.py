"""Transformers in four parts: embedding, shape-preserving blocks, closing norm, head."""
