//! Who may see and decide a request. The one place where the permission table is written down.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::person::{Person, Role};

/// A permission level of `sym.sdk.request_permission.PermissionLevel`; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Admin,
    Member,
    AllUsers,
}

/// A level, or exactly the people listed (admins always in addition).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    Level(Level),
    People(Vec<Uuid>),
}

impl Audience {
    /// Whether the audience names this person: by role for levels, by id for lists. Admins are in every audience.
    #[must_use]
    pub fn includes(&self, person: &Person) -> bool {
        if person.role == Role::Admin {
            return true;
        }
        match self {
            Self::Level(Level::Admin) => false,
            Self::Level(Level::Member) => person.role == Role::Member,
            Self::Level(Level::AllUsers) => true,
            Self::People(ids) => ids.contains(&person.id),
        }
    }
}

/// What `get_permissions` returned for one request; fixed for its lifetime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permissions {
    pub webapp_view: Audience,
    pub approve_deny: Audience,
    pub allow_self_approval: bool,
}

impl Permissions {
    /// What holds when no rule is known: nobody but admins.
    #[must_use]
    pub fn admins_only() -> Self {
        Self {
            webapp_view: Audience::Level(Level::Admin),
            approve_deny: Audience::Level(Level::Admin),
            allow_self_approval: false,
        }
    }
}

/// The two decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Approve,
    Deny,
}

impl Verdict {
    /// "approve", "deny": also the name of the event.
    #[must_use]
    pub fn verb(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }
}

/// Why somebody may not decide; each has its own words for the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The requester wants to approve the own request and self-approval is off.
    OwnRequest,
    /// The requester may approve the own request, but the permissions do not include this person, who wants to deny it.
    OwnDenial,
    /// The permissions do not include this person.
    NotPermitted,
    /// A guest, in a flow that does not let guests act.
    Guest,
    /// The account is deactivated.
    Inactive,
}

/// The decision table (behaviour: levels nest, admins always, self-approval is its own flag, guests only where the flow
/// lets them act).
///
/// # Errors
/// The reason why `actor` may not do it.
pub fn may_decide(
    permissions: &Permissions,
    allow_guests: bool,
    requester: Uuid,
    actor: &Person,
    verdict: Verdict,
) -> Result<(), Refusal> {
    if !actor.active {
        return Err(Refusal::Inactive);
    }
    let own = actor.id == requester;
    if actor.role == Role::Guest {
        if own && verdict == Verdict::Approve && !permissions.allow_self_approval {
            return Err(Refusal::OwnRequest);
        }
        if !allow_guests {
            return Err(Refusal::Guest);
        }
        return if permissions.approve_deny.includes(actor) {
            Ok(())
        } else {
            Err(Refusal::NotPermitted)
        };
    }
    if own && verdict == Verdict::Approve {
        return if permissions.allow_self_approval {
            Ok(())
        } else {
            Err(Refusal::OwnRequest)
        };
    }
    if permissions.approve_deny.includes(actor) {
        Ok(())
    } else if own && permissions.allow_self_approval {
        Err(Refusal::OwnDenial)
    } else {
        Err(Refusal::NotPermitted)
    }
}

/// Whether the web app shows the request to this person: own ones always, admins all, else `webapp_view`.
#[must_use]
pub fn may_view(permissions: Option<&Permissions>, requester: Uuid, viewer: &Person) -> bool {
    viewer.active
        && (viewer.id == requester
            || viewer.role == Role::Admin
            || permissions.is_some_and(|permissions| permissions.webapp_view.includes(viewer)))
}
