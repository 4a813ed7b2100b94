"""A small request app on slack_bolt, run against the simulated workspace by tests/official_clients.rs.

Usage: bolt_app.py API_URL BOT_TOKEN APP_TOKEN
"""

import sys

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

api_url, bot_token, app_token = sys.argv[1:4]
app = App(client=WebClient(token=bot_token, base_url=api_url + "/"))


def plain(text):
    return {"type": "plain_text", "text": text}


def section(text):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def form(title, blocks):
    return {"type": "modal", "callback_id": "request", "title": plain(title), "submit": plain("Send"),
            "notify_on_close": True, "blocks": blocks}


FIELDS = [
    {"type": "input", "block_id": "why", "label": plain("Why"),
     "element": {"type": "plain_text_input", "action_id": "value"}},
    {"type": "input", "block_id": "target", "label": plain("Target"),
     "element": {"type": "external_select", "action_id": "target", "min_query_length": 0}},
]


@app.command("/sym")
def command(ack, body, client, respond):
    ack()
    if body["text"] == "help":
        respond("Type /sym to ask for access.")
        return
    opened = client.views_open(trigger_id=body["trigger_id"], view=form("Loading", [section("One moment")]))
    client.views_update(view_id=opened["view"]["id"], hash=opened["view"]["hash"], view=form("Request", FIELDS))


@app.options("target")
def targets(ack):
    ack(options=[{"text": plain("Production"), "value": "prod"}, {"text": plain("Staging"), "value": "stage"}])


@app.view("request")
def submitted(ack, body, view, client):
    values = view["state"]["values"]
    why = values["why"]["value"]["value"]
    if len(why) < 5:
        ack(response_action="errors", errors={"why": "Please say more."})
        return
    ack()
    target = values["target"]["target"]["selected_option"]["text"]["text"]
    user = body["user"]["id"]
    buttons = [{"type": "button", "action_id": name.lower(), "text": plain(name), "value": user}
               for name in ("Approve", "Deny")]
    client.chat_postMessage(channel="#sym-requests", text="A request", blocks=[
        section(f"<@{user}> asks for {target}: {why}"), {"type": "actions", "elements": buttons}])


@app.view_closed("request")
def closed(ack, body, client):
    ack()
    client.chat_postMessage(channel=body["user"]["id"], text="You closed the form")


@app.action("approve")
def approved(ack, body, client, respond):
    ack()
    by, requester = body["user"]["id"], body["actions"][0]["value"]
    client.chat_update(channel=body["channel"]["id"], ts=body["message"]["ts"], text="Approved",
                       blocks=[section(f"Approved by <@{by}>")])
    client.chat_postMessage(channel=requester, text="Your request was approved")
    client.chat_postMessage(channel=body["channel"]["id"], thread_ts=body["message"]["ts"], text="Noted in the thread")
    respond("You approved", response_type="ephemeral", replace_original=False)


@app.shortcut("sym_request")
def shortcut(ack, body, client):
    ack()
    people = []
    for page in client.users_list(limit=3):
        people += [p["name"] for p in page["members"]]
    channels = []
    for page in client.conversations_list(limit=3, types="public_channel,private_channel", exclude_archived=True):
        channels += [c["name"] for c in page["channels"]]
    bob = client.users_lookupByEmail(email="bob@acme.example")["user"]["id"]
    group = client.conversations_open(users=[body["user"]["id"], bob])["channel"]["id"]
    try:
        client.chat_postMessage(channel="#nowhere", text="x")
        refused = "nothing"
    except SlackApiError as error:
        refused = error.response["error"]
    client.chat_postMessage(channel=group, text=f"{len(people)} people, {len(channels)} channels, {refused}")


@app.event("app_home_opened")
def home(event, client):
    client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [section(f"Hello <@{event['user']}>")]})


SocketModeHandler(app, app_token).start()
