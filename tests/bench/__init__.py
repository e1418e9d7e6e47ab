"""The benchmarks behind ``make bench``: they drive an installed node as its own process, over TCP."""
