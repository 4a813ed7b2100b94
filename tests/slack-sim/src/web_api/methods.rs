//! The methods of the Web API that exist here: which token and scope each needs, whether it reads JSON bodies, and its
//! arguments.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    None,
    Any,
    Bot,
    App,
}

#[derive(Debug)]
pub(crate) struct MethodSpec {
    name: &'static str,
    pub(crate) token: Token,
    /// Needed by every call; what depends on the arguments is checked by the method.
    pub(crate) scope: Option<&'static str>,
    pub(crate) reads_json: bool,
    arguments: &'static [&'static str],
}

impl MethodSpec {
    pub(crate) fn knows(&self, argument: &str) -> bool {
        // Slack's own clients send `team_id` with every call; it matters to organisation-wide tokens only.
        self.arguments == ["*"] || argument == "team_id" || self.arguments.contains(&argument)
    }
}

pub(crate) fn find(name: &str) -> Option<&'static MethodSpec> {
    METHODS.iter().find(|m| m.name == name)
}

const fn method(
    name: &'static str,
    token: Token,
    scope: Option<&'static str>,
    reads_json: bool,
    arguments: &'static [&'static str],
) -> MethodSpec {
    MethodSpec {
        name,
        token,
        scope,
        reads_json,
        arguments,
    }
}

static METHODS: &[MethodSpec] = &[
    method("api.test", Token::None, None, true, &["*"]),
    method("auth.test", Token::Any, None, true, &[]),
    method(
        "apps.connections.open",
        Token::App,
        None,
        true,
        &["debug_reconnects"],
    ),
    method(
        "team.info",
        Token::Bot,
        Some("team:read"),
        false,
        &["team", "domain"],
    ),
    method("bots.info", Token::Bot, Some("users:read"), false, &["bot"]),
    method(
        "users.info",
        Token::Bot,
        Some("users:read"),
        false,
        &["user", "include_locale"],
    ),
    method(
        "users.list",
        Token::Bot,
        Some("users:read"),
        false,
        &["cursor", "limit", "include_locale"],
    ),
    method(
        "users.lookupByEmail",
        Token::Bot,
        Some("users:read.email"),
        false,
        &["email"],
    ),
    method(
        "users.conversations",
        Token::Bot,
        None,
        false,
        &["cursor", "limit", "exclude_archived", "types", "user"],
    ),
    method(
        "usergroups.list",
        Token::Bot,
        Some("usergroups:read"),
        false,
        &["include_count", "include_disabled", "include_users"],
    ),
    method(
        "usergroups.users.list",
        Token::Bot,
        Some("usergroups:read"),
        false,
        &["usergroup", "include_disabled"],
    ),
    method(
        "conversations.list",
        Token::Bot,
        None,
        false,
        &["cursor", "limit", "exclude_archived", "types"],
    ),
    method(
        "conversations.info",
        Token::Bot,
        None,
        false,
        &["channel", "include_locale", "include_num_members"],
    ),
    method(
        "conversations.members",
        Token::Bot,
        None,
        false,
        &["channel", "cursor", "limit"],
    ),
    method(
        "conversations.open",
        Token::Bot,
        None,
        true,
        &["channel", "users", "return_im", "prevent_creation"],
    ),
    method(
        "conversations.join",
        Token::Bot,
        Some("channels:join"),
        true,
        &["channel"],
    ),
    method(
        "chat.postMessage",
        Token::Bot,
        Some("chat:write"),
        true,
        &[
            "channel",
            "text",
            "blocks",
            "attachments",
            "thread_ts",
            "reply_broadcast",
            "metadata",
            "mrkdwn",
            "parse",
            "link_names",
            "unfurl_links",
            "unfurl_media",
            "username",
            "icon_emoji",
            "icon_url",
            "as_user",
            "markdown_text",
        ],
    ),
    method(
        "chat.postEphemeral",
        Token::Bot,
        Some("chat:write"),
        true,
        &[
            "channel",
            "user",
            "text",
            "blocks",
            "attachments",
            "thread_ts",
            "parse",
            "link_names",
            "username",
            "icon_emoji",
            "icon_url",
            "as_user",
            "markdown_text",
        ],
    ),
    method(
        "chat.update",
        Token::Bot,
        Some("chat:write"),
        true,
        &[
            "channel",
            "ts",
            "text",
            "blocks",
            "attachments",
            "metadata",
            "parse",
            "link_names",
            "reply_broadcast",
            "as_user",
            "file_ids",
            "markdown_text",
        ],
    ),
    method(
        "chat.delete",
        Token::Bot,
        Some("chat:write"),
        true,
        &["channel", "ts", "as_user"],
    ),
    method(
        "chat.getPermalink",
        Token::Bot,
        None,
        false,
        &["channel", "message_ts"],
    ),
    method(
        "views.open",
        Token::Bot,
        None,
        true,
        &["trigger_id", "interactivity_pointer", "view"],
    ),
    method(
        "views.push",
        Token::Bot,
        None,
        true,
        &["trigger_id", "interactivity_pointer", "view"],
    ),
    method(
        "views.update",
        Token::Bot,
        None,
        true,
        &["view_id", "external_id", "hash", "view"],
    ),
    method(
        "views.publish",
        Token::Bot,
        None,
        true,
        &["user_id", "hash", "view"],
    ),
];
