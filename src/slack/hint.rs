//! What to do when Slack refuses something: a line for administrators beside Slack's word, where there is something that they can do.

/// Slack's words of `chat.postMessage`, `chat.update`, `chat.postEphemeral`, `conversations.open` and the calls that open forms and look people and
/// channels up, without those about the token (they stop the bot, which says what to do itself).
const HINTS: &[(&str, &str)] = &[
    (
        "channel_not_found",
        "check how the channel is written, and whether it is archived; one that is private the bot sees only once it was invited there: /invite @Symbot",
    ),
    (
        "not_in_channel",
        "invite the bot to the channel: type /invite @Symbot there",
    ),
    (
        "is_archived",
        "the channel is archived: restore it, or let the flow name another one",
    ),
    (
        "missing_scope",
        "the Slack app lacks a scope that manifest.yaml has: update the app's manifest, and install the app again",
    ),
    (
        "no_permission",
        "the Slack app may not do this: compare its manifest with manifest.yaml, and install the app again",
    ),
    (
        "restricted_action",
        "a setting of the workspace keeps the app from doing this: an administrator of Slack can allow it",
    ),
    (
        "restricted_action_read_only_channel",
        "few may post in this channel: let the app do so in the channel's posting permissions, or let the flow name another one",
    ),
    (
        "restricted_action_thread_only_channel",
        "this channel takes threads only: let the flow name another one",
    ),
    (
        "ekm_access_denied",
        "administrators of Slack have suspended posting there",
    ),
    (
        "messages_tab_disabled",
        "turn on the Messages tab of the Slack app (App Home), as manifest.yaml has it",
    ),
    (
        "cannot_dm_bot",
        "the recipient is an app: let the flow name a person or a channel",
    ),
    (
        "user_not_found",
        "nobody in this workspace has that id: check what the flow or the form names",
    ),
    (
        "users_not_found",
        "nobody in this workspace has that address: check what the flow names; the person may use another address in Slack",
    ),
    (
        "user_not_visible",
        "the app may not see this person: people of other organisations can be asked in a shared channel only",
    ),
    (
        "user_disabled",
        "the account is deactivated in Slack: let the flow name somebody else",
    ),
    (
        "invalid_users",
        "one of these people cannot be in a conversation with the app: guests and people of other organisations often cannot",
    ),
    (
        "too_many_users",
        "a group has at most seven people: let the flow name fewer, or a channel",
    ),
    (
        "not_enough_users",
        "a group needs people besides the bot: let the flow name some",
    ),
    (
        "method_not_supported_for_channel_type",
        "this kind of conversation does not take it: let the flow name a channel or a person",
    ),
    (
        "access_denied",
        "an administrator of Slack has to allow the app in this workspace",
    ),
    (
        "team_access_not_granted",
        "this belongs to a workspace without the app: install the app there as well, or let the flow name another place",
    ),
    (
        "message_not_found",
        "somebody deleted the message; requests can be decided in the web app",
    ),
    (
        "cant_update_message",
        "the message belongs to another app: was the Slack app made anew? Requests can be decided in the web app",
    ),
    (
        "edit_window_closed",
        "a setting of the workspace limits how long messages can be edited: an administrator of Slack can lift it",
    ),
    (
        "trigger_expired",
        "the form came later than three seconds after the person asked: if this happens often, see docs/performance.md",
    ),
    (
        "expired_trigger_id",
        "the form came later than three seconds after the person asked: if this happens often, see docs/performance.md",
    ),
    ("invalid_blocks", DEFECT),
    ("invalid_blocks_format", DEFECT),
    ("invalid_arguments", DEFECT),
    ("msg_blocks_too_long", DEFECT),
    ("msg_too_long", DEFECT),
    ("no_text", DEFECT),
];

const DEFECT: &str = "this is a defect of symbot: please report it with this line";

/// What can be done about Slack's word.
#[must_use]
pub fn hint(code: &str) -> Option<&'static str> {
    let found = HINTS.iter().find(|(known, _)| *known == code);
    found.map(|(_, hint)| *hint)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_word_of_slack_is_there_once_with_a_short_hint() {
        for (place, (code, hint)) in HINTS.iter().enumerate() {
            assert!(
                HINTS[..place].iter().all(|(other, _)| other != code),
                "{code}"
            );
            let word = |letter: char| letter.is_ascii_lowercase() || letter == '_';
            assert!(!code.is_empty() && code.chars().all(word), "{code}");
            assert!((20..=160).contains(&hint.chars().count()), "{code}: {hint}");
            assert!(
                !hint.ends_with('.') && !hint.contains('\n'),
                "{code}: {hint}"
            );
        }
    }

    #[test]
    fn what_people_have_to_do_is_said() {
        for (code, part) in [
            ("channel_not_found", "/invite"),
            ("channel_not_found", "archived"),
            ("not_in_channel", "/invite"),
            ("is_archived", "archived"),
            ("missing_scope", "install the app again"),
            ("restricted_action", "workspace"),
            ("users_not_found", "address"),
        ] {
            assert!(hint(code).unwrap().contains(part), "{code}");
        }
        assert_eq!(hint("something_new"), None);
        assert_eq!(hint(""), None);
    }
}
