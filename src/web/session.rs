//! Who is signed in: a bounded table in memory, from the digest of a session's token to the person's id.
//!
//! A session knows who somebody is, never what they may do: the role is read from the backend at every request. The
//! token itself is only in the browser's cookie. A restart signs everybody out. Called by the handlers.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::secret::{self, Digest, NoRandomness};
use crate::domain::run::RunId;
use crate::domain::time::Timestamp;

/// A working day: whoever signs in in the morning need not do it again, and a forgotten browser is signed out by night.
pub const ABSOLUTE_LIFETIME_SECONDS: u64 = 12 * 60 * 60;
/// Without any request for this long, a session ends.
pub const IDLE_LIFETIME_SECONDS: u64 = 2 * 60 * 60;
/// At about 200 bytes each, a full table takes 2 MB.
const MAX_SESSIONS: usize = 10_000;
/// Browsers and devices of one person; opening one more ends the one unused for longest.
const MAX_SESSIONS_PER_PERSON: usize = 10;
/// What is to be said on pages that the person has not opened again yet; older ones are forgotten.
const MAX_NOTICES: usize = 8;

/// Something to say once, on the next view of a request's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The decision was made.
    Done(String),
    /// It was not; why, and the Decision Message that had been typed.
    Refused { text: String, draft: String },
}

/// A session that was found.
pub struct Ticket {
    digest: Digest,
    pub person: Uuid,
    /// Goes into every form; made from the session's token, so that it needs no place in the table.
    pub csrf: String,
}

struct Session {
    person: Uuid,
    opened_at: Timestamp,
    seen_at: Timestamp,
    notices: Vec<(RunId, Notice)>,
}

impl Session {
    fn is_over(&self, now: Timestamp) -> bool {
        now >= self.opened_at.plus_seconds(ABSOLUTE_LIFETIME_SECONDS)
            || now >= self.seen_at.plus_seconds(IDLE_LIFETIME_SECONDS)
    }
}

/// The table.
#[derive(Default)]
pub struct Sessions {
    table: Mutex<HashMap<Digest, Session>>,
}

impl Sessions {
    /// Opens a session and returns its token, for the cookie.
    pub fn open(&self, person: Uuid, now: Timestamp) -> Result<String, NoRandomness> {
        let token = secret::random_hex::<32>()?;
        let mut table = self.lock();
        table.retain(|_, session| !session.is_over(now));
        let own = table
            .values()
            .filter(|session| session.person == person)
            .count();
        if own >= MAX_SESSIONS_PER_PERSON {
            drop_longest_unused(&mut table, |session| session.person == person);
        }
        if table.len() >= MAX_SESSIONS {
            drop_longest_unused(&mut table, |_| true);
        }
        table.insert(
            session_digest(&token),
            Session {
                person,
                opened_at: now,
                seen_at: now,
                notices: Vec::new(),
            },
        );
        Ok(token)
    }

    /// The session of this token, if there is one that is not over; counts as use.
    pub fn find(&self, token: &str, now: Timestamp) -> Option<Ticket> {
        let digest = session_digest(token);
        let mut table = self.lock();
        let session = table.get_mut(&digest)?;
        if session.is_over(now) {
            table.remove(&digest);
            return None;
        }
        // The wall clock may be set back; a session must not become older by that.
        session.seen_at = session.seen_at.max(now);
        Some(Ticket {
            digest,
            person: session.person,
            csrf: secret::to_hex(&secret::digest("symbot csrf 1", token)),
        })
    }

    pub fn close(&self, ticket: &Ticket) {
        self.lock().remove(&ticket.digest);
    }

    /// Ends all sessions of somebody who is no longer there.
    pub fn close_all_of(&self, person: Uuid) {
        self.lock().retain(|_, session| session.person != person);
    }

    /// Keeps something to say on the page of `run`; replaces what was there for it.
    pub fn put_notice(&self, ticket: &Ticket, run: RunId, notice: Notice) {
        if let Some(session) = self.lock().get_mut(&ticket.digest) {
            session.notices.retain(|(about, _)| *about != run);
            if session.notices.len() >= MAX_NOTICES {
                session.notices.remove(0);
            }
            session.notices.push((run, notice));
        }
    }

    pub fn take_notice(&self, ticket: &Ticket, run: RunId) -> Option<Notice> {
        let mut table = self.lock();
        let notices = &mut table.get_mut(&ticket.digest)?.notices;
        let index = notices.iter().position(|(about, _)| *about == run)?;
        Some(notices.remove(index).1)
    }

    /// Every change to the table is one insertion or removal, so that it is sound even after a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Session>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn session_digest(token: &str) -> Digest {
    secret::digest("symbot session 1", token)
}

fn drop_longest_unused(table: &mut HashMap<Digest, Session>, among: impl Fn(&Session) -> bool) {
    let oldest = table
        .iter()
        .filter(|(_, session)| among(session))
        .min_by_key(|(_, session)| session.seen_at)
        .map(|(digest, _)| *digest);
    if let Some(digest) = oldest {
        table.remove(&digest);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_700_000_000_000);

    fn person(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    #[test]
    fn the_table_holds_only_digests() {
        let sessions = Sessions::default();
        let token = sessions.open(person(1), START).unwrap();
        let table = sessions.lock();
        let key = table.keys().next().unwrap();
        assert_ne!(secret::to_hex(key), token);
        assert_eq!(*key, session_digest(&token));
    }

    #[test]
    fn an_unused_session_ends_after_two_hours_and_a_used_one_after_twelve() {
        let sessions = Sessions::default();
        let token = sessions.open(person(1), START).unwrap();
        let hour = 3600;
        for hours in 1..12 {
            let now = START.plus_seconds(hours * hour);
            assert!(sessions.find(&token, now).is_some(), "after {hours} h");
        }
        assert!(
            sessions
                .find(&token, START.plus_seconds(12 * hour))
                .is_none()
        );

        let token = sessions.open(person(1), START).unwrap();
        let last = START.plus_seconds(2 * hour - 1);
        assert!(sessions.find(&token, last).is_some());
        assert!(sessions.find(&token, last.plus_seconds(2 * hour)).is_none());
        assert!(
            sessions.find(&token, last).is_none(),
            "a session that is over stays over when the clock is set back"
        );
    }

    #[test]
    fn one_person_has_at_most_ten_sessions_and_loses_the_one_unused_for_longest() {
        let sessions = Sessions::default();
        let other = sessions.open(person(2), START).unwrap();
        let tokens: Vec<_> = (0..11)
            .map(|n| {
                sessions
                    .open(person(1), START.plus_seconds(60 + n))
                    .unwrap()
            })
            .collect();
        let now = START.plus_seconds(200);
        assert!(sessions.find(&tokens[0], now).is_none());
        assert!(
            tokens[1..]
                .iter()
                .all(|token| sessions.find(token, now).is_some())
        );
        assert!(sessions.find(&other, now).is_some());
    }

    #[test]
    fn the_table_is_bounded() {
        let sessions = Sessions::default();
        for number in 0..MAX_SESSIONS as u128 {
            sessions.lock().insert(
                secret::digest("filler", &number.to_string()),
                Session {
                    person: person(number),
                    opened_at: START,
                    seen_at: START,
                    notices: Vec::new(),
                },
            );
        }
        sessions.open(person(77), START).unwrap();
        sessions.open(person(78), START).unwrap();
        assert_eq!(sessions.lock().len(), MAX_SESSIONS);
    }

    #[test]
    fn a_notice_is_said_once_on_its_own_page() {
        let sessions = Sessions::default();
        let token = sessions.open(person(1), START).unwrap();
        let ticket = sessions.find(&token, START).unwrap();
        sessions.put_notice(&ticket, person(5), Notice::Done("yes".into()));
        assert_eq!(sessions.take_notice(&ticket, person(6)), None);
        assert_eq!(
            sessions.take_notice(&ticket, person(5)),
            Some(Notice::Done("yes".into()))
        );
        assert_eq!(sessions.take_notice(&ticket, person(5)), None);
        for run in 0..100 {
            sessions.put_notice(&ticket, person(run), Notice::Done("yes".into()));
        }
        assert_eq!(sessions.lock()[&ticket.digest].notices.len(), MAX_NOTICES);
    }
}
