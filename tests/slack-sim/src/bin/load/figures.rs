//! What was measured, as a table for people and as JSON for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::bot::{Memory, Used};
use crate::play::Waits;

/// Everything.
pub(crate) struct Figures {
    /// From the start of the bot's process to the first hello on a socket.
    pub(crate) hello: Duration,
    /// To the first 200 of `--ready-url`.
    pub(crate) ready: Option<Duration>,
    pub(crate) phases: Vec<Phase>,
    /// Start included.
    pub(crate) whole: Used,
    pub(crate) peak: Memory,
}

/// One number of people.
pub(crate) struct Phase {
    pub(crate) people: u16,
    pub(crate) requests: u32,
    pub(crate) took: Duration,
    pub(crate) waits: Vec<Waits>,
    pub(crate) used: Used,
    /// Calls and envelopes for each request.
    pub(crate) calls: BTreeMap<String, f64>,
    /// Load average of the machine at the end.
    pub(crate) load: Option<f64>,
}

/// What was counted in between, for each request.
pub(crate) fn per_request(
    before: &BTreeMap<String, u64>,
    after: &BTreeMap<String, u64>,
    requests: u32,
) -> BTreeMap<String, f64> {
    after
        .iter()
        .map(|(what, count)| {
            let more = count - before.get(what).copied().unwrap_or(0);
            (what.clone(), more as f64 / f64::from(requests))
        })
        .filter(|(_, count)| *count > 0.0)
        .collect()
}

const SHARES: [(&str, usize); 3] = [("p50", 50), ("p95", 95), ("p99", 99)];

/// Milliseconds at these shares of all requests (nearest rank), and the most.
struct Spread {
    shares: [f64; SHARES.len()],
    most: f64,
}

impl Spread {
    fn of(waits: impl Iterator<Item = Duration>) -> Spread {
        let mut all: Vec<Duration> = waits.collect();
        all.sort_unstable();
        let at = |rank: usize| {
            let wait = all.get(rank).copied().unwrap_or_default();
            wait.as_secs_f64() * 1000.0
        };
        Spread {
            shares: SHARES
                .map(|(_, share)| at((all.len() * share).div_ceil(100).saturating_sub(1))),
            most: at(all.len().saturating_sub(1)),
        }
    }

    fn json(&self) -> Value {
        let mut out = json!({ "max": rounded(self.most) });
        for ((name, _), value) in SHARES.iter().zip(self.shares) {
            out[*name] = rounded(value);
        }
        out
    }
}

fn rounded(value: f64) -> Value {
    json!((value * 1000.0).round() / 1000.0)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

impl Phase {
    fn rate(&self) -> f64 {
        f64::from(self.requests) / self.took.as_secs_f64()
    }

    fn cpu_ms_per_request(&self) -> f64 {
        self.used.cpu_seconds * 1000.0 / f64::from(self.requests)
    }

    fn own_cpu_ms_per_request(&self) -> f64 {
        self.used.own_cpu_seconds * 1000.0 / f64::from(self.requests)
    }

    fn written_per_request(&self) -> f64 {
        self.used.written_bytes as f64 / f64::from(self.requests)
    }

    fn spreads(&self) -> [(&'static str, &'static str, Spread); 4] {
        let spread = |pick: fn(&Waits) -> Duration| Spread::of(self.waits.iter().map(pick));
        [
            (
                "slash_to_views_open_ms",
                "slash → views.open",
                spread(|w| w.open),
            ),
            (
                "submit_to_post_ms",
                "submit → chat.postMessage",
                spread(|w| w.post),
            ),
            (
                "click_to_update_ms",
                "click → chat.update",
                spread(|w| w.update),
            ),
            (
                "click_to_dm_ms",
                "click → direct message",
                spread(|w| w.told),
            ),
        ]
    }

    fn json(&self) -> Value {
        let mut out = json!({
            "people": self.people,
            "requests": self.requests,
            "seconds": rounded(self.took.as_secs_f64()),
            "requests_per_second": rounded(self.rate()),
            "cpu_seconds": rounded(self.used.cpu_seconds),
            "cpu_ms_per_request": rounded(self.cpu_ms_per_request()),
            "own_cpu_ms_per_request": rounded(self.own_cpu_ms_per_request()),
            "disk_bytes_per_request": rounded(self.written_per_request()),
            "per_request": self.calls.iter().map(|(what, count)| (what.clone(), rounded(*count))).collect::<serde_json::Map<_, _>>(),
            "machine_load": self.load,
        });
        for (name, _, spread) in self.spreads() {
            out[name] = spread.json();
        }
        out
    }
}

impl Figures {
    pub(crate) fn json(&self) -> Value {
        json!({
            "start_to_hello_ms": rounded(millis(self.hello)),
            "start_to_ready_ms": self.ready.map(|ready| rounded(millis(ready))),
            "phases": self.phases.iter().map(Phase::json).collect::<Vec<_>>(),
            "cpu_seconds": rounded(self.whole.cpu_seconds),
            "peak_processes": self.peak.processes,
            "peak_rss_mb": rounded(megabytes(self.peak.rss)),
            "peak_pss_mb": self.peak.pss.map(|pss| rounded(megabytes(pss))),
        })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "start to hello {:.0} ms", millis(self.hello))?;
        if let Some(ready) = self.ready {
            write!(f, ", to ready {:.0} ms", millis(ready))?;
        }
        writeln!(f)?;
        for phase in &self.phases {
            writeln!(
                f,
                "\n{} at a time: {} requests in {:.2} s, {:.1} requests/s",
                phase.people,
                phase.requests,
                phase.took.as_secs_f64(),
                phase.rate()
            )?;
            writeln!(
                f,
                "  {:<28}{:>9}{:>9}{:>9}{:>9}  ms",
                "", "p50", "p95", "p99", "max"
            )?;
            for (_, label, spread) in phase.spreads() {
                write!(f, "  {label:<28}")?;
                for value in spread.shares {
                    write!(f, "{value:>9.2}")?;
                }
                writeln!(f, "{:>9.2}", spread.most)?;
            }
            writeln!(
                f,
                "  CPU of the bot {:.2} s: {:.2} ms for each request, {:.2} of them in its own process, the rest in workers",
                phase.used.cpu_seconds,
                phase.cpu_ms_per_request(),
                phase.own_cpu_ms_per_request()
            )?;
            write!(
                f,
                "  for each request {:.1} KB to the disk",
                phase.written_per_request() / 1024.0
            )?;
            for (what, count) in &phase.calls {
                write!(f, ", {count:.2} {what}")?;
            }
            writeln!(f)?;
            if let Some(load) = phase.load {
                writeln!(f, "  load of the machine at the end {load:.2}")?;
            }
        }
        write!(
            f,
            "\nbot and workers: {:.2} s CPU in all; at most {} processes, {:.0} MB resident",
            self.whole.cpu_seconds,
            self.peak.processes,
            megabytes(self.peak.rss)
        )?;
        match self.peak.pss {
            Some(pss) => writeln!(
                f,
                " (shared pages counted in each), {:.0} MB with shared pages counted once",
                megabytes(pss)
            ),
            None => writeln!(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_the_nearest_rank() {
        let spread = Spread::of((1..=100).rev().map(Duration::from_millis));
        assert_eq!(spread.shares.map(f64::round), [50.0, 95.0, 99.0]);
        assert_eq!(spread.most.round(), 100.0);
        assert_eq!(
            Spread::of(std::iter::once(Duration::from_millis(7)))
                .shares
                .map(f64::round),
            [7.0; 3]
        );
    }

    #[test]
    fn counters_are_divided_by_the_requests_in_between() {
        let before = BTreeMap::from([("acks".to_owned(), 10)]);
        let after = BTreeMap::from([("acks".to_owned(), 16), ("chat.update".to_owned(), 2)]);
        let calls = per_request(&before, &after, 2);
        assert_eq!(
            calls,
            BTreeMap::from([("acks".to_owned(), 3.0), ("chat.update".to_owned(), 1.0)])
        );
    }
}
