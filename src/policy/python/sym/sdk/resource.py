"""Resource names (SRN) and the base of most objects."""

import json as _json
import re as _re

from .errors import SymSDKError

__all__ = [
    "InvalidSRNError",
    "InvalidSlugError",
    "InvalidVersionError",
    "MissingComponentError",
    "MultipleErrors",
    "SRN",
    "SymBaseResource",
    "SymResource",
    "TrailingSeparatorError",
]


class InvalidSRNError(SymSDKError):
    """Text that is not a resource name."""

    def __init__(self, srn, message="", hint=None):
        self.srn = srn
        text = f"Invalid SRN '{srn}'"
        super().__init__(
            f"{text}: {message}" if message else f"{text}.",
            hint or "An SRN has the form org:model[:type]:slug:version[:identifier].",
        )


class InvalidSlugError(InvalidSRNError):
    def __init__(self, srn, component):
        super().__init__(srn, f"{component} must be a valid slug.", "Letters, digits, '-' and '_' are allowed.")


class InvalidVersionError(InvalidSRNError):
    def __init__(self, srn):
        super().__init__(srn, "version must be semver with no tags.", "Use 'latest' or a version such as 1.0.0.")


class MissingComponentError(InvalidSRNError):
    def __init__(self, srn, component):
        super().__init__(srn, f"{component} component is required.")


class TrailingSeparatorError(InvalidSRNError):
    def __init__(self, srn):
        super().__init__(srn, "trailing separator.", "Remove the ':' at the end.")


class MultipleErrors(InvalidSRNError):
    def __init__(self, srn, errors):
        self.errors = list(errors)
        lines = "\n".join(str(error.message) for error in self.errors)
        super().__init__(srn, f"There were multiple validation errors\n{lines}")


_SLUG = _re.compile(r"[a-zA-Z0-9_-]+\Z")
_VERSION = _re.compile(r"(latest|[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})\Z")
_TYPED_MODELS = frozenset(
    ["access_strategy", "access_target", "user", "secret", "secrets", "integration", "log_destination"]
)


class SRN:
    """The name of a resource: ``org:model[:type]:slug:version[:identifier]``."""

    __slots__ = ("_organization", "_model", "_type", "_slug", "_version", "_identifier")

    def __init__(self, org, model, type=None, slug=None, version=None, identifier=None):
        self._organization = org
        self._model = model
        self._type = type
        self._slug = slug
        self._version = version
        self._identifier = identifier
        errors = self._errors()
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise MultipleErrors(self._text(), errors)

    def _errors(self):
        text = self._text()
        errors = []
        for name, value in (("org", self._organization), ("model", self._model), ("slug", self._slug)):
            if not value:
                errors.append(MissingComponentError(text, name))
            elif not _SLUG.match(str(value)):
                errors.append(InvalidSlugError(text, name))
        if self._model and self.requires_type(self._model):
            if not self._type:
                errors.append(MissingComponentError(text, "type"))
            elif not _SLUG.match(str(self._type)):
                errors.append(InvalidSlugError(text, "type"))
        elif self._type:
            errors.append(InvalidSRNError(text, f"model '{self._model}' cannot have a type component."))
        if not self._version:
            errors.append(MissingComponentError(text, "version"))
        elif not _VERSION.match(str(self._version)):
            errors.append(InvalidVersionError(text))
        if self._identifier and not _SLUG.match(str(self._identifier)):
            errors.append(InvalidSlugError(text, "identifier"))
        return errors

    @classmethod
    def parse(cls, raw):
        text = str(raw).lower()
        if text.endswith(":"):
            raise TrailingSeparatorError(text)
        parts = text.split(":")
        typed = len(parts) > 1 and cls.requires_type(parts[1])
        if len(parts) < (5 if typed else 4):
            raise InvalidSRNError(text)
        organization, model, *rest = parts
        type_ = rest.pop(0) if typed else None
        slug, version, *rest = rest
        return cls(organization, model, type_, slug, version, rest[0] if rest else None)

    @classmethod
    def requires_type(cls, model):
        return str(model).lower() in _TYPED_MODELS

    organization = property(lambda self: self._organization)
    model = property(lambda self: self._model)
    type = property(lambda self: self._type)
    slug = property(lambda self: self._slug)
    version = property(lambda self: self._version)
    identifier = property(lambda self: self._identifier)

    def copy(self, organization=None, model=None, type=None, slug=None, version=None, identifier=None):
        return SRN(
            organization or self._organization,
            model or self._model,
            type or self._type,
            slug or self._slug,
            version or self._version,
            identifier or self._identifier,
        )

    def _text(self):
        parts = (self._organization, self._model, self._type, self._slug, self._version, self._identifier)
        return ":".join(str(part) for part in parts if part).lower()

    def __str__(self):
        return self._text()

    def __repr__(self):
        named = (
            ("org", self._organization),
            ("model", self._model),
            ("type", self._type),
            ("slug", self._slug),
            ("version", self._version),
            ("identifier", self._identifier),
        )
        return "SRN({})".format(", ".join(f"{name}={value}" for name, value in named if value))

    def __eq__(self, other):
        if isinstance(other, SRN):
            return str(self) == str(other)
        if isinstance(other, str):
            try:
                return str(self) == str(SRN.parse(other))
            except InvalidSRNError:
                return False
        return False

    def __hash__(self):
        return hash(str(self))

    @classmethod
    def __get_validators__(cls):
        yield lambda value: value if isinstance(value, cls) else cls.parse(value)


def _collected(resource):
    result = {}
    for name in dir(resource):
        if name.startswith("_"):
            continue
        try:
            value = getattr(resource, name)
        except Exception:
            continue
        if isinstance(value, SymBaseResource):
            result[name] = value.dict()
        elif isinstance(value, (str, int, dict, list)):
            result[name] = _plain(value)
    return result


def _plain(value):
    if isinstance(value, SymBaseResource):
        return value.dict()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


class SymBaseResource:
    """Objects whose public attributes make up a dict."""

    def dict(self):
        return _collected(self)

    def __str__(self):
        return _json.dumps(self.dict(), indent=2, default=str)

    def __repr__(self):
        return str(self)

    def __eq__(self, other):
        return isinstance(other, SymBaseResource) and self.dict() == other.dict()

    __hash__ = None


class SymResource(SymBaseResource):
    """An object with a resource name; attributes it does not have are looked for in the name."""

    def __init__(self, srn):
        self._srn = srn if isinstance(srn, SRN) else SRN.parse(srn)

    @property
    def srn(self):
        return self._srn

    @property
    def name(self):
        return self.srn.slug

    def __getattr__(self, attribute):
        if not attribute.startswith("_"):
            try:
                return getattr(self.srn, attribute)
            except AttributeError:
                pass
        class_name = type(self).__name__.removeprefix("SDK")
        raise AttributeError(f"'{class_name}' object has no attribute '{attribute}'")

    def __eq__(self, other):
        return isinstance(other, SymResource) and self.srn == other.srn

    def __hash__(self):
        return hash(str(self.srn))

    def __repr__(self):
        return f"{type(self).__name__.removeprefix('SDK')}({self.srn})"
