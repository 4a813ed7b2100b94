//! People: who they are, and what their role is.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What somebody may do in general; what they may do to one request is decided in [`super::permission`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Admin,
    Member,
    Guest,
}

impl Role {
    /// The word used in configuration, in `sym.sdk.user.UserRole` and on pages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Guest => "guest",
        }
    }
}

/// A person as known at one moment, with the role they had then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Stable id, see [`person_id`]; this is `User.id` in impl.py.
    pub id: Uuid,
    pub slack_id: Option<String>,
    pub email: Option<String>,
    /// Name to show to people.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    pub role: Role,
    /// False when Slack says the account is deactivated, or when the person could not be found.
    pub active: bool,
}

impl Person {
    /// The part that is kept with a run: roles are looked up anew at every decision.
    #[must_use]
    pub fn to_ref(&self) -> PersonRef {
        PersonRef {
            id: self.id,
            slack_id: self.slack_id.clone(),
            email: self.email.clone(),
            name: self.name.clone(),
        }
    }
}

/// A person as recorded in a run, without role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRef {
    pub id: Uuid,
    pub slack_id: Option<String>,
    pub email: Option<String>,
    pub name: String,
}

impl PersonRef {
    /// Who decides when the flow's own code does.
    #[must_use]
    pub fn automation() -> Self {
        Self {
            id: AUTOMATION,
            slack_id: None,
            email: None,
            name: "Symbot".to_owned(),
        }
    }

    /// Whether this is [`PersonRef::automation`].
    #[must_use]
    pub fn is_automation(&self) -> bool {
        self.id == AUTOMATION
    }

    /// `<@U…>` in Slack, else the name.
    #[must_use]
    pub fn mention(&self) -> String {
        match &self.slack_id {
            Some(id) => format!("<@{id}>"),
            None => self.name.clone(),
        }
    }
}

/// Namespace of the ids below (a random UUID made once for this project).
const PERSON_NAMESPACE: Uuid = Uuid::from_u128(0x6a1c_7be2_90f4_4d38_8b57_2f0e_51c9_d4a3);

/// The id of the flow's own code where it acts; no Slack user can have it.
const AUTOMATION: Uuid = Uuid::from_u128(0x6a1c_7be2_90f4_4d38_8b57_0000_0000_0001);

/// The stable id of a Slack user: the same in every installation that reads the same workspace.
#[must_use]
pub fn person_id(team_id: &str, slack_id: &str) -> Uuid {
    Uuid::new_v5(
        &PERSON_NAMESPACE,
        format!("{team_id}/{slack_id}").as_bytes(),
    )
}
