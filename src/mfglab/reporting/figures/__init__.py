"""One module a figure; all share :mod:`mfglab.reporting.figures.style`."""
