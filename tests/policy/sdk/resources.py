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
