"""Who a user is in a service, where nothing is stored yet: the module's own reducers are asked, in the call that needs it.

`get_identity` names the user's id in the service; where it has none, `get_identity_lookup` may name another e-mail address, by which
Slack is asked. Other services cannot be asked: there is no connection to them. What was found is kept by the host for the next time.
"""

from sym.sdk.exceptions.identity import IdentityError

from . import arguments, current, hostcall

SLACK = "slack"


def find(user, service_type, external_id=None):
    """(id of the service's account, the user's id there), or None. Stored identities are not looked at here."""
    event = current.event
    reducers = [_reducer("get_identity"), _reducer("get_identity_lookup")]
    if event is None or current.asking or reducers == [None, None]:
        return None
    if external_id is None:
        external_id = _external_id(event, service_type)
    key = (user.username, service_type, external_id)
    if key not in current.identities:
        current.asking = True
        try:
            current.identities[key] = _ask(event, user, service_type, external_id)
        finally:
            current.asking = False
    found = current.identities[key]
    return None if found is None else (external_id, found)


def _ask(event, user, service_type, external_id):
    data = {"service_type": service_type, "external_id": external_id}
    found = _answer("get_identity", event, user, data)
    if found is None and service_type == SLACK:
        email = _answer("get_identity_lookup", event, user, data)
        if email is not None:
            known = hostcall.call("users.by_email", email=email, create=False)
            found = known.get("slack_id") if known else None
    if found is not None and user.email:
        hostcall.call("identities.persist", email=user.email, service=service_type, service_id=external_id, user_id=found)
    return found


def _reducer(name):
    kind, function, _ = current.handlers.get(name) or (None, None, None)
    return function if kind == "reducer" else None


def _answer(name, event, user, data):
    """What the reducer says: text, or None."""
    function = _reducer(name)
    if function is None:
        return None
    value = function(*arguments.of_identity(name, function, event, user, data))
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise IdentityError("WRONG_RESULT", f"{name} returned {type(value).__name__} {value!r:.100}, expected text or None")
    return str(value).strip()


def _external_id(event, service_type):
    """The account of that type that the flow's environment names."""
    for one in event.flow.environment.integrations.values():
        if one.type == service_type and one.external_id:
            return one.external_id
    if service_type == SLACK:
        for one in event.user.identities.get(SLACK, ()):
            return one.service_id
    return ""
