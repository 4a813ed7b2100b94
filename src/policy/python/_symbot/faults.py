"""What is wrong with the input of a model: single faults on their way up, and the ``ValidationError`` that people see."""

import json


class Fault(Exception):
    """One or more conversion errors on their way up: a list of error dicts with ``loc`` relative to where it is raised."""

    def __init__(self, errors):
        super().__init__(errors)
        self.errors = errors

    def below(self, key):
        return [dict(error, loc=(key, *error["loc"])) for error in self.errors]


def fault(message, kind, **context):
    error = {"loc": (), "msg": message, "type": kind}
    if context:
        error["ctx"] = context
    return Fault([error])


def fault_of(exception):
    if isinstance(exception, Fault):
        return exception
    if isinstance(exception, ValidationError):
        return Fault(exception.errors())
    if isinstance(exception, AssertionError):
        return fault(str(exception), "assertion_error")
    return fault(str(exception), "type_error" if isinstance(exception, TypeError) else "value_error")


class ValidationError(ValueError):
    """Everything that is wrong with the input of a model, in the order of its fields."""

    def __init__(self, errors, model=None):
        super().__init__(errors)
        self._errors = errors
        self.model = model

    def errors(self):
        return [dict(error) for error in self._errors]

    def json(self, *, indent=2):
        return json.dumps(self.errors(), indent=indent, default=str)

    def __str__(self):
        count = len(self._errors)
        name = getattr(self.model, "__name__", "model")
        lines = [f"{count} validation error{'' if count == 1 else 's'} for {name}"]
        for error in self._errors:
            extra = "".join(f"; {key}={value}" for key, value in error.get("ctx", {}).items())
            lines.append(" -> ".join(str(part) for part in error["loc"]))
            lines.append(f"  {error['msg']} (type={error['type']}{extra})")
        return "\n".join(lines)

    def __repr__(self):
        return f"ValidationError(model={getattr(self.model, '__name__', None)!r}, errors={self._errors!r})"
