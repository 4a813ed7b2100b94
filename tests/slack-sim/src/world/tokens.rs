//! Trigger ids and response URLs: made for each interaction, limited in uses and time as Slack limits them.

use std::time::Duration;

use super::{ResponseUrl, Trigger, World};
use crate::clock::Clock;
use crate::ids;

/// Slack: "exchange it within three seconds".
const TRIGGER_LIFETIME: Duration = Duration::from_secs(3);
/// Slack: up to 5 times within 30 minutes.
const RESPONSE_URL_USES: u32 = 5;
const RESPONSE_URL_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// How many of either are remembered, so that a long load run does not grow without end.
const KEPT: usize = 20_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TriggerRefusal {
    Unknown,
    Expired,
    Used,
}

impl TriggerRefusal {
    pub(crate) fn code(self) -> &'static str {
        match self {
            TriggerRefusal::Unknown => "invalid_trigger_id",
            TriggerRefusal::Expired => "expired_trigger_id",
            TriggerRefusal::Used => "exchanged_trigger_id",
        }
    }
}

impl World {
    pub(crate) fn new_trigger(
        &mut self,
        user: &str,
        channel: Option<&str>,
        clock: &Clock,
    ) -> String {
        let id = ids::trigger();
        let trigger = Trigger {
            user: user.to_owned(),
            channel: channel.map(str::to_owned),
            made: clock.instant(),
            used: false,
        };
        self.triggers.insert(id.clone(), trigger);
        self.trigger_order.push_back(id.clone());
        if self.trigger_order.len() > KEPT
            && let Some(old) = self.trigger_order.pop_front()
        {
            self.triggers.remove(&old);
        }
        id
    }

    /// Spends a trigger; answers whose it was and where they were.
    pub(crate) fn exchange_trigger(
        &mut self,
        id: &str,
        clock: &Clock,
    ) -> Result<(String, Option<String>), TriggerRefusal> {
        let trigger = self.triggers.get_mut(id).ok_or(TriggerRefusal::Unknown)?;
        if trigger.used {
            return Err(TriggerRefusal::Used);
        }
        if clock.instant() - trigger.made > TRIGGER_LIFETIME {
            return Err(TriggerRefusal::Expired);
        }
        trigger.used = true;
        Ok((trigger.user.clone(), trigger.channel.clone()))
    }

    /// Makes a response URL's id.
    pub(crate) fn new_response_url(
        &mut self,
        channel: &str,
        user: &str,
        message_ts: Option<&str>,
        clock: &Clock,
    ) -> String {
        let id = ids::random("", 24);
        let url = ResponseUrl {
            channel: channel.to_owned(),
            user: user.to_owned(),
            message_ts: message_ts.map(str::to_owned),
            made: clock.instant(),
            uses: 0,
        };
        self.response_urls.insert(id.clone(), url);
        self.response_url_order.push_back(id.clone());
        if self.response_url_order.len() > KEPT
            && let Some(old) = self.response_url_order.pop_front()
        {
            self.response_urls.remove(&old);
        }
        id
    }

    /// Counts a use; the error is Slack's code.
    pub(crate) fn use_response_url(
        &mut self,
        id: &str,
        clock: &Clock,
    ) -> Result<ResponseUrl, &'static str> {
        let url = self.response_urls.get_mut(id).ok_or("expired_url")?;
        if clock.instant() - url.made > RESPONSE_URL_LIFETIME {
            return Err("expired_url");
        }
        if url.uses >= RESPONSE_URL_USES {
            return Err("used_url");
        }
        url.uses += 1;
        Ok(url.clone())
    }
}
