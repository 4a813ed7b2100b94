"""``Mock``, ``MagicMock``, ``patch`` and what belongs to them, as far as test files of implementations use them."""

import functools as _functools

__all__ = ["ANY", "DEFAULT", "MagicMock", "Mock", "NonCallableMock", "PropertyMock", "call", "patch", "sentinel"]


class _Named:
    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name


class _Sentinels:
    def __init__(self):
        self._made = {}

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self._made.setdefault(name, _Named(f"sentinel.{name}"))


sentinel = _Sentinels()
DEFAULT = sentinel.DEFAULT
_MISSING = _Named("missing")


class _Any:
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    __hash__ = None

    def __repr__(self):
        return "<ANY>"


ANY = _Any()


class _Call(tuple):
    """The name, positional and keyword arguments of a call; a call without name is equal to one of any name."""

    def __new__(cls, name="", args=(), kwargs=None):
        return tuple.__new__(cls, (name, tuple(args), dict(kwargs or {})))

    @property
    def args(self):
        return tuple.__getitem__(self, 1)

    @property
    def kwargs(self):
        return tuple.__getitem__(self, 2)

    def __getitem__(self, index):
        return (self.args, self.kwargs)[index]

    def __iter__(self):
        return iter((self.args, self.kwargs))

    def __len__(self):
        return 2

    def __call__(self, *args, **kwargs):
        return _Call(tuple.__getitem__(self, 0), args, kwargs)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        own = tuple.__getitem__(self, 0)
        return _Call(f"{own}.{name}" if own else name)

    def __eq__(self, other):
        if isinstance(other, _Call):
            names = tuple.__getitem__(self, 0), tuple.__getitem__(other, 0)
            if all(names) and names[0] != names[1]:
                return False
            return self.args == other.args and self.kwargs == other.kwargs
        if isinstance(other, tuple) and len(other) == 2 and isinstance(other[1], dict):
            return (self.args, self.kwargs) == (tuple(other[0]), other[1])
        return NotImplemented

    def __ne__(self, other):
        return not self == other

    __hash__ = None

    def __repr__(self):
        parts = [repr(one) for one in self.args] + [f"{key}={value!r}" for key, value in self.kwargs.items()]
        return f"call{'.' if tuple.__getitem__(self, 0) else ''}{tuple.__getitem__(self, 0)}({', '.join(parts)})"


call = _Call()
_set = object.__setattr__


class NonCallableMock:
    """Has every attribute that is asked for (or those of its ``spec``), each a mock in its turn."""

    def __new__(cls, *args, **kwargs):
        # A class of its own for each mock, so that dunder methods and properties can be set on it.
        return object.__new__(type(cls.__name__, (cls,), {"__doc__": cls.__doc__}))

    def __init__(
        self, spec=None, side_effect=None, return_value=DEFAULT, wraps=None, name=None, spec_set=None, parent=None, **attributes
    ):
        wanted = spec if spec is not None else spec_set
        fixed = spec_set is not None
        if isinstance(wanted, (list, tuple)):
            known, spec_class = set(wanted), None
        else:
            known = None if wanted is None else set(dir(wanted))
            spec_class = None if wanted is None else wanted if isinstance(wanted, type) else type(wanted)
        state = {
            "_known": known,
            "_fixed": fixed,
            "_spec_class": spec_class,
            "_children": {},
            "_deleted": set(),
            "_name": name,
            "_parent": parent,
            "_wraps": wraps,
            "_returns": return_value,
            "side_effect": side_effect,
        }
        for key, value in state.items():
            _set(self, key, value)
        self.reset_mock()
        self.configure_mock(**attributes)

    def reset_mock(self, *, return_value=False, side_effect=False):
        for key, value in (("called", False), ("call_count", 0), ("call_args", None)):
            _set(self, key, value)
        for key in ("call_args_list", "mock_calls", "method_calls"):
            _set(self, key, [])
        if return_value:
            _set(self, "_returns", DEFAULT)
        if side_effect:
            _set(self, "side_effect", None)
        for child in [*self._children.values(), self._returns]:
            if isinstance(child, NonCallableMock):
                child.reset_mock()

    def configure_mock(self, **attributes):
        for path, value in sorted(attributes.items(), key=lambda item: item[0].count(".")):
            target = self
            *parents, last = path.split(".")
            for one in parents:
                target = getattr(target, one)
            setattr(target, last, value)

    @property
    def __class__(self):
        return self._spec_class or type(self)

    @property
    def return_value(self):
        if self._returns is DEFAULT:
            _set(self, "_returns", self._child("()"))
        return self._returns

    @return_value.setter
    def return_value(self, value):
        _set(self, "_returns", value)

    def _child(self, name):
        kind = MagicMock if isinstance(self, MagicMock) else Mock
        return kind(name=f"{self._name or 'mock'}{name if name == '()' else '.' + name}", parent=(self, name))

    def __getattr__(self, name):
        if name.startswith("_") and "_children" not in self.__dict__:
            raise AttributeError(name)
        if name in self._deleted or (self._known is not None and name not in self._known) or (
            name.startswith("__") and name.endswith("__")
        ):
            raise AttributeError(f"Mock object has no attribute {name!r}")
        if self._known is None and name.startswith(("assert", "assret", "asert", "aseert", "assrt")):
            raise AttributeError(f"{name!r} is not a valid assertion. Use a spec for the mock if {name!r} is meant to be an attribute.")
        children = self._children
        if name not in children:
            child = self._child(name)
            if self._wraps is not None:
                _set(child, "_wraps", getattr(self._wraps, name))
            children[name] = child
        return children[name]

    def __setattr__(self, name, value):
        if name in ("side_effect", "return_value") or name in self.__dict__:
            _set(self, name, value)
        elif name.startswith("__") and name.endswith("__"):
            kind = type(self)
            if isinstance(value, NonCallableMock) or not callable(value):
                setattr(kind, name, _Method(value))
            else:
                setattr(kind, name, value)
        elif isinstance(value, PropertyMock):
            setattr(type(self), name, value)
        elif self._fixed and name not in self._known:
            raise AttributeError(f"Mock object has no attribute {name!r}")
        else:
            if isinstance(value, NonCallableMock) and value._parent is None:
                _set(value, "_parent", (self, name))
            self._children[name] = value
            self._deleted.discard(name)

    def __delattr__(self, name):
        self._children.pop(name, None)
        self._deleted.add(name)

    def __dir__(self):
        return sorted((self._known or set()) | set(self._children))

    def __repr__(self):
        return f"<{type(self).__name__} name={self._name!r}>" if self._name else f"<{type(self).__name__}>"

    def attach_mock(self, mock, attribute):
        _set(mock, "_parent", None)
        setattr(self, attribute, mock)

    def _record(self, name, args, kwargs):
        self.mock_calls.append(_Call(name, args, kwargs))
        if name:
            self.method_calls.append(_Call(name, args, kwargs))
        if self._parent is not None:
            parent, own = self._parent
            step = f"{own}.{name}" if name else own
            parent._record(step, args, kwargs)


class _Method:
    """A dunder method given as a mock: called without ``self``, as on CPython."""

    def __init__(self, value):
        self.value = value

    def __get__(self, owner, kind=None):
        return self.value


class CallableMixin:
    def __call__(self, /, *args, **kwargs):
        _set(self, "called", True)
        _set(self, "call_count", self.call_count + 1)
        one = _Call("", args, kwargs)
        _set(self, "call_args", one)
        self.call_args_list.append(one)
        self._record("", args, kwargs)
        return self._answer(args, kwargs)

    def _answer(self, args, kwargs):
        effect = self.side_effect
        if effect is not None:
            if isinstance(effect, BaseException) or isinstance(effect, type) and issubclass(effect, BaseException):
                raise effect
            if callable(effect):
                answer = effect(*args, **kwargs)
            else:
                if not hasattr(effect, "__next__"):
                    effect = iter(effect)
                    _set(self, "side_effect", effect)
                answer = next(effect)
                if isinstance(answer, BaseException) or isinstance(answer, type) and issubclass(answer, BaseException):
                    raise answer
            if answer is not DEFAULT:
                return answer
        if self._returns is DEFAULT and self._wraps is not None:
            return self._wraps(*args, **kwargs)
        return self.return_value

    def _calls(self):
        return "\n".join(f"  {one!r}" for one in self.call_args_list) or "  (none)"

    def assert_called(self):
        assert self.call_count, f"Expected {self._name or 'mock'} to have been called."

    def assert_not_called(self):
        assert not self.call_count, f"Expected {self._name or 'mock'} to not have been called. Calls:\n{self._calls()}"

    def assert_called_once(self):
        assert self.call_count == 1, (
            f"Expected {self._name or 'mock'} to have been called once. Called {self.call_count} times.\n{self._calls()}"
        )

    def assert_called_with(self, /, *args, **kwargs):
        expected = _Call("", args, kwargs)
        assert self.call_args is not None, f"expected call not found.\nExpected: {expected!r}\n  Actual: not called."
        assert self.call_args == expected, f"expected call not found.\nExpected: {expected!r}\n  Actual: {self.call_args!r}"

    def assert_called_once_with(self, /, *args, **kwargs):
        self.assert_called_once()
        self.assert_called_with(*args, **kwargs)

    def assert_any_call(self, /, *args, **kwargs):
        expected = _Call("", args, kwargs)
        assert expected in self.call_args_list, f"{expected!r} call not found. Calls:\n{self._calls()}"

    def assert_has_calls(self, calls, any_order=False):
        made, wanted = list(self.mock_calls), list(calls)
        if any_order:
            for one in wanted:
                assert one in made, f"{one!r} not found in {made!r}"
                made.remove(one)
            return
        found = any(made[start : start + len(wanted)] == wanted for start in range(len(made) - len(wanted) + 1))
        assert found, f"Calls not found.\nExpected: {wanted!r}\n  Actual: {made!r}"


class Mock(CallableMixin, NonCallableMock):
    pass


class _Magic:
    """A dunder method that is a mock of its own, with the usual answer until it is told another."""

    def __init__(self, name, answer):
        self.name = name
        self.answer = answer

    def __get__(self, owner, kind=None):
        if owner is None:
            return self
        children = owner._children
        if self.name not in children:
            child = owner._child(self.name)
            if self.answer is not DEFAULT:
                _set(child, "_returns", self.answer)
            children[self.name] = child
        return children[self.name]


class _MagicIter(_Magic):
    """``__iter__``: its answer may be any iterable."""

    def __get__(self, owner, kind=None):
        made = super().__get__(owner, kind)
        if owner is None:
            return made
        if made.side_effect is None and not hasattr(made._returns, "__next__"):
            _set(made, "side_effect", lambda: iter(made._returns))
        return made


class MagicMock(Mock):
    """A ``Mock`` that can also be indexed, iterated, entered and the like."""


for _name, _answer in (
    ("__getitem__", DEFAULT),
    ("__setitem__", None),
    ("__delitem__", None),
    ("__enter__", DEFAULT),
    ("__exit__", False),
    ("__len__", 0),
    ("__contains__", False),
    ("__bool__", True),
    ("__int__", 1),
    ("__float__", 1.0),
    ("__index__", 1),
):
    setattr(MagicMock, _name, _Magic(_name, _answer))
MagicMock.__iter__ = _MagicIter("__iter__", ())


class PropertyMock(Mock):
    """A mock for a property: set on the class."""

    def __get__(self, owner, kind=None):
        return self()

    def __set__(self, owner, value):
        self(value)


def _find(path):
    """The object with a dotted name: a module, or something in one."""
    parts = path.split(".")
    found = __import__(parts[0])
    for index in range(1, len(parts)):
        try:
            found = getattr(found, parts[index])
        except AttributeError:
            __import__(".".join(parts[: index + 1]))
            found = getattr(found, parts[index])
    return found


class _Patch:
    def __init__(self, owner, attribute, new, create, kwargs):
        self.owner = owner
        self.attribute = attribute
        self.new = new
        self.create = create
        self.kwargs = kwargs

    def __enter__(self):
        owner = self.owner()
        own = vars(owner).get(self.attribute, _MISSING) if hasattr(owner, "__dict__") else _MISSING
        current = getattr(owner, self.attribute, _MISSING)
        if current is _MISSING and not self.create:
            raise AttributeError(f"{owner!r} does not have the attribute {self.attribute!r}")
        new = self.new
        if new is DEFAULT:
            kwargs = dict(self.kwargs)
            kind = kwargs.pop("new_callable", MagicMock)
            for key in ("spec", "spec_set"):
                if kwargs.get(key) is True:
                    kwargs[key] = current
            if kwargs.pop("autospec", None):
                kwargs["spec"] = current
            if issubclass(kind, NonCallableMock) and "name" not in kwargs:
                kwargs["name"] = self.attribute
            new = kind(**kwargs)
        self.undo = (owner, own if own is not _MISSING else current, own is _MISSING)
        setattr(owner, self.attribute, new)
        return new

    def __exit__(self, *error):
        owner, old, inherited = self.undo
        if old is _MISSING or inherited and isinstance(owner, type):
            delattr(owner, self.attribute)
        else:
            setattr(owner, self.attribute, old)
        return False

    def start(self):
        made = self.__enter__()
        _started.append(self)
        return made

    def stop(self):
        if self in _started:
            _started.remove(self)
            self.__exit__(None, None, None)

    def __call__(self, function):
        if isinstance(function, type):
            for name, value in list(vars(function).items()):
                if name.startswith(patch.TEST_PREFIX) and callable(value):
                    setattr(function, name, self(value))
            return function
        patches = getattr(function, "patchings", None)
        if patches is not None:
            patches.append(self)
            return function

        @_functools.wraps(function)
        def patched(*args, **kwargs):
            entered, made = [], []
            try:
                for one in patched.patchings:
                    value = one.__enter__()
                    entered.append(one)
                    if getattr(one, "new", None) is DEFAULT:
                        made.append(value)
                return function(*args, *made, **kwargs)
            finally:
                for one in reversed(entered):
                    one.__exit__(None, None, None)

        patched.patchings = [self]
        return patched


_started = []


class _PatchDict:
    new = _MISSING

    def __init__(self, target, values, clear):
        self.target = target
        self.values = values
        self.clear = clear

    def __enter__(self):
        target = _find(self.target) if isinstance(self.target, str) else self.target
        self.undo = (target, dict(target))
        if self.clear:
            target.clear()
        target.update(self.values)
        return target

    def __exit__(self, *error):
        target, old = self.undo
        target.clear()
        target.update(old)
        return False

    start, stop, __call__ = _Patch.start, _Patch.stop, _Patch.__call__


class _Patcher:
    TEST_PREFIX = "test"

    def __call__(self, target, new=DEFAULT, *, create=False, **kwargs):
        """Replaces what the dotted name stands for, while a function or a ``with`` block runs."""
        owner, dot, attribute = target.rpartition(".")
        if not dot:
            raise TypeError(f"Need a valid target to patch. You supplied: {target!r}")
        return _Patch(lambda: _find(owner), attribute, new, create, kwargs)

    def object(self, target, attribute, new=DEFAULT, *, create=False, **kwargs):
        return _Patch(lambda: target, attribute, new, create, kwargs)

    def dict(self, in_dict, values=(), clear=False, **kwargs):
        return _PatchDict(in_dict, {**dict(values), **kwargs}, clear)

    def multiple(self, target, **new):
        raise NotImplementedError("patch.multiple: use patch.object for each")

    def stopall(self):
        for one in reversed(list(_started)):
            one.stop()


patch = _Patcher()
