//! The people: one requester and one approver for each of the people at a time, who go through requests until enough are
//! done. Times are those at which the workspace was told, so that a driver that is late itself does not falsify them.

use std::collections::HashMap;
use std::error::Error;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use slack_sim::{SeenMessage, SlackSim};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// One field to be entered.
pub(crate) enum Entry {
    Fill(String, String),
    Pick(String, String),
}

/// What everybody does.
pub(crate) struct Story {
    pub(crate) typed: String,
    pub(crate) from: String,
    pub(crate) entries: Vec<Entry>,
    pub(crate) press: String,
    pub(crate) told: String,
}

/// How long one request's people waited.
pub(crate) struct Waits {
    pub(crate) open: Duration,
    pub(crate) post: Duration,
    pub(crate) update: Duration,
    pub(crate) told: Duration,
}

/// Handles of the people who ask and of those who approve.
pub(crate) fn requester(number: u16) -> String {
    format!("asking{number}")
}

pub(crate) fn approver(number: u16) -> String {
    format!("deciding{number}")
}

/// Who waits for a request message, by the requester's id.
#[derive(Default)]
struct Desk {
    waiting: Mutex<HashMap<String, Option<oneshot::Sender<SeenMessage>>>>,
    /// Request messages that nobody waited for: a request was posted twice.
    unexpected: AtomicU64,
}

impl Desk {
    fn waiting(&self) -> MutexGuard<'_, HashMap<String, Option<oneshot::Sender<SeenMessage>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The workspace with its people.
pub(crate) struct Stage {
    slack: SlackSim,
    story: Story,
    /// Longest wait for a request message; all other waits are the workspace's.
    patience: Duration,
    desk: Arc<Desk>,
    /// One reader of the channel hands messages on: with a reader for each person, all would wake up for every message.
    reader: JoinHandle<()>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Stage {
    pub(crate) fn new(
        slack: SlackSim,
        channel: &str,
        story: Story,
        people: u16,
        patience: Duration,
    ) -> Stage {
        let desk = Arc::new(Desk::default());
        for number in 0..people {
            let id = slack.person(&requester(number)).id().to_owned();
            desk.waiting().insert(id, None);
        }
        let reader = tokio::spawn(hand_on(slack.clone(), channel.to_owned(), desk.clone()));
        Stage {
            slack,
            story,
            patience,
            desk,
            reader,
        }
    }

    /// Goes through `requests` requests, numbered from `first`, with so many people at a time.
    pub(crate) async fn play(
        self: &Arc<Self>,
        people: u16,
        first: u32,
        requests: u32,
    ) -> Result<Vec<Waits>, String> {
        let next = Arc::new(AtomicU32::new(0));
        let mut tasks = JoinSet::new();
        for person in 0..people {
            let (stage, next) = (self.clone(), next.clone());
            tasks.spawn(async move {
                let mut waits = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= requests {
                        return Ok::<_, String>(waits);
                    }
                    let number = first + number;
                    waits.push(stage.request(person, number).await.map_err(|error| {
                        format!(
                            "request {number} of {} was lost or held up.\n{error}",
                            requester(person)
                        )
                    })?);
                }
            });
        }
        let mut all = Vec::new();
        // The first failure ends everything: dropping the set stops the others.
        while let Some(done) = tasks.join_next().await {
            let waits =
                done.map_err(|error| format!("a person of the story panicked: {error}"))??;
            all.extend(waits);
        }
        Ok(all)
    }

    async fn request(
        &self,
        person: u16,
        number: u32,
    ) -> Result<Waits, Box<dyn Error + Send + Sync>> {
        let (asking, deciding) = (
            self.slack.person(&requester(person)),
            self.slack.person(&approver(person)),
        );
        let mut dm = asking.dm_with_bot().from_now();
        let typed = asking
            .in_channel(&self.story.from)
            .types(&self.story.typed)
            .await?;
        let mut form = typed.modal().await?;
        let open = form.opened_at.duration_since(typed.at);
        for entry in &self.story.entries {
            let filling = match entry {
                Entry::Fill(label, text) => {
                    form.fill(label, &text.replace("{}", &number.to_string()))
                }
                Entry::Pick(label, option) => form.pick(label, option),
            };
            form = filling.apply().await?;
        }
        let (sender, posted) = oneshot::channel();
        self.desk
            .waiting()
            .insert(asking.id().to_owned(), Some(sender));
        let submitted_at = Instant::now();
        form.submit().await?;
        let message = tokio::time::timeout(self.patience, posted)
            .await
            .map_err(|_| "its message did not appear in the channel")??;
        let post = message.posted_at.duration_since(submitted_at);
        let pressed = deciding.presses(&message, &self.story.press).await?;
        // The direct message first: its reader is woken by nobody else's.
        let news = dm.expects_text(&self.story.told).await?;
        message.expects_no_buttons().await?;
        let edited_at = message.edited_at().unwrap_or_else(Instant::now);
        Ok(Waits {
            open,
            post,
            update: edited_at.duration_since(pressed.at),
            told: news.posted_at.duration_since(pressed.at),
        })
    }

    /// Once everybody is through.
    pub(crate) fn finish(&self) -> Result<(), String> {
        match self.desk.unexpected.load(Ordering::Relaxed) {
            0 => Ok(()),
            extra => Err(format!(
                "{extra} request message(s) were posted that nobody waited for"
            )),
        }
    }
}

/// Reads the channel and hands each request message to its requester: the first person mentioned who asks.
async fn hand_on(slack: SlackSim, channel: String, desk: Arc<Desk>) {
    let mut view = slack.channel(&channel).from_now();
    loop {
        let found = Mutex::new(None);
        let next = view
            .next_where("a request message", |_, message| {
                let blocks = message.blocks.as_deref().unwrap_or_default();
                let known = desk.waiting();
                let who = blocks
                    .iter()
                    .any(has_button)
                    .then(|| {
                        blocks
                            .iter()
                            .find_map(|block| mentioned(block, &|id| known.contains_key(id)))
                    })
                    .flatten();
                *found.lock().unwrap_or_else(PoisonError::into_inner) = who.clone();
                who.is_some()
            })
            .await;
        let who = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        // An error is only that nothing came for a while.
        let (Ok(message), Some(who)) = (next, who) else {
            continue;
        };
        let waiting = desk.waiting().get_mut(&who).and_then(Option::take);
        match waiting {
            Some(sender) => {
                // Whoever waited has given up: that failure is reported already.
                let _ = sender.send(message);
            }
            None => {
                desk.unexpected.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

fn has_button(block: &Value) -> bool {
    match block {
        Value::Object(map) => {
            map.get("type").is_some_and(|kind| kind == "button") || map.values().any(has_button)
        }
        Value::Array(list) => list.iter().any(has_button),
        _ => false,
    }
}

/// The first `<@ID>` in a block's texts whose id is known.
fn mentioned(block: &Value, known: &dyn Fn(&str) -> bool) -> Option<String> {
    match block {
        Value::String(text) => text
            .split("<@")
            .skip(1)
            .filter_map(|rest| rest.split(['>', '|']).next())
            .find(|id| known(id))
            .map(str::to_owned),
        Value::Array(list) => list.iter().find_map(|value| mentioned(value, known)),
        Value::Object(map) => map.values().find_map(|value| mentioned(value, known)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_requester_is_found_among_the_people_mentioned() {
        let block = json!({"type": "section", "text": {"type": "mrkdwn", "text": "<@U1> asks <@U2|bob> for <@U3>"}});
        assert_eq!(
            mentioned(&block, &|id| id == "U2" || id == "U3").as_deref(),
            Some("U2")
        );
        assert_eq!(mentioned(&block, &|_| false), None);
    }

    #[test]
    fn buttons_are_found_inside_blocks() {
        assert!(has_button(
            &json!({"type": "actions", "elements": [{"type": "button"}]})
        ));
        assert!(!has_button(
            &json!({"type": "section", "text": {"text": "button"}})
        ));
    }
}
