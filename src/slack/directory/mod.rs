//! Who is who and where: people and channels looked up through the API and kept for a stated time.
//!
//! The one place where a Slack user becomes a [`Person`] with a role. An answer is used for [`FRESH_FOR`]; while Slack
//! cannot be reached, for [`STALE_FOR`]. That is for showing and routing; whoever decides something is looked up with
//! [`Directory::person_for_decision`]. Each thing is looked up once at a time, whoever asks. Called by the engine and by
//! host calls of `impl.py`; nothing here decides anything.

mod cache;
mod channel;
mod member;
mod membership;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::api::{ApiError, Identity, PAGE_ENTRIES, Page, SlackApi};
use super::limits::GROUP_DM_PEOPLE;
use super::pacing::{Repeat, repeating};
use super::text::may_be_id;
use crate::domain::person::{Person, person_id};
use crate::domain::routing::bare_channel_name;
use crate::domain::run::SourceChannel;
use cache::Cache;
pub use channel::{Channel, ChannelKind};
use member::Member;
pub use member::{Admins, Home};

/// How long an answer is used without asking again: the time after which a changed role or address takes effect.
pub const FRESH_FOR: Duration = Duration::from_secs(5 * 60);
/// How long it is used when Slack cannot be reached, though not for decisions.
pub const STALE_FOR: Duration = Duration::from_secs(60 * 60);
/// How old an answer may be when somebody decides: long enough that a person who works through a queue of requests is
/// looked up once, too short for anybody to use a role that was just taken from them.
pub const FRESH_FOR_DECISION: Duration = Duration::from_secs(10);
/// Nobody found: asked again soon, because somebody may just have been invited.
const ABSENT_FOR: Duration = Duration::from_secs(30);
/// A channel that is not in the list may be new: the list is read again when it is older than this for each of its pages
/// (Slack allows about 20 pages a minute, and several requests may look for channels), and at most [`LIST_TRUSTED_FOR_MAX`].
const LIST_TRUSTED_FOR_PAGE: Duration = Duration::from_secs(5);
const LIST_TRUSTED_FOR_MAX: Duration = Duration::from_secs(30);
/// The id of a direct message never changes.
const CONVERSATION_FOR: Duration = Duration::from_secs(24 * 60 * 60);
const PEOPLE_KEPT: usize = 50_000;
const CHANNELS_KEPT: usize = 10_000;
/// Slack's own objects have 2 KB each.
const OBJECTS_KEPT: usize = 1_000;
const GROUPS_KEPT: usize = 1_000;
/// Pages of a list that are read; at 200 entries each this is a workspace of 200,000.
const PAGES: usize = 1000;

const CHANNEL_TYPES: &str = "public_channel,private_channel";

/// Why somebody could not be found by name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("{found} people are called {name}; use an e-mail address or a mention")]
    Ambiguous { name: String, found: usize },
}

/// Channels by name, and how many pages the list has.
struct ChannelList {
    by_name: HashMap<String, Channel>,
    pages: usize,
}

impl ChannelList {
    /// How long a name that is not in it counts as unknown.
    fn trusted_for(&self) -> Duration {
        let pages = u32::try_from(self.pages).unwrap_or(u32::MAX);
        LIST_TRUSTED_FOR_MAX.min(LIST_TRUSTED_FOR_PAGE.saturating_mul(pages))
    }
}

/// The directory of one workspace.
pub struct Directory {
    api: SlackApi,
    home: Home,
    admins: Admins,
    people: Cache<Option<Arc<Member>>>,
    /// E-mail address in small letters → Slack id.
    emails: Cache<Option<String>>,
    everybody: Cache<Arc<Vec<Arc<Member>>>>,
    channels: Cache<Channel>,
    /// Name → channel, of those that the app can see.
    channel_list: Cache<Arc<ChannelList>>,
    conversations: Cache<String>,
    /// What only code in flows asks for: Slack's own objects, members of user groups and of conversations (ids).
    objects: Cache<Arc<serde_json::Value>>,
    all_objects: Cache<Arc<Vec<serde_json::Value>>>,
    groups: Cache<Arc<HashSet<String>>>,
    members: Cache<Arc<Vec<String>>>,
    /// Ids here → Slack ids, of everybody ever seen: one follows from the other, so nothing expires.
    seen: Mutex<HashMap<Uuid, String>>,
}

impl Directory {
    #[must_use]
    pub fn new(api: SlackApi, identity: &Identity, admins: Admins) -> Self {
        Self {
            api,
            home: Home {
                team_id: identity.team_id.clone(),
                enterprise_id: identity.enterprise_id.clone(),
            },
            admins,
            people: Cache::new(STALE_FOR, PEOPLE_KEPT),
            emails: Cache::new(STALE_FOR, PEOPLE_KEPT),
            everybody: Cache::new(STALE_FOR, 1),
            channels: Cache::new(STALE_FOR, CHANNELS_KEPT),
            channel_list: Cache::new(STALE_FOR, 1),
            conversations: Cache::new(CONVERSATION_FOR, PEOPLE_KEPT),
            objects: Cache::new(FRESH_FOR, OBJECTS_KEPT),
            all_objects: Cache::new(FRESH_FOR, 1),
            groups: Cache::new(FRESH_FOR, GROUPS_KEPT),
            members: Cache::new(FRESH_FOR, GROUPS_KEPT),
            seen: Mutex::new(HashMap::new()),
        }
    }

    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// `None` for bots and unknown ids. Deactivated people are found and are not active.
    ///
    /// # Errors
    /// When Slack cannot be asked.
    pub async fn person_by_slack_id(&self, slack_id: &str) -> Result<Option<Person>, ApiError> {
        let fresh = |member: &Option<Arc<Member>>| lifetime(member.is_some());
        let member = self
            .people
            .get(slack_id, fresh, self.ask_for_person(slack_id))
            .await?;
        Ok(member.and_then(|member| self.person(&member)))
    }

    /// The person as Slack knows them now (at most [`FRESH_FOR_DECISION`] ago), to be asked whenever a role is used:
    /// somebody who was deactivated or is no administrator any more must not approve on the strength of an old answer.
    ///
    /// # Errors
    /// When Slack cannot be asked; nothing may then be decided, and the person is asked to try again.
    pub async fn person_for_decision(&self, slack_id: &str) -> Result<Option<Person>, ApiError> {
        let member = self
            .people
            .get_recent(slack_id, FRESH_FOR_DECISION, self.ask_for_person(slack_id))
            .await?;
        Ok(member.and_then(|member| self.person(&member)))
    }

    /// The same, if it is known without asking Slack.
    #[must_use]
    pub fn person_at_hand(&self, slack_id: &str) -> Option<Person> {
        let member = self.people.at_hand(slack_id, FRESH_FOR_DECISION)??;
        self.person(&member)
    }

    /// Slack says that something about this person has changed: the next question about them goes to Slack.
    pub fn forget(&self, slack_id: &str) {
        self.people.forget(slack_id);
        self.objects.forget(slack_id);
    }

    async fn ask_for_person(&self, slack_id: &str) -> Result<Option<Arc<Member>>, ApiError> {
        let found = repeating(Repeat::READ, || self.api.users_info(slack_id)).await;
        let member = absent_when(
            found,
            &["user_not_found", "users_not_found", "user_not_visible"],
        )?
        .and_then(|user| Member::read(&user))
        .map(Arc::new);
        if let Some(member) = &member {
            self.remember(member);
        }
        Ok(member)
    }

    /// Slack finds only active people by their address.
    ///
    /// # Errors
    /// When Slack cannot be asked.
    pub async fn person_by_email(&self, email: &str) -> Result<Option<Person>, ApiError> {
        let email = email.trim().to_lowercase();
        if email.is_empty() {
            return Ok(None);
        }
        let fresh = |id: &Option<String>| lifetime(id.is_some());
        let id = self
            .emails
            .get(&email, fresh, async {
                let asked_at = Instant::now();
                let found =
                    repeating(Repeat::READ, || self.api.users_lookup_by_email(&email)).await;
                let Some(user) = absent_when(found, &["users_not_found", "user_not_found"])? else {
                    return Ok(None);
                };
                let member = Member::read(&user).map(Arc::new);
                if let Some(member) = &member {
                    self.remember(member);
                    self.people.put(&member.id, Some(member.clone()), asked_at);
                }
                Ok(member.map(|member| member.id.clone()))
            })
            .await?;
        match id {
            Some(id) => self.person_by_slack_id(&id).await,
            None => Ok(None),
        }
    }

    /// The person with this id of ours. Somebody never seen is looked for in the list of everybody.
    ///
    /// # Errors
    /// When Slack cannot be asked.
    pub async fn person_by_id(&self, id: Uuid) -> Result<Option<Person>, ApiError> {
        let known = self.lock_seen().get(&id).cloned();
        if let Some(slack_id) = known {
            return self.person_by_slack_id(&slack_id).await;
        }
        self.list_everybody().await?;
        let known = self.lock_seen().get(&id).cloned();
        match known {
            Some(slack_id) => self.person_by_slack_id(&slack_id).await,
            None => Ok(None),
        }
    }

    /// A person as somebody wrote it: `<@U…>`, `U…`, an e-mail address, `@name` or a name.
    ///
    /// # Errors
    /// When Slack cannot be asked, or several people have the name.
    pub async fn person_by_mention(&self, written: &str) -> Result<Option<Person>, NameError> {
        let written = written.trim();
        if let Some(id) = mentioned_id(written) {
            return Ok(self.person_by_slack_id(id).await?);
        }
        let name = written.trim_start_matches('@').trim();
        if name.is_empty() {
            return Ok(None);
        }
        if !written.starts_with('@') && name.contains('@') {
            return Ok(self.person_by_email(name).await?);
        }
        let everybody = self.list_everybody().await?;
        let people = || {
            everybody
                .iter()
                .filter(|member| member.is_person() && !member.deleted)
        };
        let is = |text: &Option<String>| {
            text.as_ref()
                .is_some_and(|text| text.to_lowercase() == name.to_lowercase())
        };
        // Handles are unique; the other names are whatever people choose, so they count only when they are unique too.
        if let Some(member) = people().find(|member| is(&member.handle)) {
            return Ok(self.person(member));
        }
        let found: Vec<_> = people()
            .filter(|member| is(&member.display_name) || is(&member.real_name))
            .collect();
        match found.as_slice() {
            [] => Ok(None),
            [member] => Ok(self.person(member)),
            several => Err(NameError::Ambiguous {
                name: name.to_owned(),
                found: several.len(),
            }),
        }
    }

    /// Everybody in the workspace, bots left out.
    ///
    /// # Errors
    /// When Slack cannot be asked.
    pub async fn people(&self) -> Result<Vec<Person>, ApiError> {
        let everybody = self.list_everybody().await?;
        Ok(everybody
            .iter()
            .filter_map(|member| self.person(member))
            .collect())
    }

    /// The channel with this name, with or without `#`, of those that the app can see. Archived ones are not found.
    ///
    /// # Errors
    /// When Slack cannot be asked.
    pub async fn channel_by_name(&self, name: &str) -> Result<Option<Channel>, ApiError> {
        let name = bare_channel_name(name);
        if name.is_empty() {
            return Ok(None);
        }
        let known = self.list_channels(|_| FRESH_FOR).await?;
        if let Some(channel) = known.by_name.get(&name) {
            return Ok(Some(channel.clone()));
        }
        let read_again = self.list_channels(ChannelList::trusted_for).await?;
        Ok(read_again.by_name.get(&name).cloned())
    }

    /// What is known of a conversation. One that Slack does not show to the app counts as private.
    ///
    /// # Errors
    /// When Slack cannot be asked.
    pub async fn channel(&self, id: &str) -> Result<Channel, ApiError> {
        if let Some(channel) = Channel::from_id(id) {
            return Ok(channel);
        }
        let fresh = |channel: &Channel| {
            if channel.name.is_some() {
                FRESH_FOR
            } else {
                ABSENT_FOR
            }
        };
        self.channels
            .get(id, fresh, async {
                let found = repeating(Repeat::READ, || self.api.conversations_info(id)).await;
                let hidden = ["channel_not_found", "missing_scope", "not_in_channel"];
                Ok(absent_when(found, &hidden)?
                    .and_then(|channel| Channel::read(&channel))
                    .unwrap_or_else(|| Channel::hidden(id)))
            })
            .await
    }

    /// # Errors
    /// When Slack cannot be asked.
    pub async fn channel_kind(&self, id: &str) -> Result<ChannelKind, ApiError> {
        Ok(self.channel(id).await?.kind)
    }

    /// The channel in which something was asked for, as flows see it.
    ///
    /// # Errors
    /// When Slack cannot be asked; the id alone is then a usable identifier.
    pub async fn source_channel(&self, id: &str) -> Result<SourceChannel, ApiError> {
        Ok(self.channel(id).await?.as_source())
    }

    /// The direct message between the app and one person.
    ///
    /// # Errors
    /// When Slack refuses or cannot be asked.
    pub async fn open_dm(&self, slack_id: &str) -> Result<String, ApiError> {
        self.open(&[slack_id]).await
    }

    /// The group direct message of the app and these people, in any order.
    ///
    /// # Errors
    /// When Slack refuses or cannot be asked, or there are too many.
    pub async fn open_group(&self, slack_ids: &[String]) -> Result<String, ApiError> {
        let mut people: Vec<&str> = slack_ids.iter().map(String::as_str).collect();
        people.sort_unstable();
        people.dedup();
        if people.is_empty() || people.len() > GROUP_DM_PEOPLE {
            return Err(ApiError::Refused {
                method: "conversations.open",
                code: "too_many_users".to_owned(),
                detail: Some(format!(
                    "a group direct message has 1 to {GROUP_DM_PEOPLE} people, not {}",
                    people.len()
                )),
            });
        }
        self.open(&people).await
    }

    /// Its id is known for a day, and a message to somebody who has left would wait there for ever: so whether they are
    /// still active is looked up each time. When that fails, the id that is known has to do.
    async fn open(&self, people: &[&str]) -> Result<String, ApiError> {
        for slack_id in people {
            match self.person_by_slack_id(slack_id).await {
                Ok(Some(person)) if !person.active => {
                    return Err(ApiError::Refused {
                        method: "conversations.open",
                        code: "user_disabled".to_owned(),
                        detail: Some(format!("{} is deactivated in Slack", person.name)),
                    });
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, slack_id, "somebody could not be looked up"),
            }
        }
        self.conversations
            .get(&people.join(","), |_| CONVERSATION_FOR, async {
                repeating(Repeat::READ, || self.api.conversations_open(people)).await
            })
            .await
    }

    async fn list_everybody(&self) -> Result<Arc<Vec<Arc<Member>>>, ApiError> {
        self.everybody
            .get("", |_| FRESH_FOR, async {
                let asked_at = Instant::now();
                let pages = all_pages(|cursor| async move {
                    repeating(Repeat::READ, || self.api.users_list(cursor.as_deref())).await
                });
                let members: Vec<Arc<Member>> = pages
                    .await?
                    .iter()
                    .filter_map(Member::read)
                    .map(Arc::new)
                    .collect();
                for member in &members {
                    self.remember(member);
                    self.people.put(&member.id, Some(member.clone()), asked_at);
                }
                Ok(Arc::new(members))
            })
            .await
    }

    async fn list_channels(
        &self,
        trusted_for: impl Fn(&ChannelList) -> Duration,
    ) -> Result<Arc<ChannelList>, ApiError> {
        let trusted_for = |list: &Arc<ChannelList>| trusted_for(list);
        self.channel_list
            .get("", trusted_for, async {
                let pages = all_pages(|cursor| async move {
                    let list = || {
                        self.api
                            .conversations_list(CHANNEL_TYPES, cursor.as_deref())
                    };
                    repeating(Repeat::READ, list).await
                });
                let channels = pages.await?;
                let named = channels
                    .iter()
                    .filter_map(Channel::read)
                    .filter_map(|channel| {
                        let name = bare_channel_name(channel.name.as_deref()?);
                        Some((name, channel))
                    });
                Ok(Arc::new(ChannelList {
                    by_name: named.collect(),
                    pages: channels.len().div_ceil(PAGE_ENTRIES),
                }))
            })
            .await
    }

    fn person(&self, member: &Member) -> Option<Person> {
        member
            .is_person()
            .then(|| member.person(&self.home, &self.admins))
    }

    fn remember(&self, member: &Member) {
        let id = person_id(&self.home.team_id, &member.id);
        self.lock_seen().insert(id, member.id.clone());
    }

    fn lock_seen(&self) -> MutexGuard<'_, HashMap<Uuid, String>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lifetime(found: bool) -> Duration {
    if found { FRESH_FOR } else { ABSENT_FOR }
}

/// `None` when Slack says one of `codes`.
fn absent_when<T>(found: Result<T, ApiError>, codes: &[&str]) -> Result<Option<T>, ApiError> {
    match found {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code().is_some_and(|code| codes.contains(&code)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn all_pages<F, Fut>(read: F) -> Result<Vec<serde_json::Value>, ApiError>
where
    F: Fn(Option<String>) -> Fut,
    Fut: Future<Output = Result<Page, ApiError>>,
{
    let mut all = Vec::new();
    let mut cursor: Option<String> = None;
    // A server that always has one more page must not keep us for ever.
    for _ in 0..PAGES {
        let page = read(cursor.take()).await?;
        all.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(all)
}

/// `U…` or `W…`, bare or as Slack writes a mention: `<@U…>`, `<@U…|name>`.
fn mentioned_id(written: &str) -> Option<&str> {
    let inner = written
        .strip_prefix("<@")
        .and_then(|rest| rest.strip_suffix('>'))
        .map(|rest| rest.split('|').next().unwrap_or(rest));
    let id = inner.unwrap_or(written);
    let looks_like_one = id.len() >= 2 && may_be_id(id, &['U', 'W']);
    // Bare, a short word in capitals may be a name.
    (looks_like_one && (inner.is_some() || id.len() >= 9)).then_some(id)
}
