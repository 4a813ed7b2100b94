"""What would differ from process to process does not, so that a recorded call can be replayed.

Imported before anything else, so that ``from _thread import get_ident`` in the standard library means this function.
"""

import _random

import _symbot_host

_seed = _random.Random.seed


# Put into `_random.Random` by the worker: Python code cannot.
def seed(self, a=None, /):
    """Seeds from the host where Python would ask the operating system."""
    if a is None:
        a = int.from_bytes(_symbot_host.random_bytes(32), "little")
    return _seed(self, a)


# Put into `_thread` by the worker: while this is imported, the import system holds a lock in the name of the real thread.
def get_ident():
    return 1
