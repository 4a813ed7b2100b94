"""Decorators that make a function a handler."""

from _symbot import registry as _registry

__all__ = ["hook", "prefetch", "reducer"]


def reducer(fn):
    """Marks a reducer: it returns one value to the platform. The name of the function says which one."""
    _registry.record("reducer", fn)
    return fn


def hook(fn):
    """Marks a hook, ``on_<event>`` or ``after_<event>``."""
    _registry.record("hook", fn)
    return fn


def prefetch(field_name):
    """Marks the function that supplies the options of the prompt field ``field_name``."""
    if callable(field_name):
        raise TypeError("prefetch needs the name of a field: @prefetch('field_name')")

    def decorate(fn):
        def wrapper(*args, **kwargs):
            return fn(*args, **kwargs)

        _registry.record("prefetch", wrapper, field_name)
        return wrapper

    return decorate
