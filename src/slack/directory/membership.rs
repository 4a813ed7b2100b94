//! Who belongs where, and Slack's own words about people: look-ups that only code in flows asks for. Answers are used for
//! [`FRESH_FOR`]; an older one never stands in while Slack cannot be reached, because flows make permissions of them.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use super::{Directory, FRESH_FOR, all_pages, repeating};
use crate::domain::person::Person;
use crate::slack::api::ApiError;
use crate::slack::pacing::Repeat;

/// A conversation with more members than this is looked up with one list of everybody instead of one question for each.
const ASKED_ONE_BY_ONE: usize = 20;

impl Directory {
    /// Slack's `user` object.
    ///
    /// # Errors
    /// When Slack cannot be asked; `user_not_found` when there is no such person.
    pub async fn user_object(&self, slack_id: &str) -> Result<Arc<Value>, ApiError> {
        self.objects
            .get_recent(slack_id, FRESH_FOR, async {
                repeating(Repeat::READ, || self.api.users_info(slack_id))
                    .await
                    .map(Arc::new)
            })
            .await
    }

    /// Slack's `user` objects of everybody, bots and deactivated people included.
    ///
    /// # Errors
    /// When Slack cannot be asked.
    pub async fn user_objects(&self) -> Result<Arc<Vec<Value>>, ApiError> {
        self.all_objects
            .get_recent("", FRESH_FOR, async {
                all_pages(|cursor| async move {
                    repeating(Repeat::READ, || self.api.users_list(cursor.as_deref())).await
                })
                .await
                .map(Arc::new)
            })
            .await
    }

    /// The Slack ids of the people in a user group (`S…`).
    ///
    /// # Errors
    /// When Slack cannot be asked; `no_such_subteam` when there is no such group.
    pub async fn group_members(&self, group: &str) -> Result<Arc<HashSet<String>>, ApiError> {
        self.groups
            .get_recent(group, FRESH_FOR, async {
                let ids = repeating(Repeat::READ, || self.api.usergroups_users_list(group)).await?;
                Ok(Arc::new(ids.into_iter().collect()))
            })
            .await
    }

    /// The people in a conversation, in Slack's order, bots left out.
    ///
    /// # Errors
    /// When Slack cannot be asked; `channel_not_found` also for private conversations without the app.
    pub async fn people_in(&self, channel: &str) -> Result<Vec<Person>, ApiError> {
        let ids = self
            .members
            .get_recent(channel, FRESH_FOR, async {
                let pages = all_pages(|cursor| async move {
                    repeating(Repeat::READ, || {
                        self.api.conversations_members(channel, cursor.as_deref())
                    })
                    .await
                });
                let ids = pages.await?;
                let ids = ids.iter().filter_map(Value::as_str).map(str::to_owned);
                Ok(Arc::new(ids.collect::<Vec<_>>()))
            })
            .await?;
        if ids.len() > ASKED_ONE_BY_ONE {
            // Brings everybody along. People of other companies are not in that list, and are asked for below.
            self.list_everybody().await?;
        }
        let mut people = Vec::with_capacity(ids.len());
        for id in ids.iter() {
            people.extend(self.person_by_slack_id(id).await?);
        }
        Ok(people)
    }
}
