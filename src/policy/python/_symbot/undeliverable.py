"""The destination that ``slack.channel(None)`` stands for: it validates, and is never delivered."""

from sym.sdk.request_destination import SlackRequestDestination


class Undeliverable(SlackRequestDestination):
    reason: str

    def __str__(self):
        return "no channel"
