"""The objects that handlers are called with, made from the plain data of the host. They cannot be assigned to."""

import datetime
import re
import uuid

from sym.sdk.event import Channel, Event, EventMeta, Payload
from sym.sdk.flow import Environment, Flow, Run
from sym.sdk.forms import FieldOption, PromptField
from sym.sdk.resource import SRN
from sym.sdk.secret import Secret, SecretSource
from sym.sdk.strategies.integration import Integration
from sym.sdk.strategy import Strategy
from sym.sdk.target import AccessTarget
from sym.sdk.templates.approval import ApprovalTemplate
from sym.sdk.user import User, UserIdentity, UserRole

from . import current, hostcall

_ORGANIZATION = "symbot"
_NOT_SLUG = re.compile(r"[^a-zA-Z0-9_-]+")
_set = object.__setattr__


def _slug(text):
    return _NOT_SLUG.sub("-", str(text or "")).strip("-") or "unnamed"


def _srn(model, slug, version="1.0.0", identifier=None, type=None):
    if not re.match(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\Z", version or ""):
        version = "latest"
    return SRN(_ORGANIZATION, model, type, _slug(slug), version, _slug(identifier) if identifier else None)


class _ReadOnly:
    """Mixed in first: the attributes of an event object are set once, by `_fill`. Names are made when they are asked for."""

    @property
    def srn(self):
        return self._make_srn()

    def __setattr__(self, name, value):
        raise AttributeError(f"'{type(self).__name__.removeprefix('SDK')}' objects cannot be changed (attribute '{name}')")

    def __delattr__(self, name):
        raise AttributeError(f"'{type(self).__name__.removeprefix('SDK')}' objects cannot be changed (attribute '{name}')")

    def _fill(self, **attributes):
        for name, value in attributes.items():
            _set(self, name, value)


class SDKUserIdentity(_ReadOnly, UserIdentity):
    srn = None

    def __init__(self, service, service_id, user_id):
        self._fill(_service=service, _service_id=service_id, _user_id=user_id)

    service = property(lambda self: self._service)
    service_id = property(lambda self: self._service_id)
    user_id = property(lambda self: self._user_id)

    def __eq__(self, other):
        return isinstance(other, UserIdentity) and (self.service, self.service_id, self.user_id) == (
            other.service,
            other.service_id,
            other.user_id,
        )

    def __hash__(self):
        return hash((self.service, self.service_id, self.user_id))


class SDKUser(_ReadOnly, User):
    def __init__(self, data):
        self._fill(_data=data, _made={})

    def _make_srn(self):
        return _srn("user", self.username, "latest", self._data["id"], self.type)

    @property
    def name(self):
        return self._data.get("name") or self.username

    @property
    def id(self):
        """A UUID; the text itself where the id was not one."""
        made = self._made
        if "id" not in made:
            try:
                made["id"] = uuid.UUID(self._data["id"])
            except ValueError:
                made["id"] = self._data["id"]
        return made["id"]

    email = property(lambda self: self._data.get("email"))
    username = property(lambda self: self._data["username"])
    type = property(lambda self: self._data.get("type") or "normal")
    first_name = property(lambda self: self._data.get("first_name"))
    last_name = property(lambda self: self._data.get("last_name"))
    slack_id = property(lambda self: self._data.get("slack_id"))
    known = property(lambda self: self._data.get("known", True))

    @property
    def role(self):
        return UserRole(self._data.get("role") or "guest")

    @property
    def identities(self):
        result = {}
        for one in self._data.get("identities") or ():
            result.setdefault(one["service"], []).append(
                SDKUserIdentity(one["service"], one.get("service_id") or "", one["user_id"])
            )
        if self.slack_id and "slack" not in result:
            result["slack"] = [SDKUserIdentity("slack", self._data.get("slack_team") or "", self.slack_id)]
        return result

    def identity(self, service_type, service_id=None):
        for one in self.identities.get(service_type, ()):
            if service_id is None or one.service_id == service_id:
                return one
        found = current.find_identity(self, service_type, service_id)
        return None if found is None else SDKUserIdentity(service_type, *found)

    def get_event_count(self, event_name, since=None, until=None, filter_on="flow", include_errored=False):
        if filter_on not in ("flow", "target"):
            raise ValueError("filter_on must be 'flow' or 'target'")
        return hostcall.call(
            "events.count",
            user_id=str(self._data["id"]),
            event=getattr(event_name, "value", event_name),
            since=_moment(since),
            until=_moment(until),
            filter_on=filter_on,
            include_errored=bool(include_errored),
        )


class SDKFieldUser(SDKUser):
    """The value of a Slack user field: a user that is also equal to its Slack id as text."""

    def __eq__(self, other):
        if isinstance(other, str):
            return other == self.slack_id
        return User.__eq__(self, other)

    __hash__ = User.__hash__


def _moment(value):
    if value is None:
        return None
    if isinstance(value, datetime.datetime):
        return (value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)).isoformat()
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day, tzinfo=datetime.timezone.utc).isoformat()
    raise TypeError("since and until must be datetime objects")


def slack_id_of(user):
    """The Slack id of a user; the flow's own reducers are asked where nothing is known."""
    known = getattr(user, "slack_id", None)
    if known:
        return known
    identity = user.identity("slack") if isinstance(user, SDKUser) else None
    return None if identity is None else identity.user_id


def user_of(data):
    """The user that a host call returned."""
    return SDKUser(data)


def find_user(email=None, id=None):
    """``user(email=…)`` and ``user(id=…)``, predefined for implementation files.

    Any text is taken as an address, also the masked one in published examples: nobody has it, so sending to it fails and
    the next notification is used.
    """
    if (email is None) == (id is None):
        raise TypeError("user() takes either email= or id=")
    if email is not None:
        return user_of(hostcall.call("users.by_email", email=str(email), create=True))
    return user_of(hostcall.call("users.by_id", id=str(id)))


class SDKChannel(_ReadOnly, Channel):
    srn = None

    def __init__(self, data):
        self._fill(_type=data["type"], _identifier=data.get("identifier"))

    type = property(lambda self: self._type)
    identifier = property(lambda self: self._identifier)


class SDKEventMeta(_ReadOnly, EventMeta):
    srn = None


class SDKIntegration(_ReadOnly, Integration):
    def __init__(self, name, data):
        data = data if isinstance(data, dict) else {}
        kind = str(data.get("type") or name.removesuffix("_id"))
        self._fill(
            _name=data.get("name") or name,
            _type=kind,
            _external_id=data.get("external_id"),
            _settings={key: _setting(value) for key, value in (data.get("settings") or {}).items()},
        )

    def _make_srn(self):
        return _srn("integration", self._name, "latest", type=_slug(self._type))


def _setting(value):
    """A setting of an integration: text, a secret, or a list of secrets."""
    if isinstance(value, dict) and "$secret" in value:
        return SDKSecret(value["$secret"])
    if isinstance(value, list):
        return [_setting(item) for item in value]
    return value


class SDKSecretSource(_ReadOnly, SecretSource):
    def __init__(self, data):
        self._fill(_data=data)

    def _make_srn(self):
        return _srn("secrets", self._data.get("name"), "latest", type=_slug(self.type))

    name = property(lambda self: self._data.get("name"))
    type = property(lambda self: self._data.get("type"))
    settings = property(lambda self: dict(self._data.get("settings") or {}))


class SDKSecret(_ReadOnly, Secret):
    """Where a secret is; the value comes from the host each time it is asked for, and is not kept here."""

    def __init__(self, data):
        self._fill(_data=data)

    def _make_srn(self):
        return _srn("secret", self.path, "latest", self._data["id"], _slug(self.source.type or "secret"))

    id = property(lambda self: uuid.UUID(self._data["id"]))
    path = property(lambda self: self._data["path"])
    label = property(lambda self: self._data.get("label"))
    source = property(lambda self: SDKSecretSource(self._data.get("source") or {}))
    settings = property(lambda self: dict(self._data.get("settings") or {}))

    def retrieve_value(self):
        return hostcall.call("secrets.retrieve", id=self._data["id"])


class SDKEnvironment(_ReadOnly, Environment):
    def __init__(self, data):
        data = data or {"name": "default"}
        self._fill(
            _name=data["name"],
            _label=data.get("label"),
            _integrations={
                name.removesuffix("_id"): SDKIntegration(name, one) for name, one in (data.get("integrations") or {}).items()
            },
        )

    def _make_srn(self):
        return _srn("environment", self._name, "latest")

    label = property(lambda self: self._label)
    integrations = property(lambda self: self._integrations)


class SDKFlow(_ReadOnly, Flow):
    def __init__(self, data):
        self._fill(_data=data, _made={})

    def _make_srn(self):
        return _srn("flow", self._data["name"], self._data.get("version") or "latest")

    @property
    def name(self):
        return self._data["name"]

    label = property(lambda self: self._data.get("label"))

    @property
    def vars(self):
        if "vars" not in self._made:
            self._made["vars"] = dict(self._data.get("vars") or {})
        return self._made["vars"]

    @property
    def fields(self):
        if "fields" not in self._made:
            self._made["fields"] = {one["name"]: prompt_field(one) for one in self._data.get("fields") or ()}
        return self._made["fields"]

    @property
    def environment(self):
        if "environment" not in self._made:
            self._made["environment"] = SDKEnvironment(self._data.get("environment"))
        return self._made["environment"]

    @property
    def strategy(self):
        data = self._data.get("strategy")
        if data and "strategy" not in self._made:
            self._made["strategy"] = strategy_of(data)
        return self._made.get("strategy")


def prompt_field(data):
    options = [
        FieldOption(value=one["value"], label=one["label"]) if isinstance(one, dict) else FieldOption(value=one, label=str(one)[:55])
        for one in data.get("allowed_values") or ()
    ]
    return PromptField(
        name=data["name"],
        type=data["type"],
        value=data.get("value"),
        label=data.get("label"),
        required=data.get("required", True),
        visible=data.get("visible", True),
        current_allowed_values=options,
        original_allowed_values=list(options),
    )


class SDKRun(_ReadOnly, Run):
    def __init__(self, data):
        self._fill(_data=data, _made={})

    def _make_srn(self):
        return _srn("run", self._data["id"], "latest")

    id = property(lambda self: self._data["id"])

    @property
    def source_channel(self):
        if "source_channel" not in self._made:
            self._made["source_channel"] = SDKChannel(self._data["source_channel"])
        return self._made["source_channel"]

    @property
    def actors(self):
        if "actors" not in self._made:
            self._made["actors"] = {name: user_of(user) for name, user in self._data.get("actors") or ()}
        return self._made["actors"]

    @property
    def contexts(self):
        return dict(self._data.get("contexts") or {})


def field_value(value):
    """Plain data, with ``{"$user": …}`` and ``{"$target": …}`` turned into objects."""
    if isinstance(value, dict):
        if "$user" in value:
            return SDKFieldUser(value["$user"])
        if "$target" in value:
            return SDKTarget(value["$target"])
        return {key: field_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [field_value(item) for item in value]
    return value


class SDKTarget(_ReadOnly, AccessTarget):
    def __init__(self, data):
        self._fill(
            _name=data["name"],
            _label=data.get("label"),
            _type=data.get("type"),
            _settings=dict(data.get("settings") or {}),
            _id=data.get("id"),
        )

    def _make_srn(self):
        return _srn("access_target", self._name, "latest", self._id, _slug(self._type or "target"))

    id = property(lambda self: self._id)


def strategy_of(data):
    """The strategy of a flow; one without an integration has one without settings."""
    kind = data["type"]
    return Strategy(
        id=data["id"],
        type=kind,
        name=data["name"],
        label=data.get("label"),
        integration=SDKIntegration(data["name"], data.get("integration") or {"type": kind}),
        targets=[SDKTarget(one) for one in data.get("targets") or ()],
        settings=data.get("settings") or {},
        srn=_srn("access_strategy", data["name"], "latest", type=_slug(kind)),
    )


class SDKPayload(_ReadOnly, Payload):
    def __init__(self, data, user):
        self._fill(_data=data, _user=user, _made={})

    def _make_srn(self):
        return SRN("sym", "event-spec", None, "approval", "1.0.0", _slug(self._data["name"]))

    @property
    def fields(self):
        if "fields" not in self._made:
            self._made["fields"] = {name: field_value(value) for name, value in (self._data.get("fields") or {}).items()}
        return self._made["fields"]

    @property
    def timestamp(self):
        return datetime.datetime.fromisoformat(self._data["timestamp"])

    user = property(lambda self: self._user)


class SDKEvent(_ReadOnly, Event):
    def __init__(self, data):
        user = SDKUser(data["user"])
        payload = SDKPayload(data, user)
        self._fill(_data=data, _user=user, _payload=payload, _made={})

    def _make_srn(self):
        return self._payload.srn

    name = property(lambda self: self._data["name"])
    payload = property(lambda self: self._payload)
    user = property(lambda self: self._user)
    fields = property(lambda self: self._payload.fields)
    actors = property(lambda self: self.run.actors)

    @property
    def flow(self):
        if "flow" not in self._made:
            self._made["flow"] = SDKFlow(self._data["flow"])
        return self._made["flow"]

    @property
    def run(self):
        if "run" not in self._made:
            self._made["run"] = SDKRun(self._data["run"])
        return self._made["run"]

    @property
    def channel(self):
        if "channel" not in self._made:
            self._made["channel"] = SDKChannel(self._data["event_channel"])
        return self._made["channel"]

    @property
    def template(self):
        return ApprovalTemplate(SRN("sym", "template", None, "approval", "1.0.0"))

    @property
    def meta(self):
        return SDKEventMeta()

    def get_actor(self, event_name):
        return self.run.actors.get(getattr(event_name, "value", event_name))

    def get_context(self, event_name):
        return self.run.contexts.get(getattr(event_name, "value", event_name))
