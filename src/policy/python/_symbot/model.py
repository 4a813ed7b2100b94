"""A small model base with the behaviour of pydantic 1 that implementation files rely on.

Keyword construction, coercion by annotation, validators, ``ValidationError`` (a ``ValueError``) with pydantic's words,
``dict``/``json``/``parse_obj``/``parse_raw``/``copy``, immutable fields. Conversion functions are made once per class.
"""

import collections.abc
import datetime
import enum
import json
import sys
import types
import typing
import uuid

from .convert import check_constraints, converter
from .faults import Fault, ValidationError, fault, fault_of


class _Undefined:
    """Marks "no default given"; ``...`` in ``Field`` means the same."""

    def __repr__(self):
        return "Undefined"


UNDEFINED = _Undefined()


class FieldInfo:
    """What ``Field(...)`` says about one field."""

    CONSTRAINTS = tuple(
        "min_items max_items unique_items min_length max_length gt ge lt le multiple_of regex const".split()
    )

    def __init__(self, default=UNDEFINED, *, default_factory=None, alias=None, allow_mutation=True, exclude=None, **extra):
        self.explicit = default is ...
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
        hooked = _Hooked(function, "field", fields, pre, each_item, always)
        hooked.check_fields = check_fields
        return hooked

    return mark


def root_validator(function=None, *, pre=False, allow_reuse=False, skip_on_failure=False):
    def mark(function):
        function = function.__func__ if isinstance(function, (classmethod, staticmethod)) else function
        hooked = _Hooked(function, "root", (), pre, False, True)
        hooked.skip_on_failure = skip_on_failure
        return hooked

    return mark(function) if function is not None else mark


class ConfigError(RuntimeError):
    """A model class that contradicts itself."""


class _Hooked:
    """A validator in a class body, before its class exists."""

    skip_on_failure = False
    check_fields = True

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


_ITEMS = (list, set, frozenset, collections.abc.Sequence, collections.abc.MutableSequence)


def _type_of_items(annotation):
    """What pydantic calls ``type_``: of lists and optional values what is in them."""
    arguments = [one for one in typing.get_args(annotation) if one is not type(None)]
    origin = typing.get_origin(annotation)
    if origin in _ITEMS and arguments or origin in (typing.Union, types.UnionType) and len(arguments) == 1:
        return _type_of_items(arguments[0])
    if origin in (dict, collections.abc.Mapping, collections.abc.MutableMapping) and len(arguments) == 2:
        return _type_of_items(arguments[1])
    return annotation


class ModelField:
    """One field of a model class."""

    def __init__(self, name, annotation, info):
        self.name = name
        self.annotation = self.outer_type_ = annotation
        self.type_ = _type_of_items(annotation)
        self.field_info = info
        self.alias = info.alias or name
        self.default = None if info.default is UNDEFINED else info.default
        self.default_factory = info.default_factory
        members = typing.get_args(annotation) if typing.get_origin(annotation) in (typing.Union, types.UnionType) else ()
        self.allow_none = annotation in (typing.Any, object, type(None)) or type(None) in members or info.default is None
        # Without a default, what may be None need not be given; `...` asks for it all the same.
        self.required = info.default_factory is None and (
            info.explicit or info.default is UNDEFINED and not self.allow_none
        )
        self.convert = converter(annotation)
        self.textual = self.type_ is str
        self.constraints = dict(info.constraints)
        if self.constraints.get("const"):
            self.constraints["const"] = [info.default]
        self.pre, self.post = [], []

    def get_default(self):
        if self.default_factory is not None:
            return self.default_factory()
        default = self.default
        if isinstance(default, (list, dict, set)):
            return default.copy()
        return default

    def _each(self, hooked, cls, items, values):
        errors = []
        for index, item in enumerate(items):
            try:
                yield hooked.run(cls, item, values, self)
            except (ValueError, TypeError, AssertionError) as error:
                errors.extend(fault_of(error).below(index))
        if errors:
            raise Fault(errors)

    def clean(self, cls, value, values):
        """The converted and validated value; raises `Fault`."""
        try:
            for hooked in self.pre:
                value = hooked.run(cls, value, values, self)
            if value is None and not self.allow_none:
                raise fault("none is not an allowed value", "type_error.none.not_allowed")
            if value is not None or not self.allow_none:
                value = self.convert(value)
                if self.textual and isinstance(value, str):
                    value = _trimmed(value, cls.__config__)
                if self.constraints and value is not None:
                    check_constraints(value, self.constraints)
            for hooked in self.post:
                if hooked.each_item and isinstance(value, (list, tuple, set, frozenset)):
                    value = type(value)(self._each(hooked, cls, value, values))
                elif value is not None or hooked.always or self.required:
                    value = hooked.run(cls, value, values, self)
            return value
        except (Fault, ValueError, TypeError, AssertionError) as error:
            raise fault_of(error) from None


def _trimmed(text, config):
    """A text as the configuration of its model wants it."""
    if config.anystr_strip_whitespace:
        text = text.strip()
    limits = {"min_length": config.min_anystr_length or None, "max_length": config.max_anystr_length}
    check_constraints(text, {name: limit for name, limit in limits.items() if limit is not None})
    return text


class _Config:
    anystr_strip_whitespace = False
    min_anystr_length = 0
    max_anystr_length = None
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
        hints = _own_hints(cls) if own_names else {}
        for field_name in own_names:
            annotation = hints.get(field_name, typing.Any)
            if field_name.startswith("_") and field_name != "__root__" or typing.get_origin(annotation) is typing.ClassVar or annotation is typing.ClassVar:
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
        for field_name, default in namespace.items():
            if parents and field_name not in fields and field_name not in own_names and _is_plain_field(field_name, default):
                delattr(cls, field_name)
                info = default if isinstance(default, FieldInfo) else FieldInfo(default)
                annotation = typing.Any if info.default in (None, UNDEFINED) else type(info.default)
                fields[field_name] = ModelField(field_name, annotation, info)
        known_names = {name for hook in hooks if hook.check_fields for name in hook.fields} - {"*"} - set(fields)
        if known_names:
            names = ", ".join(sorted(hook.function.__name__ for hook in hooked if known_names & set(hook.fields)))
            raise ConfigError(
                f"Validators defined with incorrect fields: {names} "
                "(use check_fields=False if you're inheriting from the model and intended this)"
            )
        for field in fields.values():
            mine = [hook for hook in hooks if hook.kind == "field" and (field.name in hook.fields or "*" in hook.fields)]
            field.pre = [hook for hook in mine if hook.pre]
            field.post = [hook for hook in mine if not hook.pre]
            field.always = any(hook.always for hook in mine)
        cls.__fields__ = fields
        if cls.__config__.frozen and "__hash__" not in namespace:
            cls.__hash__ = lambda self: hash(type(self)) + hash(tuple(self.__dict__.values()))
        return cls


def _is_plain_field(name, value):
    """Whether a value in a class body, without annotation, is a field: its type is then that of the value."""
    if name.startswith("_") or name == "Config":
        return False
    return not isinstance(value, (types.FunctionType, property, type, classmethod, staticmethod)) and not hasattr(value, "__get__")


_STRIPPED = (typing.Annotated, typing.Required, typing.NotRequired, typing.ReadOnly)


def _evaluated(annotation):
    """Whether `typing.get_type_hints` gives an annotation as it is: nothing in it is text or left out."""
    if annotation is None or isinstance(annotation, str) or type(annotation).__name__ == "ForwardRef":
        return False
    origin = typing.get_origin(annotation)
    if origin in _STRIPPED:
        return False
    if origin is None or origin is typing.Literal:
        return True
    return all(
        all(_evaluated(item) for item in one) if isinstance(one, list) else _evaluated(one)
        for one in typing.get_args(annotation)
    )


def _own_hints(cls):
    """The annotations of the class itself, evaluated, without the modules that `typing.get_type_hints` loads if it can be."""
    annotations = cls.__annotations__
    return annotations if all(_evaluated(one) for one in annotations.values()) else _hints(cls)


def _hints(cls, **more):
    """The annotations of a class, evaluated; a name that is not known yet stays as it is, see `update_forward_refs`."""
    try:
        return typing.get_type_hints(cls, localns={cls.__name__: cls, **more})
    except NameError as error:
        annotations = {name: typing.Any for name in _annotated_names(cls)}
        cls.__unknown__ = str(error)
        return annotations


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
    # Why annotations could not be evaluated, if so.
    __unknown__ = None

    def __init__(self, /, **data):
        values, given = self.__class__._clean(data)
        object.__setattr__(self, "__dict__", values)
        object.__setattr__(self, "__fields_set__", given)

    @classmethod
    def _clean(cls, data):
        config = cls.__config__
        if cls.__unknown__:
            raise ConfigError(f"{cls.__name__}: {cls.__unknown__}; call {cls.__name__}.update_forward_refs() when it is")
        errors = []
        for hook in cls.__hooked__:
            if hook.kind == "root" and hook.pre:
                try:
                    data = hook.function(cls, data)
                except (ValueError, TypeError, AssertionError) as error:
                    raise ValidationError(fault_of(error).below("__root__"), cls) from None
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
                    errors.extend(fault_of(error).below("__root__"))
        if errors:
            raise ValidationError(errors, cls)
        if config.use_enum_values:
            for key in given:
                if isinstance(values.get(key), enum.Enum):
                    values[key] = values[key].value
        return values, given

    @classmethod
    def __get_validators__(cls):
        yield cls.validate

    @classmethod
    def update_forward_refs(cls, **names):
        """Evaluates annotations that named what was not defined yet."""
        if cls.__unknown__:
            cls.__unknown__ = None
            for name, annotation in _hints(cls, **names).items():
                old = cls.__fields__.get(name)
                if old is not None:
                    new = cls.__fields__[name] = ModelField(name, annotation, old.field_info)
                    new.pre, new.post, new.always = old.pre, old.post, old.always
            if cls.__unknown__:
                raise NameError(cls.__unknown__)

    @classmethod
    def validate(cls, value):
        if isinstance(value, cls):
            return value.copy()
        if "__root__" in cls.__fields__ and not (isinstance(value, dict) and value.keys() == {"__root__"}):
            return cls(__root__=value)
        if not isinstance(value, dict):
            try:
                value = dict(value)
            except (TypeError, ValueError):
                raise fault("value is not a valid dict", "type_error.dict") from None
        return cls(**value)

    @classmethod
    def parse_obj(cls, obj):
        if "__root__" in cls.__fields__ and not (isinstance(obj, dict) and obj.keys() == {"__root__"}):
            obj = {"__root__": obj}
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
            if isinstance(error, json.JSONDecodeError):
                problem["ctx"] = {name: getattr(error, name) for name in ("msg", "doc", "pos", "lineno", "colno")}
            raise ValidationError([problem], cls) from None
        return cls.parse_obj(obj)

    @classmethod
    def construct(cls, _fields_set=None, **values):
        self = cls.__new__(cls)
        full = {
            name: values[name] if name in values else field.get_default()
            for name, field in cls.__fields__.items()
            if name in values or not field.required
        }
        full.update(values)
        object.__setattr__(self, "__dict__", full)
        object.__setattr__(self, "__fields_set__", set(values) if _fields_set is None else set(_fields_set))
        return self

    def __setattr__(self, name, value):
        config = self.__config__
        field = self.__fields__.get(name)
        if field is None:
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
            if include is not None and name not in include or exclude is not None and _left_out(exclude, name):
                continue
            if exclude_none and value is None or exclude_unset and name not in self.__fields_set__:
                continue
            if exclude_defaults and field is not None and not field.required and value == field.get_default():
                continue
            if field is not None and field.field_info.exclude:
                continue
            yield (field.alias if by_alias and field else name), name, value

    def dict(self, *, include=None, exclude=None, **settings):
        return {
            key: _plain(value, _below(include, name), _below(exclude, name), settings)
            for key, name, value in self._iter(include, exclude, **settings)
        }

    def json(self, *, encoder=None, indent=None, **settings):
        dumps = {name: settings.pop(name) for name in ("sort_keys", "ensure_ascii", "separators") if name in settings}
        data = self.dict(**settings)
        if "__root__" in self.__fields__:
            data = data["__root__"]
        return json.dumps(data, default=encoder or self._encode, indent=indent, **dumps)

    def _encode(self, value):
        for kind, encode in self.__config__.json_encoders.items():
            if isinstance(value, kind):
                return encode(value)
        return encode_json(value)

    def copy(self, *, include=None, exclude=None, update=None, deep=False):
        values = {name: value for _, name, value in self._iter(include, exclude)}
        if deep:
            import copy

            values = copy.deepcopy(values)
        values.update(update or {})
        new = type(self).__new__(type(self))
        object.__setattr__(new, "__dict__", values)
        object.__setattr__(new, "__fields_set__", set(self.__fields_set__) | set(update or {}))
        return new

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy(deep=True)

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


def _left_out(exclude, key):
    """Whether `exclude`, a set of names or a dict of such, names the key itself and not only parts of it."""
    return key in exclude and (not isinstance(exclude, dict) or exclude[key] in (..., True))


def _below(wanted, key):
    """What `include` or `exclude` says about the parts of one value."""
    part = wanted.get(key, wanted.get("__all__")) if isinstance(wanted, dict) else None
    return part if isinstance(part, (dict, set, frozenset)) else None


def _plain(value, include, exclude, settings):
    if isinstance(value, BaseModel):
        return value.dict(include=include, exclude=exclude, **settings)
    if isinstance(value, dict):
        items = [
            (key, _plain(item, _below(include, key), _below(exclude, key), settings))
            for key, item in value.items()
            if (include is None or key in include) and not (exclude is not None and _left_out(exclude, key))
        ]
        return type(value)(items) if type(value) is not dict else dict(items)
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(
            _plain(item, _below(include, index), _below(exclude, index), settings)
            for index, item in enumerate(value)
            if (include is None or index in include or "__all__" in include) and not (exclude is not None and _left_out(exclude, index))
        )
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
