//! A Slack user as the directory keeps it, and what that makes of them here: person or bot, and which role.

use serde_json::Value;

use crate::domain::person::{Person, Role, person_id};

/// The workspace that the app is installed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    pub team_id: String,
    pub enterprise_id: Option<String>,
}

/// The parts of a `user` object that matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Member {
    pub id: String,
    team_id: Option<String>,
    enterprise_id: Option<String>,
    pub handle: Option<String>,
    pub display_name: Option<String>,
    pub real_name: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    pub email: Option<String>,
    owner: bool,
    restricted: bool,
    stranger: bool,
    bot: bool,
    pub deleted: bool,
}

impl Member {
    /// `None` without an id.
    pub(super) fn read(user: &Value) -> Option<Self> {
        let text = |path: &str| {
            user.pointer(path)
                .and_then(Value::as_str)
                .map(str::trim)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let flag = |path: &str| user.pointer(path).and_then(Value::as_bool) == Some(true);
        let id = text("/id")?;
        Some(Self {
            team_id: text("/team_id"),
            enterprise_id: text("/enterprise_user/enterprise_id"),
            handle: text("/name"),
            display_name: text("/profile/display_name"),
            real_name: text("/profile/real_name").or_else(|| text("/real_name")),
            first_name: text("/profile/first_name"),
            last_name: text("/profile/last_name"),
            email: text("/profile/email"),
            owner: flag("/is_owner") || flag("/is_primary_owner"),
            restricted: flag("/is_restricted") || flag("/is_ultra_restricted"),
            stranger: flag("/is_stranger"),
            // Slackbot has no bot flag.
            bot: flag("/is_bot") || flag("/is_workflow_bot") || id == "USLACKBOT",
            deleted: flag("/deleted"),
            id,
        })
    }

    /// Bots are not people: they neither request nor decide.
    pub(super) fn is_person(&self) -> bool {
        !self.bot
    }

    /// Of another company (Slack Connect). Other workspaces of the same organisation are not foreign.
    fn is_foreign(&self, home: &Home) -> bool {
        let same_organisation = home.enterprise_id.is_some()
            && (self.enterprise_id == home.enterprise_id || self.team_id == home.enterprise_id);
        self.stranger
            || (!same_organisation
                && self
                    .team_id
                    .as_deref()
                    .is_some_and(|team| team != home.team_id))
    }

    fn role(&self, home: &Home, admins: &Admins) -> Role {
        // Before anything else: the e-mail address of somebody from another company is what that company says it is.
        if self.is_foreign(home) {
            return Role::Guest;
        }
        if admins.include(self) {
            return Role::Admin;
        }
        if self.restricted {
            return Role::Guest;
        }
        Role::Member
    }

    pub(super) fn person(&self, home: &Home, admins: &Admins) -> Person {
        let name = self
            .real_name
            .as_ref()
            .or(self.display_name.as_ref())
            .or(self.handle.as_ref())
            .unwrap_or(&self.id);
        Person {
            id: person_id(&home.team_id, &self.id),
            slack_id: Some(self.id.clone()),
            email: self.email.clone(),
            name: name.clone(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            role: self.role(home, admins),
            active: !self.deleted,
        }
    }
}

/// Who is an administrator: those listed, or the workspace's owners when nobody is.
#[derive(Debug, Clone, Default)]
pub struct Admins {
    listed: Vec<String>,
}

impl Admins {
    /// `listed` holds e-mail addresses and Slack user ids.
    #[must_use]
    pub fn new(listed: &[String]) -> Self {
        Self {
            listed: listed
                .iter()
                .map(|entry| entry.trim().to_owned())
                .filter(|entry| !entry.is_empty())
                .collect(),
        }
    }

    fn include(&self, member: &Member) -> bool {
        if self.listed.is_empty() {
            return member.owner && !member.restricted;
        }
        self.listed.iter().any(|entry| {
            *entry == member.id
                || member
                    .email
                    .as_ref()
                    .is_some_and(|email| email.eq_ignore_ascii_case(entry))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn home() -> Home {
        Home {
            team_id: "T1".to_owned(),
            enterprise_id: Some("E1".to_owned()),
        }
    }

    fn role(user: Value, admins: &[&str]) -> Role {
        let admins: Vec<String> = admins.iter().map(|entry| (*entry).to_owned()).collect();
        let member = Member::read(&user).unwrap();
        member.person(&home(), &Admins::new(&admins)).role
    }

    #[test]
    fn roles_follow_the_list_or_else_the_workspaces_owners() {
        let owner = json!({"id": "U1", "team_id": "T1", "is_owner": true, "profile": {"email": "Ann@x.org"}});
        let member = json!({"id": "U2", "team_id": "T1", "is_admin": true});
        assert_eq!(role(owner.clone(), &[]), Role::Admin);
        assert_eq!(role(member.clone(), &[]), Role::Member);
        assert_eq!(
            role(json!({"id": "U3", "is_primary_owner": true}), &[" "]),
            Role::Admin
        );
        assert_eq!(role(owner.clone(), &["U2"]), Role::Member);
        assert_eq!(role(member, &["U2"]), Role::Admin);
        assert_eq!(role(owner, &["ann@X.ORG"]), Role::Admin);
    }

    #[test]
    fn guests_and_people_of_other_companies_are_guests() {
        for user in [
            json!({"id": "U1", "team_id": "T1", "is_restricted": true}),
            json!({"id": "U1", "team_id": "T1", "is_ultra_restricted": true}),
            json!({"id": "U1", "is_stranger": true}),
            json!({"id": "U1", "team_id": "T2"}),
            json!({"id": "U1", "team_id": "T2", "is_owner": true, "enterprise_user": {"enterprise_id": "E2"}}),
        ] {
            assert_eq!(role(user.clone(), &[]), Role::Guest, "{user}");
        }
        let same_organisation =
            json!({"id": "W1", "team_id": "T2", "enterprise_user": {"enterprise_id": "E1"}});
        assert_eq!(role(same_organisation, &[]), Role::Member);
    }

    #[test]
    fn another_company_cannot_make_an_admin_by_giving_out_an_email_address() {
        let foreign = json!({"id": "U1", "team_id": "T2", "profile": {"email": "boss@x.org"}});
        assert_eq!(role(foreign, &["boss@x.org"]), Role::Guest);
    }

    #[test]
    fn bots_are_not_people() {
        for user in [
            json!({"id": "U1", "is_bot": true}),
            json!({"id": "USLACKBOT"}),
            json!({"id": "U1", "is_workflow_bot": true}),
        ] {
            assert!(!Member::read(&user).unwrap().is_person(), "{user}");
        }
        assert_eq!(Member::read(&json!({"name": "x"})), None);
    }

    #[test]
    fn a_person_has_the_best_name_there_is_and_may_be_deactivated() {
        let person = |user: Value| {
            let member = Member::read(&user).unwrap();
            member.person(&home(), &Admins::default())
        };
        let full = json!({"id": "U1", "name": "ann", "deleted": true, "profile": {"real_name": "Ann Lee", "display_name": "annie"}});
        assert_eq!(person(full.clone()).name, "Ann Lee");
        assert!(!person(full).active);
        assert_eq!(person(json!({"id": "U1", "name": "ann"})).name, "ann");
        assert_eq!(
            person(json!({"id": "U1", "profile": {"real_name": " "}})).name,
            "U1"
        );
    }
}
