//! Who is woken when something changes. One signal per channel, person and topic, so that 32 people waiting for their own
//! answers do not all wake up for each message. The driver and the page's event stream wait here; the world rings.

use std::collections::HashMap;
use std::sync::Mutex;

use tokio::sync::watch;

use crate::lock;

/// Rung for calls, violations and sockets rather than for what people see.
pub(crate) const LOG: &str = "log";
pub(crate) const SOCKETS: &str = "sockets";
/// Rung for the page alone: its links come when the app has started, which may be after the page has loaded.
pub(crate) const LINKS: &str = "links";

pub(crate) struct Signals {
    by_key: Mutex<HashMap<String, watch::Sender<u64>>>,
    any: watch::Sender<u64>,
}

impl Default for Signals {
    fn default() -> Self {
        Signals {
            by_key: Mutex::default(),
            any: watch::channel(0).0,
        }
    }
}

impl Signals {
    /// `key` is a channel id, a user id or a topic of this module.
    pub(crate) fn ring(&self, key: &str) {
        if let Some(sender) = lock(&self.by_key).get(key) {
            sender.send_modify(|n| *n += 1);
        }
        if key != LOG {
            self.any.send_modify(|n| *n += 1);
        }
    }

    pub(crate) fn listen(&self, key: &str) -> watch::Receiver<u64> {
        let mut by_key = lock(&self.by_key);
        match by_key.get(key) {
            Some(sender) => sender.subscribe(),
            None => {
                let (sender, receiver) = watch::channel(0);
                by_key.insert(key.to_owned(), sender);
                receiver
            }
        }
    }

    /// Everything but the log.
    pub(crate) fn listen_to_all(&self) -> watch::Receiver<u64> {
        self.any.subscribe()
    }
}
