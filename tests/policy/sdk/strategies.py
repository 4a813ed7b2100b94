import json
import uuid

from sym.sdk.exceptions.identity import IdentityNotFound
from sym.sdk.integrations import slack
from sym.sdk.resource import SRN
from sym.sdk.secret import Secret, SecretSource
from sym.sdk.strategies import AccessStrategy, Integration
from sym.sdk.strategy import Strategy
from sym.sdk.target import AccessTarget


def integration(**given):
    return Integration("org:integration:okta:main:latest", **given)


def strategy(**given):
    values = {
        "id": str(uuid.UUID(int=1)),
        "type": "okta",
        "name": "main",
        "integration": integration(type="okta", external_id="acme", settings={"a": "b"}),
        "settings": {"n": 5},
        "srn": "org:access_strategy:okta:main:latest",
    }
    values.update(given)
    return Strategy(**values)


def test_integrations_and_targets():
    one = integration(type="okta", external_id="acme", settings={"a": "b"})
    assert (one.type, one.external_id, one.settings, one.name) == ("okta", "acme", {"a": "b"}, "main")
    empty = integration()
    assert (empty.type, empty.external_id, empty.settings) == (None, None, {})
    target = AccessTarget("org:access_target:okta_group:admins:latest")
    assert (target.label, target.type, target.settings) == (None, None, {})
    target = AccessTarget("org:access_target:okta_group:admins:latest", label="Admins", type="okta_group")
    assert (target.label, target.type, target.name) == ("Admins", "okta_group", "admins")
    assert target.dict() == {"label": "Admins", "name": "admins", "settings": {}, "type": "okta_group"}


def test_strategies():
    one = strategy()
    assert one.id == uuid.UUID(int=1) and one.label is None and one.targets == [] and one.settings == {"n": "5"}
    assert isinstance(one.srn, SRN) and one.srn.type == "okta"
    target = AccessTarget("org:access_target:okta_group:admins:latest", label="Admins", type="okta_group")
    data = json.loads(strategy(label="Main", targets=[target]).json())
    assert data["id"] == "00000000-0000-0000-0000-000000000001" and data["label"] == "Main"
    assert data["srn"] == "org:access_strategy:okta:main:latest"
    assert data["integration"] == {"external_id": "acme", "name": "main", "settings": {"a": "b"}, "type": "okta"}
    assert data["targets"] == [{"label": "Admins", "name": "admins", "settings": {}, "type": "okta_group"}]
    assert "\n    " in strategy().json(indent=4)
    for missing in ("id", "type", "name", "integration", "settings", "srn"):
        values = {"id": uuid.UUID(int=1), "type": "t", "name": "n", "integration": integration(), "settings": {}, "srn": "o:flow:a:latest"}
        values.pop(missing)
        try:
            Strategy(**values)
        except ValueError as error:
            assert f"{missing}\n  field required" in str(error), error
        else:
            raise AssertionError(missing)


def test_strategies_can_be_written(event):
    class Own(AccessStrategy):
        found = "u-1"

        def fetch_remote_identity(self, user):
            self.asked = user
            return self.found

        def escalate(self, target_id, event):
            return {"granted": target_id}

        def deescalate(self, target_id, event):
            return None

    own = Own(integration(type="okta", external_id="acme"))
    assert own.integration.external_id == "acme"
    assert own.escalate("t", event) == {"granted": "t"} and own.deescalate("t", event) is None
    stored = []
    real = slack._hostcall.call
    slack._hostcall.call = lambda name, /, **arguments: stored.append((name, arguments))
    try:
        assert own.get_requester_identity(event) == "u-1"
    finally:
        slack._hostcall.call = real
    assert own.asked == event.user
    assert stored == [
        (
            "identities.persist",
            {"email": "alice@example.com", "service": "okta", "service_id": "acme", "user_id": "u-1"},
        )
    ]
    own.found = None
    try:
        own.get_requester_identity(event)
    except IdentityNotFound as error:
        assert error.error_code == "Identity:NOT_FOUND" and "alice@example.com" in str(error) and "acme" in str(error)
    else:
        raise AssertionError
    known = Own(integration(type="slack", external_id=""))
    assert known.get_requester_identity(event) == "UALICE" and not hasattr(known, "asked")


def test_strategies_must_be_complete():
    methods = ("fetch_remote_identity", "escalate", "deescalate")
    for left_out in methods:
        body = {name: lambda self, *args: None for name in methods if name != left_out}
        try:
            type("Incomplete", (AccessStrategy,), body)(integration())
        except TypeError as error:
            assert left_out in str(error)
        else:
            raise AssertionError(left_out)


def test_secrets_are_abstract():
    for kind, names in ((Secret, "id path source settings retrieve_value"), (SecretSource, "type settings")):
        for name in names.split():
            body = {one: property(lambda self: one) for one in names.split() if one != name}
            try:
                type("Incomplete", (kind,), body)("org:secret:x:a:latest")
            except TypeError as error:
                assert name in str(error)
            else:
                raise AssertionError(name)
        whole = type("Whole", (kind,), {one: property(lambda self: "v") for one in names.split()})("org:secret:x:a:latest")
        assert whole.settings == "v" and whole.slug == "a"
