//! Reads what a case expects.

use serde_json::Value;

use super::read::{EVENTS, FIRED};
use super::reader::Reader;
use super::suite::{
    At, AudienceExpected, ErrorExpected, Expectations, MessageExpected, NotificationExpected,
    Outcome, OutcomeExpected, PermissionsExpected,
};
use super::tree::{Key, Kind, Node, Place};
use crate::domain::permission::Level;
use crate::flows::similar;

impl Reader<'_> {
    /// `of_request`: the reducers are called for a request, and not for what happens to it later.
    pub(super) fn expectations(&mut self, node: &Node, of_request: bool) -> Expectations {
        let mut entries = self.entries(node, "expect");
        let mut expect = Expectations::default();
        if of_request {
            expect.permissions = entries
                .take("permissions")
                .map(|node| self.permissions(node));
            expect.notifications = entries.take("notifications").map(|node| At {
                place: node.place,
                value: self
                    .list(node, "notifications")
                    .iter()
                    .map(|item| self.notification(item))
                    .collect(),
            });
            expect.may_approve = entries
                .take("may_approve")
                .map(|node| self.people_at(node, "may_approve"));
            expect.may_deny = entries
                .take("may_deny")
                .map(|node| self.people_at(node, "may_deny"));
            expect.may_view = entries
                .take("may_view")
                .map(|node| self.people_at(node, "may_view"));
        }
        if let Some(hooks) = entries.take("hooks") {
            for (key, value) in self.entries(hooks, "hooks").left {
                self.hook_name(key);
                expect.hooks.push((
                    key.clone(),
                    OutcomeExpected {
                        place: value.place,
                        outcome: self.outcome(value, &key.text),
                    },
                ));
            }
        }
        expect.prints = entries
            .take("prints")
            .map(|node| self.text_at(node, "prints"));
        expect.messages = entries.take("messages").map(|node| At {
            place: node.place,
            value: self
                .list(node, "messages")
                .iter()
                .map(|item| At {
                    place: item.place,
                    value: self.message(item),
                })
                .collect(),
        });
        expect.error = entries.take("error").map(|node| At {
            place: node.place,
            value: self.error(node),
        });
        self.end(&entries);
        expect
    }

    fn hook_name(&mut self, key: &Key) {
        let known: Vec<String> = ["request"]
            .iter()
            .chain(&EVENTS)
            .flat_map(|event| [format!("on_{event}"), format!("after_{event}")])
            .collect();
        if !known.contains(&key.text) {
            let hint = similar(&key.text, known.iter().map(String::as_str))
                .map(|other| format!("did you mean '{other}'?"));
            self.wrong(key.place, format!("'{}' is not a hook", key.text), hint);
        }
    }

    fn permissions(&mut self, node: &Node) -> PermissionsExpected {
        let mut entries = self.entries(node, "permissions");
        let expected = PermissionsExpected {
            webapp_view: entries
                .take("webapp_view")
                .map(|node| self.audience(node, "webapp_view")),
            approve_deny: entries
                .take("approve_deny")
                .map(|node| self.audience(node, "approve_deny")),
            allow_self_approval: entries
                .take("allow_self_approval")
                .map(|node| self.bool_at(node, "allow_self_approval")),
        };
        self.end(&entries);
        expected
    }

    fn audience(&mut self, node: &Node, what: &str) -> At<AudienceExpected> {
        let value = match &node.kind {
            Kind::List(_) => AudienceExpected::People(self.people_at(node, what).value),
            _ => AudienceExpected::Level(
                match self.one_of(node, what, &["admin", "member", "all_users"]) {
                    "member" => Level::Member,
                    "all_users" => Level::AllUsers,
                    _ => Level::Admin,
                },
            ),
        };
        At {
            place: node.place,
            value,
        }
    }

    fn notification(&mut self, node: &Node) -> At<NotificationExpected> {
        let (to, timeout) = match &node.kind {
            Kind::Map(_) => {
                let mut entries = self.entries(node, "a notification");
                let to = match entries.take("to") {
                    Some(to) => self.destinations(to),
                    None => {
                        self.wrong(
                            node.place,
                            "the notification has no destinations",
                            Some("add 'to:'".to_owned()),
                        );
                        At {
                            place: node.place,
                            value: Vec::new(),
                        }
                    }
                };
                let timeout = entries.take("timeout").map_or(
                    At {
                        place: node.place,
                        value: None,
                    },
                    |timeout| At {
                        place: timeout.place,
                        value: match timeout.kind {
                            Kind::Int(seconds) => Some(seconds),
                            Kind::Null => None,
                            _ => {
                                self.wrong(
                                    timeout.place,
                                    format!(
                                        "timeout is {}, expected whole seconds",
                                        timeout.describe()
                                    ),
                                    None,
                                );
                                None
                            }
                        },
                    },
                );
                self.end(&entries);
                (to, timeout)
            }
            _ => (
                self.destinations(node),
                At {
                    place: node.place,
                    value: None,
                },
            ),
        };
        At {
            place: node.place,
            value: NotificationExpected { to, timeout },
        }
    }

    /// One destination, or a list of them; in the list, a list stands for a group.
    fn destinations(&mut self, node: &Node) -> At<Vec<At<Vec<String>>>> {
        let value = match &node.kind {
            Kind::List(items) => items.iter().map(|item| self.destination(item)).collect(),
            _ => vec![self.destination(node)],
        };
        At {
            place: node.place,
            value,
        }
    }

    fn destination(&mut self, node: &Node) -> At<Vec<String>> {
        let value = match &node.kind {
            Kind::List(members) => members
                .iter()
                .map(|member| self.text(member, "a destination"))
                .collect(),
            _ => vec![self.text(node, "a destination")],
        };
        At {
            place: node.place,
            value,
        }
    }

    fn outcome(&mut self, node: &Node, hook: &str) -> Outcome {
        let fields = |this: &mut Self, node: &Node| -> Vec<(String, Value)> {
            this.free(node, hook)
                .into_iter()
                .map(|(key, value)| (key.text, value.to_json()))
                .collect()
        };
        match &node.kind {
            Kind::Map(entries) => {
                let [(key, value)] = entries.as_slice() else {
                    self.wrong(node.place, format!("{hook} has one outcome"), None);
                    return Outcome::Proceed;
                };
                if key.text == "ignore" {
                    return Outcome::Ignore(match value.kind {
                        Kind::Null => None,
                        _ => Some(self.text(value, "ignore")),
                    });
                }
                if FIRED.contains(&key.text.as_str()) {
                    return Outcome::Fire(key.text.clone(), fields(self, value));
                }
                self.outcome_word(key.place, &key.text)
            }
            _ => {
                let word = self.text(node, hook);
                self.outcome_word(node.place, &word)
            }
        }
    }

    fn outcome_word(&mut self, place: Place, word: &str) -> Outcome {
        match word {
            "absent" => Outcome::Absent,
            "proceed" | "" => Outcome::Proceed,
            "ignore" => Outcome::Ignore(None),
            fired if FIRED.contains(&fired) => Outcome::Fire(fired.to_owned(), Vec::new()),
            other => {
                let known: Vec<&str> = ["proceed", "ignore", "absent"]
                    .into_iter()
                    .chain(FIRED)
                    .collect();
                let hint = match similar(other, known.iter().copied()) {
                    Some(near) => format!("did you mean '{near}'?"),
                    None => format!("there are: {}", known.join(", ")),
                };
                self.wrong(
                    place,
                    format!("'{other}' is not an outcome of a hook"),
                    Some(hint),
                );
                Outcome::Proceed
            }
        }
    }

    fn message(&mut self, node: &Node) -> MessageExpected {
        let mut entries = self.entries(node, "a message");
        let message = MessageExpected {
            to: entries.take("to").map(|to| self.destination(to)),
            text: entries.take("text").map(|text| self.text_at(text, "text")),
        };
        self.end(&entries);
        message
    }

    fn error(&mut self, node: &Node) -> ErrorExpected {
        if let Kind::Text(text) = &node.kind {
            return ErrorExpected {
                handler: None,
                says: Some(text.clone()),
            };
        }
        let mut entries = self.entries(node, "error");
        let error = ErrorExpected {
            handler: entries
                .take("handler")
                .map(|node| self.text(node, "handler")),
            says: entries.take("says").map(|node| self.text(node, "says")),
        };
        self.end(&entries);
        error
    }
}

impl Expectations {
    /// Whether nothing is expected.
    pub(super) fn is_empty(&self) -> bool {
        let Self {
            permissions,
            notifications,
            hooks,
            may_approve,
            may_deny,
            may_view,
            prints,
            messages,
            error,
        } = self;
        permissions.is_none()
            && notifications.is_none()
            && hooks.is_empty()
            && may_approve.is_none()
            && may_deny.is_none()
            && may_view.is_none()
            && prints.is_none()
            && messages.is_none()
            && error.is_none()
    }
}
