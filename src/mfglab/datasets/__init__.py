"""Laws with known density, embedded real data and downloadable data sets."""
