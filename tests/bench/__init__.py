"""The benchmarks behind ``make bench``: an installed node as its own process, driven over TCP."""
