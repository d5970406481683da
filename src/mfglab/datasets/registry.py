"""All data sets that can be fetched: where from, under which terms, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mfglab.datasets import registry_arrays, registry_text
from mfglab.datasets.remote import RemoteDataset, RemoteFile, Variant

__all__ = ["REGISTRY", "RemoteDataset", "RemoteFile", "Variant"]

REGISTRY: Mapping[str, RemoteDataset] = MappingProxyType(
    {
        dataset.name: dataset
        for dataset in (
            registry_text.TINY_SHAKESPEARE,
            registry_text.TINY_SHAKESPEARE_BPE,
            registry_text.OPENWEBTEXT,
            registry_arrays.MNIST,
            registry_arrays.MODELNET10,
            registry_arrays.MODELNET40,
            registry_text.IMDB,
            registry_text.RT_POLARITY,
            registry_text.SENTIMENT_SENTENCES,
            registry_arrays.CATS_VS_DOGS,
            registry_arrays.MINIBOONE,
            registry_arrays.KEYSTROKES,
        )
    }
)
"""Data sets by name."""
