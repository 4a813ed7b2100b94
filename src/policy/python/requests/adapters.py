"""Connections are the host's; these names exist because code mounts adapters."""

__all__ = ["HTTPAdapter"]


class HTTPAdapter:
    """Settings of connections. They have no effect: the host does not repeat requests."""

    def __init__(self, pool_connections=10, pool_maxsize=10, max_retries=0, pool_block=False):
        self.max_retries = max_retries
