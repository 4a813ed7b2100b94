"""A small model base with the behaviour of pydantic 1 that implementation files rely on.

Keyword construction, coercion by annotation, validators, ``ValidationError`` (a ``ValueError``) with pydantic's words,
``dict``/``json``/``parse_obj``/``parse_raw``/``copy``, immutable fields. Conversion functions are made once per class.
"""

import collections
import collections.abc
import datetime
import enum
import json
import re
import types
import typing
import uuid


class _Undefined:
    """Marks "no default given"; ``...`` in ``Field`` means the same."""

    def __repr__(self):
        return "Undefined"


UNDEFINED = _Undefined()


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


def _fault_of(exception):
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

    __repr__ = __str__


class FieldInfo:
    """What ``Field(...)`` says about one field."""

    CONSTRAINTS = ("min_items", "max_items", "min_length", "max_length", "gt", "ge", "lt", "le", "regex", "const")

    def __init__(self, default=UNDEFINED, *, default_factory=None, alias=None, allow_mutation=True, exclude=None, **extra):
        self.default = UNDEFINED if default is ... else default
        self.default_factory = default_factory
        self.alias = alias
        self.allow_mutation = allow_mutation
        self.exclude = exclude
        self.constraints = {name: extra.pop(name) for name in self.CONSTRAINTS if extra.get(name) is not None}
        self.extra = extra


def Field(default=UNDEFINED, **settings):
    return FieldInfo(default, **settings)


def validator(*fields, pre=False, each_item=False, always=False, check_fields=True, whole=None, allow_reuse=False):
    def mark(function):
        function = function.__func__ if isinstance(function, (classmethod, staticmethod)) else function
        return _Hooked(function, "field", fields, pre, each_item, always)

    return mark


def root_validator(function=None, *, pre=False, allow_reuse=False, skip_on_failure=False):
    def mark(function):
        function = function.__func__ if isinstance(function, (classmethod, staticmethod)) else function
        hooked = _Hooked(function, "root", (), pre, False, True)
        hooked.skip_on_failure = skip_on_failure
        return hooked

    return mark(function) if function is not None else mark


class _Hooked:
    """A validator in a class body, before its class exists."""

    skip_on_failure = False

    def __init__(self, function, kind, fields, pre, each_item, always):
        self.function = function
        self.kind = kind
        self.fields = fields
        self.pre = pre
        self.each_item = each_item
        self.always = always
        code = getattr(function, "__code__", None)
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount] if code else ()
        self.extras = [name for name in ("values", "field", "config") if name in names[2:]]
        if code and code.co_flags & 0x08:
            self.extras = ["values", "field", "config"]

    def run(self, cls, value, values, field):
        given = {"values": values, "field": field, "config": cls.__config__}
        return self.function(cls, value, **{name: given[name] for name in self.extras})


# Conversions: each takes a value and returns the converted one or raises `Fault`, ValueError, TypeError or AssertionError.


def _to_str(value):
    if isinstance(value, str):
        return value.value if isinstance(value, enum.Enum) else value
    if isinstance(value, (int, float)) or type(value).__name__ == "Decimal":
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


def _to_datetime(value):
    if isinstance(value, datetime.datetime):
        return value
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.datetime.fromtimestamp(value, datetime.timezone.utc)
        if isinstance(value, str):
            return datetime.datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        pass
    raise fault("invalid datetime format", "value_error.datetime")


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


def _of_items(outer, inner):
    rebuild = {set: set, frozenset: frozenset, tuple: tuple}.get(outer)
    convert = _SEQUENCES[outer]

    def convert_all(value):
        items, errors = [], []
        for index, item in enumerate(convert(value)):
            try:
                items.append(inner(item))
            except (Fault, ValueError, TypeError, AssertionError) as error:
                errors.extend(_fault_of(error).below(index))
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
                errors.extend(_fault_of(error).below("__key__"))
                continue
            try:
                result[key] = value_of(item)
            except (Fault, ValueError, TypeError, AssertionError) as error:
                errors.extend(_fault_of(error).below(key))
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
                errors.extend(_fault_of(error).errors)
        raise Fault(errors)

    return convert


def _enumeration(cls):
    def convert(value):
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
        if value in choices:
            return value
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
    uuid.UUID: _to_uuid,
    datetime.datetime: _to_datetime,
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
            return _of_items(origin, converter(arguments[0]))
        if origin in (collections.abc.Sequence, collections.abc.Iterable, collections.abc.MutableSequence):
            return _of_items(list, converter(arguments[0]))
        if origin is collections.OrderedDict:
            return _of_pairs(converter(arguments[0]), converter(arguments[1]), collections.OrderedDict)
        if origin in (dict, collections.abc.Mapping, collections.abc.MutableMapping):
            return _of_pairs(converter(arguments[0]), converter(arguments[1]), None)
        return _same
    if isinstance(annotation, type):
        if issubclass(annotation, BaseModel):
            return annotation.validate
        own = getattr(annotation, "__get_validators__", None)
        if own:
            return _chain(list(own()))
        if issubclass(annotation, enum.Enum):
            return _enumeration(annotation)
        if issubclass(annotation, str):
            return lambda value: annotation(_to_str(value))
        return _instance(annotation)
    return _same


def _check_constraints(value, constraints):
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
        elif name == "regex" and not re.match(limit, value):
            raise fault(f'string does not match regex "{limit}"', "value_error.str.regex", pattern=limit)


class ModelField:
    """One field of a model class."""

    def __init__(self, name, annotation, info):
        self.name = name
        self.annotation = self.outer_type_ = self.type_ = annotation
        self.field_info = info
        self.alias = info.alias or name
        self.default = None if info.default is UNDEFINED else info.default
        self.default_factory = info.default_factory
        members = typing.get_args(annotation) if typing.get_origin(annotation) in (typing.Union, types.UnionType) else ()
        self.allow_none = annotation in (typing.Any, object, type(None)) or type(None) in members
        self.required = info.default is UNDEFINED and info.default_factory is None and not (
            self.allow_none and annotation is not typing.Any and info.default is UNDEFINED and type(None) in members
        )
        if info.default is None:
            self.allow_none = True
        self.convert = converter(annotation)
        self.pre, self.post = [], []

    def get_default(self):
        if self.default_factory is not None:
            return self.default_factory()
        default = self.default
        if isinstance(default, (list, dict, set)):
            return default.copy()
        return default

    def clean(self, cls, value, values):
        """The converted and validated value; raises `Fault`."""
        try:
            for hooked in self.pre:
                value = hooked.run(cls, value, values, self)
            if value is None and not self.allow_none:
                raise fault("none is not an allowed value", "type_error.none.not_allowed")
            if value is not None or not self.allow_none:
                value = self.convert(value)
                if self.field_info.constraints:
                    _check_constraints(value, self.field_info.constraints)
            for hooked in self.post:
                if hooked.each_item and isinstance(value, (list, tuple, set)):
                    value = type(value)(hooked.run(cls, item, values, self) for item in value)
                elif value is not None or hooked.always or self.required:
                    value = hooked.run(cls, value, values, self)
            return value
        except (Fault, ValueError, TypeError, AssertionError) as error:
            raise _fault_of(error) from None


class _Config:
    extra = "ignore"
    allow_mutation = True
    validate_assignment = False
    frozen = False
    use_enum_values = False
    json_encoders = {}
    arbitrary_types_allowed = False
    allow_population_by_field_name = False


class ModelMeta(type):
    def __new__(meta, name, bases, namespace, **settings):
        hooked = [value for value in namespace.values() if isinstance(value, _Hooked)]
        namespace = {
            key: classmethod(value.function) if isinstance(value, _Hooked) else value for key, value in namespace.items()
        }
        cls = super().__new__(meta, name, bases, namespace)
        config = namespace.get("Config")
        parents = [base for base in bases if isinstance(base, ModelMeta)]
        inherited = parents[0].__config__ if parents else _Config
        if config is not None or settings:
            own = (config,) if config is not None else ()
            cls.__config__ = type("Config", (*own, inherited), dict(settings))
        else:
            cls.__config__ = inherited
        fields = {}
        for base in reversed(parents):
            fields.update(base.__fields__)
        hooks = [hook for base in reversed(parents) for hook in base.__hooked__] + hooked
        cls.__hooked__ = hooks
        own_names = _annotated_names(cls)
        hints = typing.get_type_hints(cls) if own_names else {}
        for field_name in own_names:
            annotation = hints.get(field_name, typing.Any)
            if field_name.startswith("_") or typing.get_origin(annotation) is typing.ClassVar or annotation is typing.ClassVar:
                continue
            default = cls.__dict__.get(field_name, UNDEFINED)
            info = default if isinstance(default, FieldInfo) else FieldInfo(default)
            if default is not UNDEFINED:
                delattr(cls, field_name)
            fields[field_name] = ModelField(field_name, annotation, info)
        for field_name, default in list(namespace.items()):
            if field_name in fields and field_name not in own_names and field_name in cls.__dict__:
                known = fields[field_name]
                info = FieldInfo(default)
                delattr(cls, field_name)
                fields[field_name] = ModelField(field_name, known.annotation, info)
        for field in fields.values():
            mine = [hook for hook in hooks if hook.kind == "field" and (field.name in hook.fields or "*" in hook.fields)]
            field.pre = [hook for hook in mine if hook.pre]
            field.post = [hook for hook in mine if not hook.pre]
            field.always = any(hook.always for hook in mine)
        cls.__fields__ = fields
        return cls


def _annotated_names(cls):
    annotations = cls.__dict__.get("__annotations__")
    if annotations is None:
        annotate = cls.__dict__.get("__annotate_func__") or cls.__dict__.get("__annotate__")
        annotations = getattr(cls, "__annotations__", {}) if annotate or "__annotations__" not in cls.__dict__ else {}
        parents = [base for base in cls.__mro__[1:] if getattr(base, "__annotations__", None) is annotations]
        if parents:
            return []
    return list(annotations)


class BaseModel(metaclass=ModelMeta):
    __slots__ = ("__fields_set__",)
    __fields__ = {}
    __hooked__ = []
    __config__ = _Config

    def __init__(self, /, **data):
        values, given = self.__class__._clean(data)
        object.__setattr__(self, "__dict__", values)
        object.__setattr__(self, "__fields_set__", given)

    @classmethod
    def _clean(cls, data):
        config = cls.__config__
        errors = []
        for hook in cls.__hooked__:
            if hook.kind == "root" and hook.pre:
                try:
                    data = hook.function(cls, data)
                except (ValueError, TypeError, AssertionError) as error:
                    raise ValidationError(_fault_of(error).below("__root__"), cls) from None
        values, given, used = {}, set(), set()
        for name, field in cls.__fields__.items():
            key = field.alias
            if key not in data and config.allow_population_by_field_name and name in data:
                key = name
            if key in data:
                used.add(key)
                given.add(name)
                value = data[key]
            elif field.required:
                errors.append({"loc": (field.alias,), "msg": "field required", "type": "value_error.missing"})
                continue
            else:
                value = field.get_default()
                if not field.always:
                    values[name] = value
                    continue
            try:
                values[name] = field.clean(cls, value, values)
            except Fault as error:
                errors.extend(error.below(field.alias))
        if config.extra != "ignore":
            for key in data:
                if key in used:
                    continue
                if config.extra == "allow":
                    values[key] = data[key]
                    given.add(key)
                else:
                    errors.append({"loc": (key,), "msg": "extra fields not permitted", "type": "value_error.extra"})
        for hook in cls.__hooked__:
            if hook.kind == "root" and not hook.pre and not (errors and hook.skip_on_failure):
                try:
                    values = hook.function(cls, values)
                except (ValueError, TypeError, AssertionError) as error:
                    errors.extend(_fault_of(error).below("__root__"))
        if errors:
            raise ValidationError(errors, cls)
        if config.use_enum_values:
            values = {key: value.value if isinstance(value, enum.Enum) else value for key, value in values.items()}
        return values, given

    @classmethod
    def validate(cls, value):
        if isinstance(value, cls):
            return value
        if isinstance(value, dict):
            return cls(**value)
        raise fault("value is not a valid dict", "type_error.dict")

    @classmethod
    def parse_obj(cls, obj):
        if not isinstance(obj, dict):
            try:
                obj = dict(obj)
            except (TypeError, ValueError):
                error = {
                    "loc": ("__root__",),
                    "msg": f"{cls.__name__} expected dict not {type(obj).__name__}",
                    "type": "type_error",
                }
                raise ValidationError([error], cls) from None
        return cls(**obj)

    @classmethod
    def parse_raw(cls, raw, **_ignored):
        try:
            obj = json.loads(raw)
        except ValueError as error:
            problem = {"loc": ("__root__",), "msg": str(error), "type": "value_error.jsondecode"}
            raise ValidationError([problem], cls) from None
        return cls.parse_obj(obj)

    @classmethod
    def construct(cls, _fields_set=None, **values):
        self = cls.__new__(cls)
        full = {name: field.get_default() for name, field in cls.__fields__.items() if not field.required}
        full.update(values)
        object.__setattr__(self, "__dict__", full)
        object.__setattr__(self, "__fields_set__", set(values) if _fields_set is None else set(_fields_set))
        return self

    def __setattr__(self, name, value):
        config = self.__config__
        field = self.__fields__.get(name)
        if field is None:
            if name.startswith("_"):
                object.__setattr__(self, name, value)
                return
            if config.extra != "allow":
                raise ValueError(f'"{type(self).__name__}" object has no field "{name}"')
        if not config.allow_mutation or config.frozen:
            raise TypeError(f'"{type(self).__name__}" is immutable and does not support item assignment')
        if field is not None and not field.field_info.allow_mutation:
            raise TypeError(f'"{name}" has allow_mutation set to False and cannot be assigned')
        if field is not None and config.validate_assignment:
            others = {key: item for key, item in self.__dict__.items() if key != name}
            try:
                value = field.clean(type(self), value, others)
            except Fault as error:
                raise ValidationError(error.below(name), type(self)) from None
        self.__dict__[name] = value
        self.__fields_set__.add(name)

    def _iter(self, include=None, exclude=None, exclude_none=False, exclude_unset=False, exclude_defaults=False, by_alias=False):
        for name, value in self.__dict__.items():
            field = self.__fields__.get(name)
            if include is not None and name not in include or exclude is not None and name in exclude:
                continue
            if exclude_none and value is None or exclude_unset and name not in self.__fields_set__:
                continue
            if exclude_defaults and field is not None and not field.required and value == field.get_default():
                continue
            if field is not None and field.field_info.exclude:
                continue
            yield (field.alias if by_alias and field else name), value

    def dict(self, **settings):
        return {name: _plain(value, settings) for name, value in self._iter(**settings)}

    def json(self, *, encoder=None, indent=None, **settings):
        dumps = {name: settings.pop(name) for name in ("sort_keys", "ensure_ascii", "separators") if name in settings}
        encode = encoder or self._encode
        return json.dumps(self.dict(**settings), default=encode, indent=indent, **dumps)

    def _encode(self, value):
        for kind, encode in self.__config__.json_encoders.items():
            if isinstance(value, kind):
                return encode(value)
        return encode_json(value)

    def copy(self, *, include=None, exclude=None, update=None, deep=False):
        values = dict(self._iter(include=include, exclude=exclude))
        if deep:
            import copy

            values = copy.deepcopy(values)
        values.update(update or {})
        new = type(self).__new__(type(self))
        object.__setattr__(new, "__dict__", values)
        object.__setattr__(new, "__fields_set__", set(self.__fields_set__) | set(update or {}))
        return new

    def __eq__(self, other):
        if isinstance(other, BaseModel):
            return self.dict() == other.dict()
        return self.dict() == other

    __hash__ = None

    def __iter__(self):
        yield from self.__dict__.items()

    def __repr__(self):
        inside = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({inside})"

    def __str__(self):
        return " ".join(f"{name}={value!r}" for name, value in self.__dict__.items())


def _plain(value, settings):
    if isinstance(value, BaseModel):
        inner = {key: item for key, item in settings.items() if key not in ("include", "exclude")}
        return value.dict(**inner)
    if isinstance(value, dict):
        return type(value)((key, _plain(item, settings)) for key, item in value.items()) if type(value) is not dict else {
            key: _plain(item, settings) for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)) and type(value) in (list, tuple, set, frozenset):
        return type(value)([_plain(item, settings) for item in value])
    return value


def encode_json(value):
    """`default=` of json.dumps for the values that models hold."""
    if isinstance(value, BaseModel):
        return value.dict()
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, (set, frozenset, types.GeneratorType)):
        return list(value)
    if isinstance(value, bytes):
        return value.decode()
    if type(value).__name__ == "Decimal":
        return float(value)
    raise TypeError(f"Object of type '{type(value).__name__}' is not JSON serializable")
