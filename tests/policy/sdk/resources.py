import json
import uuid

from sym.sdk.resource import (
    SRN,
    InvalidSlugError,
    InvalidSRNError,
    InvalidVersionError,
    MissingComponentError,
    MultipleErrors,
    SymBaseResource,
    SymResource,
    TrailingSeparatorError,
)
from sym.sdk.target import AccessTarget


def raises(kind, make):
    try:
        make()
    except kind as error:
        assert type(error) is kind, type(error)
        return error
    raise AssertionError(f"no {kind.__name__}")


def test_parse():
    srn = SRN.parse("ORG:flow:My-Flow:0.1.0:abc:ignored")
    assert str(srn) == "org:flow:my-flow:0.1.0:abc"
    assert (srn.organization, srn.model, srn.type, srn.slug, srn.version, srn.identifier) == ("org", "flow", None, "my-flow", "0.1.0", "abc")
    typed = SRN.parse("org:integration:slack:main:latest")
    assert typed.type == "slack" and typed.slug == "main"


def test_errors():
    raises(TrailingSeparatorError, lambda: SRN.parse("org:flow:a:1.0.0:"))
    raises(InvalidSRNError, lambda: SRN.parse("org:flow:a"))
    raises(InvalidSRNError, lambda: SRN.parse("org:integration:a:latest"))
    assert "must be a valid slug" in str(raises(InvalidSlugError, lambda: SRN.parse("org:flow:a b:1.0.0")))
    assert "must be semver with no tags" in str(raises(InvalidVersionError, lambda: SRN.parse("org:flow:a:1.0.0-rc1")))
    raises(InvalidVersionError, lambda: SRN.parse("org:flow:a:1.0.1000"))
    assert "component is required" in str(raises(MissingComponentError, lambda: SRN("org", "user", None, "a", "latest")))
    assert "cannot have a type component" in str(raises(InvalidSRNError, lambda: SRN("org", "flow", "x", "a", "latest")))
    error = raises(MultipleErrors, lambda: SRN("o rg", "flow", None, "a", "x"))
    assert len(error.errors) == 2 and "There were multiple validation errors" in str(error)
    assert "Invalid SRN" in str(error) and error.srn


def test_comparison_and_copy():
    srn = SRN.parse("org:flow:a:1.0.0")
    assert srn == "ORG:flow:A:1.0.0" and srn != "nonsense" and srn != 5
    assert hash(srn) == hash(str(srn))
    assert repr(srn) == "SRN(org=org, model=flow, slug=a, version=1.0.0)"
    assert str(srn.copy(slug="b", identifier="c")) == "org:flow:b:1.0.0:c"
    assert SRN.requires_type("user") and not SRN.requires_type("flow")


def test_resources():
    resource = SymResource("org:flow:a:1.0.0:x")
    assert resource.name == "a" and resource.slug == "a" and resource.identifier == "x" and resource.organization == "org"
    assert repr(resource) == "SymResource(org:flow:a:1.0.0:x)"
    assert resource == SymResource("org:flow:a:1.0.0:x") and hash(resource) == hash("org:flow:a:1.0.0:x")
    try:
        resource.missing
    except AttributeError as error:
        assert "SymResource" in str(error) and "missing" in str(error)
    else:
        raise AssertionError


def test_base_resource_dict():
    class Thing(SymBaseResource):
        def __init__(self):
            self.a, self.b, self.c, self.d = 1, "x", None, [1]
            self._hidden = 2

    assert Thing().dict() == {"a": 1, "b": "x", "d": [1]}
    assert Thing() == Thing() and str(Thing()).startswith("{\n  ")
    try:
        hash(Thing())
    except TypeError:
        pass
    else:
        raise AssertionError


def test_target():
    target = AccessTarget("org:access_target:okta_group:admins:latest", label="Admins", type="okta_group", settings={"group_id": "g"})
    assert target.label == "Admins" and target.settings["group_id"] == "g" and target.slug == "admins"


def test_event_objects_are_resources(event):
    assert str(event.srn) == "sym:event-spec:approval:1.0.0:request"
    assert event.flow.name == "approval" and event.flow.srn.slug == "approval"
    assert event.user.slug


def test_every_component_is_checked():
    parts = {"org": "o", "model": "flow", "type": None, "slug": "a", "version": "1.0.0"}
    for name in ("org", "model", "slug", "version"):
        error = raises(MissingComponentError, lambda: SRN(**dict(parts, **{name: ""})))
        assert f"{name} component is required" in str(error), error
    for name in ("org", "model", "slug"):
        error = raises(InvalidSlugError, lambda: SRN(**dict(parts, **{name: "a.b"})))
        assert f"{name} must be a valid slug" in str(error) and "Letters, digits, '-' and '_'" in str(error), error
    assert "type must be a valid slug" in str(raises(InvalidSlugError, lambda: SRN("o", "user", "a b", "a", "latest")))
    assert "identifier must be" in str(raises(InvalidSlugError, lambda: SRN(**dict(parts, identifier="a b"))))
    assert "type component is required" in str(raises(MissingComponentError, lambda: SRN("o", "user", None, "a", "latest")))
    assert SRN("o", "flow", None, "a", "latest") == SRN("o", "flow", None, "a", "latest", None)
    for version in ("1.0", "1.0.0.0", "v1.0.0", "1.0.0000", "1.0.x", "Latest"):
        assert "version must be semver with no tags" in str(
            raises(InvalidVersionError, lambda: SRN("o", "flow", None, "a", version))
        )


def test_typed_models():
    for model in ("access_strategy", "access_target", "user", "secret", "secrets", "integration", "log_destination"):
        assert SRN.requires_type(model), model
        assert SRN.parse(f"o:{model}:t:a:latest").type == "t"
    for model in ("flow", "environment", "run", "template", "event-spec"):
        assert not SRN.requires_type(model), model


def test_errors_carry_the_name_and_a_hint():
    for text, hint in (
        ("o:flow:a:1.0.0:", "Remove the ':' at the end."),
        ("o:flow:a", "An SRN has the form org:model[:type]:slug:version[:identifier]."),
        ("o:flow:a:x", "Use 'latest' or a version such as 1.0.0."),
        ("o:flow:a.b:latest", "Letters, digits, '-' and '_' are allowed."),
    ):
        try:
            SRN.parse(text)
        except InvalidSRNError as error:
            assert error.srn == text and str(error).startswith(f"Invalid SRN '{text}'"), error
            assert str(error).endswith(f"\n\nHint: {hint}"), error
        else:
            raise AssertionError(text)
    several = raises(MultipleErrors, lambda: SRN("o rg", "flow", None, "a", "x"))
    lines = several.message.split("\n")
    assert len(lines) == 3 and "There were multiple validation errors" in lines[0]
    assert "org must be" in lines[1] and "version must be" in lines[2]


def test_copies_replace_parts_and_drop_none():
    typed = SRN.parse("o:user:t:a:1.0.0:i")
    assert str(typed.copy()) == "o:user:t:a:1.0.0:i"
    for part, text in (
        ("organization", "x:user:t:a:1.0.0:i"),
        ("model", "o:secret:t:a:1.0.0:i"),
        ("type", "o:user:x:a:1.0.0:i"),
        ("slug", "o:user:t:x:1.0.0:i"),
        ("version", "o:user:t:a:latest:i"),
        ("identifier", "o:user:t:a:1.0.0:x"),
    ):
        value = {"model": "secret", "version": "latest"}.get(part, "x")
        assert str(typed.copy(**{part: value})) == text
    assert str(typed.copy(identifier=None)) == "o:user:t:a:1.0.0:i"
    assert repr(typed) == "SRN(org=o, model=user, type=t, slug=a, version=1.0.0, identifier=i)"
    assert (SRN.parse("o:flow:a:1.0.0") == "nonsense") is False and (SRN.parse("o:flow:a:1.0.0") == 5) is False


def test_base_resources_are_shown_as_json():
    class Inner(SymBaseResource):
        def __init__(self, value):
            self.value = value

    class Outer(SymBaseResource):
        def __init__(self):
            self.inner = Inner(1)
            self.table = {"k": Inner(2)}
            self.many = [Inner(3), 4]
            self.when = uuid.UUID(int=1)

        @property
        def broken(self):
            raise ValueError

    expected = {"inner": {"value": 1}, "many": [{"value": 3}, 4], "table": {"k": {"value": 2}}}
    assert Outer().dict() == expected
    assert str(Outer()) == repr(Outer()) == json.dumps(expected, indent=2)
    assert Outer() == Outer() and Inner(1) != Inner(2) and Inner(1) != {"value": 1}


def test_resources_with_a_name_are_shown_by_it():
    class SDKThing(SymResource):
        pass

    thing = SDKThing("o:flow:a:1.0.0")
    assert repr(thing) == "Thing(o:flow:a:1.0.0)" and str(thing) == '{\n  "name": "a"\n}'
    assert thing.model == "flow" and thing.version == "1.0.0" and thing.type is None
    assert thing != SymResource("o:flow:b:1.0.0") and (thing == "o:flow:a:1.0.0") is False
    assert thing == SymResource(SRN.parse("o:flow:a:1.0.0"))
    try:
        thing.nothing
    except AttributeError as error:
        assert str(error) == "'Thing' object has no attribute 'nothing'"
    else:
        raise AssertionError


def test_event_objects_can_be_written_as_json(event):
    data = json.loads(str(event))
    assert data["name"] == "request" and data["user"]["username"] == "alice@example.com"
    assert data["flow"]["vars"]["request_channel"] == "#sym-requests"
    assert data["run"]["source_channel"] == {"identifier": "#general", "type": "slack"}
    assert repr(event) == "Event(sym:event-spec:approval:1.0.0:request)"
