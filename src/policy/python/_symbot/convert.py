"""Conversion by annotation, as pydantic 1 does it: :func:`converter` makes the function of an annotation, once per class."""

import collections
import collections.abc
import datetime
import enum
import re
import sys
import types
import typing
import uuid

from . import moments
from .faults import Fault, fault, fault_of


# Conversions: each takes a value and returns the converted one or raises `Fault`, ValueError, TypeError or AssertionError.


def _to_str(value):
    if isinstance(value, str):
        return value.value if isinstance(value, enum.Enum) else value
    if isinstance(value, (int, float)) or _is_decimal(value):
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        return value.decode()
    raise fault("str type expected", "type_error.str")


def _to_int(value):
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise fault("value is not a valid integer", "type_error.integer") from None


def _to_float(value):
    if isinstance(value, float):
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        raise fault("value is not a valid float", "type_error.float") from None


_TRUE = (1, "1", "on", "t", "true", "y", "yes")
_FALSE = (0, "0", "off", "f", "false", "n", "no")


def _to_bool(value):
    if value is True or value is False:
        return value
    if isinstance(value, bytes):
        value = value.decode()
    if isinstance(value, str):
        value = value.lower()
    if isinstance(value, (str, int, float)):
        if value in _TRUE:
            return True
        if value in _FALSE:
            return False
    raise fault("value could not be parsed to a boolean", "type_error.bool")


def _to_uuid(value):
    if isinstance(value, uuid.UUID):
        return value
    try:
        if isinstance(value, str):
            return uuid.UUID(value)
        if isinstance(value, (bytes, bytearray)):
            return uuid.UUID(value.decode())
    except ValueError:
        pass
    raise fault("value is not a valid uuid", "type_error.uuid")


def _to_bytes(value):
    if isinstance(value, bytes):
        return value
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (int, float)) or _is_decimal(value):
        return str(value).encode()
    raise fault("byte type expected", "type_error.bytes")


def _is_decimal(value):
    return type(value).__name__ == "Decimal" and type(value).__module__ == "decimal"


def _to_decimal(value):
    decimal = sys.modules["decimal"]
    if isinstance(value, decimal.Decimal):
        number = value
    else:
        text = value.decode() if isinstance(value, (bytes, bytearray)) else str(value)
        try:
            number = decimal.Decimal(text.strip())
        except decimal.DecimalException:
            raise fault("value is not a valid decimal", "type_error.decimal") from None
    if not number.is_finite():
        raise fault("value is not a valid decimal", "value_error.decimal.not_finite")
    return number


def _to_none(value):
    if value is None:
        return None
    raise fault("value is not None", "type_error.not_none")


def _to_dict(value):
    if isinstance(value, dict):
        return value
    try:
        return dict(value)
    except (TypeError, ValueError):
        raise fault("value is not a valid dict", "type_error.dict") from None


def _sequence(kind, article_name):
    def convert(value):
        if isinstance(value, (list, tuple, set, frozenset, types.GeneratorType, collections.deque)):
            return kind(value)
        raise fault(f"value is not a valid {article_name}", f"type_error.{article_name}")

    return convert


_SEQUENCES = {
    list: _sequence(list, "list"),
    set: _sequence(set, "set"),
    frozenset: _sequence(frozenset, "frozenset"),
    tuple: _sequence(tuple, "tuple"),
}


def _to_sequence(value):
    if isinstance(value, (list, tuple, set, frozenset, types.GeneratorType, collections.deque)):
        return value
    raise fault("value is not a valid sequence", "type_error.sequence")


def _of_sequence(inner):
    """Of any sequence; the kind stays what it was."""
    convert = _of_items(list, inner)

    def convert_all(value):
        items = convert(_to_sequence(value))
        return type(value)(items) if isinstance(value, (tuple, set, frozenset, collections.deque)) else items

    return convert_all


def _of_items(outer, inner):
    rebuild = {set: set, frozenset: frozenset, tuple: tuple}.get(outer)
    convert = _SEQUENCES[outer]

    def convert_all(value):
        items, errors = [], []
        for index, item in enumerate(convert(value)):
            try:
                items.append(inner(item))
            except (Fault, ValueError, TypeError, AssertionError) as error:
                errors.extend(fault_of(error).below(index))
        if errors:
            raise Fault(errors)
        return rebuild(items) if rebuild else items

    return convert_all


def _fixed_tuple(inners):
    def convert(value):
        value = _SEQUENCES[tuple](value)
        if len(value) != len(inners):
            raise fault(
                f"wrong tuple length {len(value)}, expected {len(inners)}",
                "value_error.tuple.length",
                actual_length=len(value),
                expected_length=len(inners),
            )
        return tuple(inner(item) for inner, item in zip(inners, value))

    return convert


def _of_pairs(key_of, value_of, ordered):
    def convert(value):
        result, errors = {}, []
        for key, item in _to_dict(value).items():
            try:
                key = key_of(key)
            except (Fault, ValueError, TypeError, AssertionError) as error:
                errors.extend(fault_of(error).below("__key__"))
                continue
            try:
                result[key] = value_of(item)
            except (Fault, ValueError, TypeError, AssertionError) as error:
                errors.extend(fault_of(error).below(key))
        if errors:
            raise Fault(errors)
        return ordered(result) if ordered else result

    return convert


def _union(members):
    converters = [converter(member) for member in members if member is not type(None)]
    optional = type(None) in members

    def convert(value):
        if optional and value is None:
            return None
        errors = []
        for one in converters:
            try:
                return one(value)
            except (Fault, ValueError, TypeError, AssertionError) as error:
                errors.extend(fault_of(error).errors)
        raise Fault(errors)

    return convert


def _enumeration(cls):
    whole_numbers = issubclass(cls, enum.IntEnum)

    def convert(value):
        if whole_numbers and not isinstance(value, cls):
            value = _to_int(value)
        try:
            return cls(value)
        except ValueError:
            permitted = ", ".join(repr(member.value) for member in cls)
            raise fault(
                f"value is not a valid enumeration member; permitted: {permitted}",
                "type_error.enum",
                enum_values=list(cls),
            ) from None

    return convert


def _literal(choices):
    def convert(value):
        for choice in choices:
            if value == choice:
                return choice
        permitted = ", ".join(repr(choice) for choice in choices)
        raise fault(
            f"unexpected value; permitted: {permitted}", "value_error.const", given=value, permitted=choices
        )

    return convert


def _instance(cls):
    def convert(value):
        if isinstance(value, cls):
            return value
        raise fault(
            f"instance of {cls.__name__} expected",
            "type_error.arbitrary_type",
            expected_arbitrary_type=cls.__name__,
        )

    return convert


def _callable(value):
    if callable(value):
        return value
    raise fault(f"{value} is not callable", "type_error.callable", value=value)


def _class_below(base):
    def convert(value):
        if isinstance(value, type) and issubclass(value, base):
            return value
        raise fault(f"subclass of {base.__name__} expected", "type_error.subclass", expected_class=base.__name__)

    return convert


def _chain(functions):
    def convert(value):
        for function in functions:
            value = function(value)
        return value

    return convert


_PLAIN = {
    str: _to_str,
    int: _to_int,
    float: _to_float,
    bool: _to_bool,
    dict: _to_dict,
    bytes: _to_bytes,
    uuid.UUID: _to_uuid,
    datetime.datetime: moments.to_datetime,
    datetime.date: moments.to_date,
    datetime.time: moments.to_time,
    datetime.timedelta: moments.to_timedelta,
    type(None): _to_none,
    list: _SEQUENCES[list],
    set: _SEQUENCES[set],
    frozenset: _SEQUENCES[frozenset],
    tuple: _SEQUENCES[tuple],
}


def _same(value):
    return value


def converter(annotation):
    """The conversion function of an annotation."""
    if annotation in (typing.Any, object):
        return _same
    plain = _PLAIN.get(annotation) if isinstance(annotation, type) else None
    if plain:
        return plain
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is not None:
        if origin is typing.Union or origin is types.UnionType:
            return _union(arguments)
        if origin is typing.Literal:
            return _literal(arguments)
        if origin is typing.Annotated:
            return converter(arguments[0])
        if origin is tuple and arguments and arguments[-1] is not Ellipsis:
            return _fixed_tuple([converter(argument) for argument in arguments])
        if origin in _SEQUENCES:
            return _of_items(origin, converter(arguments[0])) if arguments else _SEQUENCES[origin]
        if origin in (collections.abc.Sequence, collections.abc.MutableSequence):
            return _of_sequence(converter(arguments[0]) if arguments else _same)
        if origin is collections.abc.Callable:
            return _callable
        if origin is type and arguments and isinstance(arguments[0], type):
            return _class_below(arguments[0])
        if origin in (dict, collections.OrderedDict, collections.abc.Mapping, collections.abc.MutableMapping):
            ordered = collections.OrderedDict if origin is collections.OrderedDict else None
            if not arguments:
                return _to_dict
            return _of_pairs(converter(arguments[0]), converter(arguments[1]), ordered)
        return _same
    if isinstance(annotation, typing.TypeVar):
        return _same
    if annotation is collections.abc.Callable:
        return _callable
    if isinstance(annotation, type):
        own = getattr(annotation, "__get_validators__", None)
        if own:
            return _chain(list(own()))
        if issubclass(annotation, enum.Enum):
            return _enumeration(annotation)
        if annotation.__module__ == "decimal" and annotation.__name__ == "Decimal":
            return _to_decimal
        if issubclass(annotation, str):
            return lambda value: annotation(_to_str(value))
        return _instance(annotation)
    return _same


def check_constraints(value, constraints):
    size = len(value) if hasattr(value, "__len__") else None
    for name, limit in constraints.items():
        if name in ("min_items", "max_items") and size is not None:
            short = name == "min_items"
            if size < limit if short else size > limit:
                word = "least" if short else "most"
                raise fault(f"ensure this value has at {word} {limit} items", f"value_error.list.{name}", limit_value=limit)
        elif name in ("min_length", "max_length") and size is not None:
            short = name == "min_length"
            if size < limit if short else size > limit:
                word = "least" if short else "most"
                raise fault(
                    f"ensure this value has at {word} {limit} characters", f"value_error.any_str.{name}", limit_value=limit
                )
        elif name == "gt" and not value > limit:
            raise fault(f"ensure this value is greater than {limit}", "value_error.number.not_gt", limit_value=limit)
        elif name == "ge" and not value >= limit:
            raise fault(
                f"ensure this value is greater than or equal to {limit}", "value_error.number.not_ge", limit_value=limit
            )
        elif name == "lt" and not value < limit:
            raise fault(f"ensure this value is less than {limit}", "value_error.number.not_lt", limit_value=limit)
        elif name == "le" and not value <= limit:
            raise fault(
                f"ensure this value is less than or equal to {limit}", "value_error.number.not_le", limit_value=limit
            )
        elif name == "const" and value not in limit:
            raise fault(
                f"unexpected value; permitted: {', '.join(repr(one) for one in limit)}",
                "value_error.const",
                given=value,
                permitted=limit,
            )
        elif name == "multiple_of" and value % limit:
            raise fault(f"ensure this value is a multiple of {limit}", "value_error.number.not_multiple", multiple_of=limit)
        elif name == "unique_items" and any(item in value[:index] for index, item in enumerate(value)):
            raise fault("the list has duplicated items", "value_error.list.unique_items")
        elif name == "regex" and not re.match(limit, value):
            raise fault(f'string does not match regex "{limit}"', "value_error.str.regex", pattern=limit)
