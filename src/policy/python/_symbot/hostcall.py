"""The one way from the SDK to the host: a declared name and plain arguments, answered with plain data or an exception."""

import _symbot_host


def call(name, /, **arguments):
    """Carry out a host call.

    The answer of the native function is ``(True, value)`` or ``(False, [class, name, message])``; the class is one of
    ``sym.sdk.exceptions``, or a builtin exception that an SDK function documents.
    """
    done, answer = _symbot_host.call(name, arguments)
    if done:
        return answer
    raise exception(*answer)


def exception(class_name, name, message):
    from sym.sdk import exceptions

    if class_name == "KeyError":
        return KeyError(message)
    if class_name == "CouldNotSaveError":
        return exceptions.CouldNotSaveError(message)
    cls = getattr(exceptions, class_name, None)
    if cls is None or cls is exceptions.SymException or not issubclass(cls, exceptions.SymException):
        return exceptions.SymException("Sym", name, message)
    return cls(name, message)


def unavailable(cls, service):
    """What functions of a service raise that this version cannot reach."""
    error = cls("NOT_AVAILABLE", f"The {service} integration is not available in this version of symbot.")
    error.hint = f"Catch {cls.__name__} and fall back to rules that do not need {service}."
    return error
