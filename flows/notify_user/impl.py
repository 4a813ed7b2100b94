from sym.sdk.annotations import reducer
from sym.sdk.integrations import slack
from sym.sdk.integrations.sym import get_or_create_user_by_email
from sym.sdk.notifications import Notification
from sym.sdk.request_permission import PermissionLevel, RequestPermission


@reducer
def get_permissions(event):
    return RequestPermission(
        webapp_view=PermissionLevel.MEMBER,
        approve_deny=PermissionLevel.MEMBER,
        allow_self_approval=False,
    )


@reducer
def get_request_notifications(event):
    destinations = []
    if source_channel_identifier := event.run.source_channel.identifier:
        # If the request came from Slack, try to send it to the channel it came from.
        # (Only requests from Slack have a `source_channel.identifier` set)
        destinations.append(slack.channel(source_channel_identifier))

    # Send to the person picked in the prompt form
    if approver := event.payload.fields.get("approver"):
        destinations.append(approver)

    # Send to the requester based on a field in the prompt form
    if event.payload.fields["notify_requester"]:
        destinations.append(event.user)

    notifications = []
    if destinations:
        # A notification needs at least one destination: from the shortcut, with nobody picked, there is none.
        notifications.append(Notification(destinations=destinations, timeout=15))

    # Nobody in Slack has the second address.
    people = [get_or_create_user_by_email(email) for email in ("bob@acme.example", "test@acme.example")]

    # If the first notification is not actioned in 15s or all messages fail to send it will forward to a slack channel
    # and then to a list of users, and then expire after another 15s.
    return notifications + [
        Notification(destinations=[slack.channel("#test-paginate-10")], timeout=15),
        Notification(destinations=people, timeout=15),
    ]
