//! Reads parts of a payload by their path, taking a missing, `null` or oddly typed one for absent.

use serde_json::{Map, Value};

use super::{Actor, ChannelRef, PressedMessage, Unintelligible, ViewInfo};

#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a Value);

impl<'a> Reader<'a> {
    pub(super) fn new(payload: &'a Value) -> Self {
        Self(payload)
    }

    /// The part at a JSON pointer, unless it is `null`.
    pub(super) fn at(self, path: &str) -> Option<Self> {
        self.0
            .pointer(path)
            .filter(|value| !value.is_null())
            .map(Self)
    }

    pub(super) fn text(self, path: &str) -> Option<&'a str> {
        self.0
            .pointer(path)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }

    pub(super) fn owned(self, path: &str) -> Option<String> {
        self.text(path).map(str::to_owned)
    }

    pub(super) fn required(self, path: &str) -> Result<String, String> {
        self.owned(path)
            .ok_or_else(|| format!("it lacks {}", path.trim_start_matches('/')))
    }

    pub(super) fn flag(self, path: &str) -> bool {
        self.0.pointer(path).and_then(Value::as_bool) == Some(true)
    }

    /// The object at a path, else an empty one.
    pub(super) fn object(self, path: &str) -> Value {
        match self.0.pointer(path) {
            Some(value @ Value::Object(_)) => value.clone(),
            _ => Value::Object(Map::new()),
        }
    }

    fn list(self, path: &str) -> Value {
        match self.0.pointer(path) {
            Some(value @ Value::Array(_)) => value.clone(),
            _ => Value::Array(Vec::new()),
        }
    }

    fn user_id(self) -> Option<&'a str> {
        ["/user/id", "/user_id", "/user", "/event/user"]
            .into_iter()
            .find_map(|path| self.text(path))
    }

    pub(super) fn actor(self) -> Result<Actor, String> {
        let id = self.user_id().ok_or("it does not say who did it")?;
        Ok(Actor {
            id: id.to_owned(),
            name: self
                .owned("/user/username")
                .or_else(|| self.owned("/user/name"))
                .or_else(|| self.owned("/user_name")),
            team_id: self.owned("/user/team_id"),
            context_team_id: self.owned("/team/id").or_else(|| self.owned("/team_id")),
            enterprise_id: self
                .owned("/user/enterprise_id")
                .or_else(|| self.owned("/enterprise/id"))
                .or_else(|| self.owned("/enterprise_id")),
        })
    }

    pub(super) fn channel(self) -> Option<ChannelRef> {
        let id = ["/channel/id", "/channel_id", "/container/channel_id"]
            .into_iter()
            .find_map(|path| self.owned(path))?;
        Some(ChannelRef {
            id,
            name: self
                .owned("/channel/name")
                .or_else(|| self.owned("/channel_name")),
        })
    }

    pub(super) fn message(self) -> Option<PressedMessage> {
        let ts = self
            .owned("/container/message_ts")
            .or_else(|| self.owned("/message/ts"))?;
        Some(PressedMessage {
            ts,
            thread_ts: self
                .owned("/message/thread_ts")
                .or_else(|| self.owned("/container/thread_ts")),
            ephemeral: self.flag("/container/is_ephemeral"),
            metadata: self.at("/message/metadata").map(|part| part.0.clone()),
            blocks: self.list("/message/blocks"),
        })
    }

    pub(super) fn view(self) -> Option<ViewInfo> {
        Some(ViewInfo {
            id: self
                .owned("/view/id")
                .or_else(|| self.owned("/container/view_id"))?,
            hash: self.owned("/view/hash"),
            callback_id: self.owned("/view/callback_id").unwrap_or_default(),
            private_metadata: self.owned("/view/private_metadata").unwrap_or_default(),
            kind: self
                .owned("/view/type")
                .unwrap_or_else(|| "modal".to_owned()),
            state_values: self.object("/view/state/values"),
            blocks: self.list("/view/blocks"),
        })
    }

    /// What an element's action carries, whatever kind of element it is.
    pub(super) fn values(self) -> Vec<String> {
        const ONE: [&str; 9] = [
            "/value",
            "/selected_option/value",
            "/selected_user",
            "/selected_conversation",
            "/selected_channel",
            "/selected_date",
            "/selected_time",
            "/selected_date_time",
            "/selected_file",
        ];
        const SEVERAL: [&str; 4] = [
            "/selected_options",
            "/selected_users",
            "/selected_conversations",
            "/selected_channels",
        ];
        let as_text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Object(option) => option
                .get("value")
                .and_then(Value::as_str)
                .map(str::to_owned),
            _ => None,
        };
        if let Some(value) = ONE
            .into_iter()
            .find_map(|path| self.0.pointer(path).and_then(as_text))
        {
            return vec![value];
        }
        SEVERAL
            .into_iter()
            .find_map(|path| self.0.pointer(path).and_then(Value::as_array))
            .map(|list| list.iter().filter_map(as_text).collect())
            .unwrap_or_default()
    }

    pub(super) fn unintelligible(self, what: &str, why: String) -> Unintelligible {
        let is_submission = what == "view_submission";
        let first_input = self
            .0
            .pointer("/view/blocks")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter(|block| block["type"] == "input")
            .find_map(|block| block["block_id"].as_str())
            .filter(|_| is_submission)
            .map(str::to_owned);
        Unintelligible {
            what: what.to_owned(),
            why,
            user: self.user_id().map(str::to_owned),
            channel: self.channel().map(|channel| channel.id),
            response_url: self.owned("/response_url"),
            is_submission,
            first_input,
        }
    }
}
