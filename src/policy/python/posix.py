"""Nothing: the names that the standard library takes from ``posix`` are in ``os``."""
