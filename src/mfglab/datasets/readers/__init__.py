"""Readers: from the files of a data set, as published, to arrays and texts."""
