//! Things that go wrong on demand: in the Web API (per method, once, always or with a probability from a seeded generator)
//! and on the socket. Only decides; the Web API and the socket carry it out. Tests reach it through
//! [`crate::SlackSim::faults`].

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use crate::lock;

/// What happens to a Web API call.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Nothing happens for this long, then the call is carried out.
    Latency(Duration),
    /// The call is carried out at once, its answer comes this much later.
    SlowAnswer(Duration),
    /// `ok: false` with this code, nothing carried out.
    Error(String),
    /// HTTP 429 with `Retry-After`, nothing carried out.
    RateLimited { retry_after_seconds: u32 },
    /// HTTP status 5xx, nothing carried out.
    ServerError(u16),
    /// The connection is reset, nothing carried out.
    ResetBefore,
    /// The call is carried out, then the connection is reset instead of an answer.
    ResetAfter,
    /// The call is carried out, the answer is HTTP 200 with something that is not JSON.
    Garbage,
}

/// What happens to the next envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketFault {
    /// It comes twice, the second time on another connection if there is one.
    Duplicate,
    /// It comes again after this long, when it has been dealt with.
    DuplicateAfter(Duration),
    /// Its ack is lost on the way: the person sees a time-out; events are sent again.
    LoseAck,
    /// The connection is cut instead of delivering it, so nobody gets it.
    CutBefore,
    /// The connection is cut right after delivering it.
    CutAfter,
    /// `disconnect` with `refresh_requested` goes first, this and `more` envelopes right behind it on the same connection.
    RefreshBurst { more: u32 },
}

struct Rule {
    /// `None`: every method.
    method: Option<String>,
    fault: Fault,
    /// Calls to let through first.
    skip: u32,
    /// `None`: without end.
    left: Option<u32>,
    probability: f64,
}

#[derive(Default)]
struct Inner {
    rules: Vec<Rule>,
    socket: VecDeque<SocketFault>,
    random: u64,
}

/// The switchboard.
#[derive(Default)]
pub struct Faults(Mutex<Inner>);

impl Faults {
    /// The next call of `method` meets `fault`.
    pub fn next(&self, method: &str, fault: Fault) {
        self.add(method, fault, 0, Some(1), 1.0);
    }

    /// The next `times` calls of `method` meet `fault`.
    pub fn times(&self, method: &str, times: u32, fault: Fault) {
        self.add(method, fault, 0, Some(times), 1.0);
    }

    /// `skip` calls of `method` go well, the next one meets `fault`.
    pub fn after(&self, method: &str, skip: u32, fault: Fault) {
        self.add(method, fault, skip, Some(1), 1.0);
    }

    /// Every call of `method` (`*`: of any method) meets `fault` until [`Faults::clear`].
    pub fn always(&self, method: &str, fault: Fault) {
        self.add(method, fault, 0, None, 1.0);
    }

    /// Calls of `method` meet `fault` with this probability, by the seeded generator.
    pub fn sometimes(&self, method: &str, probability: f64, fault: Fault) {
        self.add(method, fault, 0, None, probability);
    }

    /// The next envelope meets `fault`; several queue up.
    pub fn next_envelope(&self, fault: SocketFault) {
        lock(&self.0).socket.push_back(fault);
    }

    /// The same seed gives the same faults for the same sequence of calls.
    pub fn seed(&self, seed: u64) {
        lock(&self.0).random = seed;
    }

    pub fn clear(&self) {
        let mut inner = lock(&self.0);
        inner.rules.clear();
        inner.socket.clear();
    }

    pub(crate) fn add(
        &self,
        method: &str,
        fault: Fault,
        skip: u32,
        left: Option<u32>,
        probability: f64,
    ) {
        let method = (method != "*").then(|| method.to_owned());
        lock(&self.0).rules.push(Rule {
            method,
            fault,
            skip,
            left,
            probability,
        });
    }

    /// What this call meets: any number of delays, at most one other fault.
    pub(crate) fn for_call(&self, method: &str) -> Vec<Fault> {
        let mut inner = lock(&self.0);
        let Inner { rules, random, .. } = &mut *inner;
        let mut out: Vec<Fault> = Vec::new();
        for rule in rules.iter_mut() {
            if rule.method.as_deref().is_some_and(|m| m != method) || rule.left == Some(0) {
                continue;
            }
            let is_delay = matches!(rule.fault, Fault::Latency(_) | Fault::SlowAnswer(_));
            if !is_delay
                && out
                    .iter()
                    .any(|f| !matches!(f, Fault::Latency(_) | Fault::SlowAnswer(_)))
            {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if rule.probability < 1.0 && next_unit(random) >= rule.probability {
                continue;
            }
            if let Some(left) = &mut rule.left {
                *left -= 1;
            }
            out.push(rule.fault.clone());
        }
        rules.retain(|r| r.left != Some(0));
        out
    }

    pub(crate) fn for_envelope(&self) -> Option<SocketFault> {
        lock(&self.0).socket.pop_front()
    }
}

/// splitmix64: small, well mixed, and the same on every machine.
fn next_unit(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    // 53 bits are what an f64 holds exactly.
    (z >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_asked_for_once_comes_once_and_only_for_its_method() {
        let faults = Faults::default();
        faults.next("a", Fault::ResetBefore);
        assert!(faults.for_call("b").is_empty());
        assert_eq!(faults.for_call("a"), [Fault::ResetBefore]);
        assert!(faults.for_call("a").is_empty());
    }

    #[test]
    fn two_faults_for_a_method_come_one_after_the_other() {
        let faults = Faults::default();
        faults.next("a", Fault::ResetBefore);
        faults.next("a", Fault::ServerError(503));
        assert_eq!(faults.for_call("a"), [Fault::ResetBefore]);
        assert_eq!(faults.for_call("a"), [Fault::ServerError(503)]);
    }

    #[test]
    fn a_delay_and_a_failure_can_meet_in_one_call() {
        let faults = Faults::default();
        faults.always("*", Fault::Latency(Duration::from_millis(1)));
        faults.after("a", 1, Fault::ResetAfter);
        assert_eq!(faults.for_call("a").len(), 1);
        assert_eq!(faults.for_call("a").len(), 2);
    }

    #[test]
    fn the_same_seed_gives_the_same_faults() {
        let run = |seed| {
            let faults = Faults::default();
            faults.seed(seed);
            faults.sometimes("a", 0.3, Fault::ResetBefore);
            (0..200)
                .map(|_| faults.for_call("a").len())
                .collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let hits: usize = run(7).iter().sum();
        assert!(
            (30..90).contains(&hits),
            "{hits} of 200 at a probability of 0.3"
        );
    }
}
