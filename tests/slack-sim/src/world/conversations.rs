//! People and conversations: look-ups, membership, direct messages and group direct messages.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Channel, Kind, Person, Toast, World};
use crate::clock::Clock;
use crate::ids;

impl World {
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    pub fn person(&self, id: &str) -> Option<&Person> {
        self.people_by_id.get(id).map(|&i| &self.people[i])
    }

    pub fn person_mut(&mut self, id: &str) -> Option<&mut Person> {
        self.people_by_id.get(id).map(|&i| &mut self.people[i])
    }

    /// By handle, display name or real name, with or without `@`.
    pub fn person_named(&self, name: &str) -> Option<&Person> {
        let name = name.trim_start_matches('@');
        self.people.iter().find(|p| p.name == name).or_else(|| {
            self.people
                .iter()
                .find(|p| p.display_name == name || p.real_name == name || p.id == name)
        })
    }

    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    pub fn channel(&self, id: &str) -> Option<&Channel> {
        self.channels_by_id.get(id).map(|&i| &self.channels[i])
    }

    pub fn channel_mut(&mut self, id: &str) -> Option<&mut Channel> {
        self.channels_by_id.get(id).map(|&i| &mut self.channels[i])
    }

    /// With or without `#`.
    pub fn channel_named(&self, name: &str) -> Option<&Channel> {
        self.channels_by_name
            .get(name.trim_start_matches('#'))
            .map(|&i| &self.channels[i])
    }

    pub fn bot_is_in(&self, channel: &Channel) -> bool {
        channel.members.contains(&self.app.bot_user)
    }

    /// What a person can open: public channels they may see, and what they are a member of. Guests see their own only.
    pub fn can_see(&self, user: &str, channel: &Channel) -> bool {
        if channel.members.contains(user) {
            return true;
        }
        channel.kind == Kind::Public
            && self
                .person(user)
                .is_some_and(|p| !p.is_restricted && !p.is_stranger)
    }

    /// The direct message of two people, if they ever opened one.
    pub fn im_between(&self, a: &str, b: &str) -> Option<&Channel> {
        self.ims.get(&pair(a, b)).and_then(|id| self.channel(id))
    }

    /// Opens (or finds) the direct message of two people; true if it is new.
    pub fn open_im(&mut self, a: &str, b: &str, clock: &Clock) -> (String, bool) {
        if let Some(id) = self.ims.get(&pair(a, b)) {
            return (id.clone(), false);
        }
        let id = ids::random("D0", 9);
        self.insert_channel(Channel {
            id: id.clone(),
            name: String::new(),
            kind: Kind::Im,
            archived: false,
            topic: String::new(),
            created: clock.unix_seconds(),
            creator: a.to_owned(),
            members: [a.to_owned(), b.to_owned()].into(),
            messages: BTreeMap::new(),
            read: HashMap::new(),
        });
        self.ims.insert(pair(a, b), id.clone());
        (id, true)
    }

    /// The direct message of two people, if there is one.
    pub(crate) fn im_of(&self, a: &str, b: &str) -> Option<&str> {
        self.ims.get(&pair(a, b)).map(String::as_str)
    }

    /// Opens (or finds) the group direct message of these people; true if it is new.
    pub fn open_mpim(&mut self, members: BTreeSet<String>, clock: &Clock) -> (String, bool) {
        if let Some(id) = self.mpims.get(&members) {
            return (id.clone(), false);
        }
        let id = ids::random("C0", 9);
        let names: Vec<&str> = members
            .iter()
            .filter_map(|m| self.person(m))
            .map(|p| p.name.as_str())
            .collect();
        let name = format!("mpdm-{}-1", names.join("--"));
        self.insert_channel(Channel {
            id: id.clone(),
            name,
            kind: Kind::Mpim,
            archived: false,
            topic: String::new(),
            created: clock.unix_seconds(),
            creator: self.app.bot_user.clone(),
            members: members.clone(),
            messages: BTreeMap::new(),
            read: HashMap::new(),
        });
        self.mpims.insert(members, id.clone());
        (id, true)
    }

    /// What payloads call a conversation: its name, or Slack's word for what has none.
    pub fn payload_channel_name(&self, id: &str) -> String {
        match self.channel(id) {
            Some(c) if c.kind == Kind::Im => "directmessage".to_owned(),
            Some(c) if c.kind == Kind::Private => "privategroup".to_owned(),
            Some(c) => c.name.clone(),
            None => "unknown".to_owned(),
        }
    }

    pub(crate) fn add_toast(&mut self, user: &str, text: String) {
        self.toasts.entry(user.to_owned()).or_default().push(Toast {
            id: ids::random("T", 6),
            text,
        });
    }

    pub fn toasts(&self, user: &str) -> &[Toast] {
        self.toasts.get(user).map_or(&[], Vec::as_slice)
    }

    pub fn dismiss_toast(&mut self, user: &str, id: &str) {
        if let Some(toasts) = self.toasts.get_mut(user) {
            toasts.retain(|t| t.id != id);
        }
    }
}

fn pair(a: &str, b: &str) -> (String, String) {
    if a <= b {
        (a.to_owned(), b.to_owned())
    } else {
        (b.to_owned(), a.to_owned())
    }
}
