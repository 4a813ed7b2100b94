//! What a workspace starts with: people, channels, user groups and the one app. [`Setup::company`] is the workspace that
//! tests and the demonstration share; builders add to it. Read once, by [`crate::SlackSim::start`].

use std::time::Duration;

/// A person before the workspace exists.
#[derive(Debug, Clone)]
pub struct PersonSetup {
    /// The handle, also what tests call this person.
    pub name: String,
    pub real_name: String,
    pub display_name: String,
    pub title: String,
    pub email: Option<String>,
    pub is_admin: bool,
    pub is_owner: bool,
    /// Multi-channel guest.
    pub is_restricted: bool,
    /// Single-channel guest.
    pub is_ultra_restricted: bool,
    pub is_bot: bool,
    pub deleted: bool,
    /// From another workspace, through Slack Connect.
    pub is_stranger: bool,
    pub tz: String,
    pub tz_offset: i64,
}

impl PersonSetup {
    /// A member `alice` with real name `Alice` and address `alice@acme.example`.
    pub fn member(name: &str) -> PersonSetup {
        let mut chars = name.chars();
        let real_name = chars
            .next()
            .map(|c| c.to_uppercase().chain(chars).collect())
            .unwrap_or_default();
        PersonSetup {
            name: name.to_owned(),
            real_name,
            display_name: name.to_owned(),
            title: String::new(),
            email: Some(format!("{name}@acme.example")),
            is_admin: false,
            is_owner: false,
            is_restricted: false,
            is_ultra_restricted: false,
            is_bot: false,
            deleted: false,
            is_stranger: false,
            tz: "Europe/Berlin".to_owned(),
            tz_offset: 3600,
        }
    }

    pub fn real_name(mut self, real_name: &str) -> Self {
        self.real_name = real_name.to_owned();
        self
    }

    pub fn title(mut self, title: &str) -> Self {
        self.title = title.to_owned();
        self
    }

    pub fn email(mut self, email: Option<&str>) -> Self {
        self.email = email.map(str::to_owned);
        self
    }

    /// Workspace owner, and so admin.
    pub fn owner(mut self) -> Self {
        self.is_owner = true;
        self.is_admin = true;
        self
    }

    pub fn admin(mut self) -> Self {
        self.is_admin = true;
        self
    }

    /// Multi-channel guest.
    pub fn guest(mut self) -> Self {
        self.is_restricted = true;
        self
    }

    /// Single-channel guest: may not use slash commands.
    pub fn single_channel_guest(mut self) -> Self {
        self.is_restricted = true;
        self.is_ultra_restricted = true;
        self
    }

    pub fn bot(mut self) -> Self {
        self.is_bot = true;
        self.email = None;
        self
    }

    pub fn deactivated(mut self) -> Self {
        self.deleted = true;
        self
    }

    pub fn stranger(mut self) -> Self {
        self.is_stranger = true;
        self
    }
}

#[derive(Debug, Clone)]
pub struct ChannelSetup {
    pub name: String,
    pub is_private: bool,
    pub is_archived: bool,
    /// `None`: everybody but guests and bots.
    pub members: Option<Vec<String>>,
    pub with_bot: bool,
    pub topic: String,
}

impl ChannelSetup {
    /// A public channel that everybody but guests is in and the app is not.
    pub fn public(name: &str) -> ChannelSetup {
        ChannelSetup {
            name: name.to_owned(),
            is_private: false,
            is_archived: false,
            members: None,
            with_bot: false,
            topic: String::new(),
        }
    }

    pub fn private(name: &str, members: &[&str]) -> ChannelSetup {
        ChannelSetup {
            is_private: true,
            ..ChannelSetup::public(name)
        }
        .members(members)
    }

    pub fn members(mut self, members: &[&str]) -> Self {
        self.members = Some(members.iter().map(|&m| m.to_owned()).collect());
        self
    }

    pub fn with_bot(mut self) -> Self {
        self.with_bot = true;
        self
    }

    pub fn archived(mut self) -> Self {
        self.is_archived = true;
        self
    }

    pub fn topic(mut self, topic: &str) -> Self {
        self.topic = topic.to_owned();
        self
    }
}

#[derive(Debug, Clone)]
pub struct CommandSetup {
    pub command: String,
    pub description: String,
    pub usage_hint: String,
}

#[derive(Debug, Clone)]
pub struct ShortcutSetup {
    pub callback_id: String,
    pub name: String,
    pub description: String,
}

#[derive(Debug, Clone)]
pub struct UserGroupSetup {
    pub handle: String,
    pub name: String,
    pub members: Vec<String>,
}

/// The app that will connect.
#[derive(Debug, Clone)]
pub struct AppSetup {
    /// Display name; the bot user's handle is its lower-case form.
    pub name: String,
    pub bot_token: String,
    pub app_token: String,
    pub commands: Vec<CommandSetup>,
    pub shortcuts: Vec<ShortcutSetup>,
    /// Bot events it subscribed to, such as `app_home_opened` and `message.im`.
    pub events: Vec<String>,
    pub scopes: Vec<String>,
    pub home_tab: bool,
}

/// Everything a workspace starts with.
#[derive(Debug, Clone)]
pub struct Setup {
    pub team_name: String,
    pub team_domain: String,
    pub app: AppSetup,
    pub people: Vec<PersonSetup>,
    pub channels: Vec<ChannelSetup>,
    pub user_groups: Vec<UserGroupSetup>,
    /// 0 takes a free port.
    pub port: u16,
    /// How long the driver waits for anything.
    pub deadline: Duration,
    /// Slack waits 3 s for an ack. Shorter only in tests of what happens then.
    pub ack_timeout: Duration,
    /// Slack's sockets live for hours, and minutes with `debug_reconnects=true`.
    pub connection_lifetime: Duration,
    pub ping_interval: Duration,
    /// Waits before the second, third and fourth delivery of an event that was not acked.
    pub event_retries: Vec<Duration>,
    /// Enforce Slack's published rates (off: a test should not depend on pacing unless it is about pacing).
    pub rate_limits: bool,
}

/// Scopes that a request-and-approval app needs.
const DEFAULT_SCOPES: [&str; 12] = [
    "commands",
    "chat:write",
    "chat:write.public",
    "im:write",
    "mpim:write",
    "users:read",
    "users:read.email",
    "channels:read",
    "groups:read",
    "im:read",
    "mpim:read",
    "usergroups:read",
];

impl Setup {
    /// A workspace with an app and nobody in it.
    pub fn empty() -> Setup {
        Setup {
            team_name: "Acme".to_owned(),
            team_domain: "acme".to_owned(),
            app: AppSetup {
                name: "Sym".to_owned(),
                bot_token: "xoxb-1000000000-2000000000-simulated".to_owned(),
                app_token: "xapp-1-A0SYM00000-3000000000-simulated".to_owned(),
                commands: vec![CommandSetup {
                    command: "/sym".to_owned(),
                    description: "Request access".to_owned(),
                    usage_hint: "[req <flow> | help]".to_owned(),
                }],
                shortcuts: vec![ShortcutSetup {
                    callback_id: "sym_request".to_owned(),
                    name: "Make a Sym request".to_owned(),
                    description: "Choose a flow and ask for it".to_owned(),
                }],
                events: vec!["app_home_opened".to_owned(), "user_change".to_owned()],
                scopes: DEFAULT_SCOPES.iter().map(|&s| s.to_owned()).collect(),
                home_tab: true,
            },
            people: Vec::new(),
            channels: Vec::new(),
            user_groups: Vec::new(),
            port: 0,
            deadline: Duration::from_secs(10),
            ack_timeout: Duration::from_secs(3),
            connection_lifetime: Duration::from_secs(18_060),
            ping_interval: Duration::from_secs(10),
            event_retries: vec![
                Duration::ZERO,
                Duration::from_secs(60),
                Duration::from_secs(300),
            ],
            rate_limits: false,
        }
    }

    /// The company of the tests and the demonstration.
    pub fn company() -> Setup {
        let staff = ["alice", "bob", "carol", "dave", "erin"];
        Setup::empty()
            .person(
                PersonSetup::member("alice")
                    .real_name("Alice Adams")
                    .title("Backend engineer"),
            )
            .person(
                PersonSetup::member("bob")
                    .real_name("Bob Brown")
                    .title("Site reliability engineer"),
            )
            .person(
                PersonSetup::member("carol")
                    .real_name("Carol Clark")
                    .title("Support engineer"),
            )
            .person(
                PersonSetup::member("dave")
                    .real_name("Dave Davis")
                    .title("Data engineer"),
            )
            .person(
                PersonSetup::member("erin")
                    .real_name("Erin Evans")
                    .title("Workspace owner")
                    .owner(),
            )
            .person(
                PersonSetup::member("gus")
                    .real_name("Gus Guest")
                    .title("Contractor")
                    .guest(),
            )
            .channel(
                ChannelSetup::public("general")
                    .members(&["alice", "bob", "carol", "dave", "erin", "gus"])
                    .topic("Company-wide announcements and chat"),
            )
            .channel(
                ChannelSetup::public("sym-requests")
                    .members(&staff)
                    .topic("Requests to decide"),
            )
            .channel(
                ChannelSetup::public("sym-emergencies")
                    .members(&staff)
                    .topic("Urgent requests"),
            )
            .channel(ChannelSetup::public("sym-access").members(&staff))
            .channel(ChannelSetup::public("sym-errors").members(&staff))
            .channel(ChannelSetup::public("test-paginate-10").members(&staff))
            .channel(ChannelSetup::private(
                "secret-plans",
                &["alice", "bob", "erin"],
            ))
            .channel(
                ChannelSetup::private("ops-private", &["alice", "bob", "carol", "erin"]).with_bot(),
            )
            .channel(ChannelSetup::public("old-stuff").members(&staff).archived())
            .user_group("oncall", "On call", &["bob", "carol"])
    }

    pub fn person(mut self, person: PersonSetup) -> Self {
        self.people.push(person);
        self
    }

    pub fn channel(mut self, channel: ChannelSetup) -> Self {
        self.channels.push(channel);
        self
    }

    pub fn user_group(mut self, handle: &str, name: &str, members: &[&str]) -> Self {
        self.user_groups.push(UserGroupSetup {
            handle: handle.to_owned(),
            name: name.to_owned(),
            members: members.iter().map(|&m| m.to_owned()).collect(),
        });
        self
    }

    pub fn command(mut self, command: &str, description: &str, usage_hint: &str) -> Self {
        self.app.commands.push(CommandSetup {
            command: command.to_owned(),
            description: description.to_owned(),
            usage_hint: usage_hint.to_owned(),
        });
        self
    }

    /// Replaces the default shortcut.
    pub fn shortcut(mut self, callback_id: &str, name: &str, description: &str) -> Self {
        self.app.shortcuts = vec![ShortcutSetup {
            callback_id: callback_id.to_owned(),
            name: name.to_owned(),
            description: description.to_owned(),
        }];
        self
    }

    /// Subscribes the app to a bot event, such as `message.im`.
    pub fn event(mut self, event: &str) -> Self {
        self.app.events.push(event.to_owned());
        self
    }

    pub fn without_scope(mut self, scope: &str) -> Self {
        self.app.scopes.retain(|s| s != scope);
        self
    }

    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    pub fn tokens(mut self, bot_token: &str, app_token: &str) -> Self {
        self.app.bot_token = bot_token.to_owned();
        self.app.app_token = app_token.to_owned();
        self
    }

    pub fn app_name(mut self, name: &str) -> Self {
        self.app.name = name.to_owned();
        self
    }

    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.ack_timeout = timeout;
        self
    }

    pub fn connection_lifetime(mut self, lifetime: Duration) -> Self {
        self.connection_lifetime = lifetime;
        self
    }

    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    pub fn event_retries(mut self, waits: &[Duration]) -> Self {
        self.event_retries = waits.to_vec();
        self
    }

    pub fn with_rate_limits(mut self) -> Self {
        self.rate_limits = true;
        self
    }
}
