"""Package of the SDK; everything is in ``sym.sdk``."""
