//! A world from a [`Setup`], and people and channels that join later.

use std::collections::HashMap;

use super::{App, Channel, Kind, Person, Team, UserGroup, World};
use crate::clock::Clock;
use crate::ids;
use crate::setup::{ChannelSetup, PersonSetup, Setup};

impl World {
    pub(crate) fn new(setup: &Setup, clock: &Clock) -> World {
        let team = Team {
            id: ids::from_name("T", &setup.team_domain),
            name: setup.team_name.clone(),
            domain: setup.team_domain.clone(),
        };
        let app_setup = &setup.app;
        let handle = app_setup.name.to_lowercase().replace(' ', "_");
        let app = App {
            id: ids::from_name("A", &handle),
            name: app_setup.name.clone(),
            bot_id: ids::from_name("B", &handle),
            bot_user: ids::from_name("U", &format!("{handle}bot")),
            bot_token: app_setup.bot_token.clone(),
            app_token: app_setup.app_token.clone(),
            verification_token: "verification-token".to_owned(),
            commands: app_setup.commands.clone(),
            shortcuts: app_setup.shortcuts.clone(),
            events: app_setup.events.clone(),
            scopes: app_setup.scopes.clone(),
            home_tab: app_setup.home_tab,
        };
        let mut world = World {
            team,
            app,
            people: Vec::new(),
            people_by_id: HashMap::new(),
            channels: Vec::new(),
            channels_by_id: HashMap::new(),
            channels_by_name: HashMap::new(),
            ims: HashMap::new(),
            mpims: HashMap::new(),
            user_groups: Vec::new(),
            views: HashMap::new(),
            stacks: HashMap::new(),
            homes: HashMap::new(),
            message_state: HashMap::new(),
            ephemerals: HashMap::new(),
            toasts: HashMap::new(),
            triggers: HashMap::new(),
            trigger_order: std::collections::VecDeque::new(),
            response_urls: HashMap::new(),
            response_url_order: std::collections::VecDeque::new(),
        };
        let slackbot = PersonSetup::member("slackbot").real_name("Slackbot").bot();
        world.insert_person("USLACKBOT".to_owned(), &slackbot);
        let named = |name: &str| PersonSetup::member(&handle).real_name(name).bot();
        let bot = PersonSetup {
            display_name: app_setup.name.clone(),
            ..named(&app_setup.name)
        };
        world.insert_person(world.app.bot_user.clone(), &bot);
        for person in &setup.people {
            world.add_person(person);
        }
        for channel in &setup.channels {
            world.add_channel(channel, clock);
        }
        for group in &setup.user_groups {
            let members = group
                .members
                .iter()
                .filter_map(|m| world.person_named(m))
                .map(|p| p.id.clone())
                .collect();
            let id = ids::from_name("S", &group.handle);
            world.user_groups.push(UserGroup {
                id,
                handle: group.handle.clone(),
                name: group.name.clone(),
                members,
            });
        }
        world
    }

    /// Adds a person and returns their id.
    pub fn add_person(&mut self, setup: &PersonSetup) -> String {
        let mut id = ids::from_name("U", &setup.name);
        while self.people_by_id.contains_key(&id) {
            id = ids::random("U0", 8);
        }
        self.insert_person(id.clone(), setup);
        id
    }

    fn insert_person(&mut self, id: String, setup: &PersonSetup) {
        self.people_by_id.insert(id.clone(), self.people.len());
        self.people.push(Person {
            id,
            name: setup.name.clone(),
            real_name: setup.real_name.clone(),
            display_name: setup.display_name.clone(),
            title: setup.title.clone(),
            email: setup.email.clone(),
            is_admin: setup.is_admin,
            is_owner: setup.is_owner,
            is_restricted: setup.is_restricted,
            is_ultra_restricted: setup.is_ultra_restricted,
            is_bot: setup.is_bot,
            deleted: setup.deleted,
            is_stranger: setup.is_stranger,
            tz: setup.tz.clone(),
            tz_offset: setup.tz_offset,
        });
    }

    /// Adds a channel and returns its id.
    pub fn add_channel(&mut self, setup: &ChannelSetup, clock: &Clock) -> String {
        let mut id = ids::from_name("C", &setup.name);
        while self.channels_by_id.contains_key(&id) {
            id = ids::random("C0", 9);
        }
        let mut members: std::collections::BTreeSet<String> = match &setup.members {
            Some(names) => names
                .iter()
                .filter_map(|n| self.person_named(n))
                .map(|p| p.id.clone())
                .collect(),
            None => self
                .people
                .iter()
                .filter(|p| !p.is_bot && !p.deleted && !p.is_restricted && !p.is_stranger)
                .map(|p| p.id.clone())
                .collect(),
        };
        if setup.with_bot {
            members.insert(self.app.bot_user.clone());
        }
        let creator = self
            .people
            .iter()
            .find(|p| p.is_owner)
            .map_or_else(|| "USLACKBOT".to_owned(), |p| p.id.clone());
        self.insert_channel(Channel {
            id: id.clone(),
            name: setup.name.clone(),
            kind: if setup.is_private {
                Kind::Private
            } else {
                Kind::Public
            },
            archived: setup.is_archived,
            topic: setup.topic.clone(),
            created: clock.unix_seconds(),
            creator,
            members,
            messages: std::collections::BTreeMap::new(),
            read: HashMap::new(),
        });
        id
    }

    pub(super) fn insert_channel(&mut self, channel: Channel) {
        self.channels_by_id
            .insert(channel.id.clone(), self.channels.len());
        if !channel.name.is_empty() {
            self.channels_by_name
                .insert(channel.name.clone(), self.channels.len());
        }
        self.channels.push(channel);
    }
}
