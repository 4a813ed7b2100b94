//! Whose turn it is: which of the waiting calls gets the next worker, and whether there should be a worker more. Knows no
//! processes and reads no clock; [`super::pool`] asks it under a lock.
//!
//! - Calls wait by flow: the flow that holds the fewest workers is next, among those the one that was not served for longest;
//!   within a flow the first come is first.
//! - A call that has held its worker for [`SLOW_AFTER`] is *slow*. A flow whose slow calls hold half of the workers gets no
//!   further one while others may need it: while another flow was asked something within [`REMEMBERED`].
//! - When slow calls hold all workers, a call of a flow that holds less than half of them gets an extra one. There are at
//!   most as many extra workers as workers, and they end when fewer calls are slow.
//!
//! Fast calls are never held back.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use tokio::time::Instant;

/// The time after which a call counts as slow; a usual one takes a hundredth of it.
pub(super) const SLOW_AFTER: Duration = Duration::from_millis(250);
/// How long a flow counts as one that may need a worker after it was last asked something.
const REMEMBERED: Duration = Duration::from_secs(60);

/// Whose code a call runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FlowKey(u64);

impl FlowKey {
    /// The flow to which these names belong, such as its file, its name and its environment.
    pub(super) fn of(names: &[&str]) -> Self {
        let mut hasher = DefaultHasher::new();
        names.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// The workers that the calls of a flow hold.
#[derive(Debug, Default, Clone, Copy)]
struct Held {
    workers: usize,
    slow: usize,
}

/// The state of all turns; `W` is a call that waits.
pub(super) struct Turns<W> {
    workers: usize,
    spares: usize,
    /// Processes that stand by.
    idle: usize,
    /// Processes that start, or that check themselves after a call.
    coming: usize,
    running: usize,
    slow: usize,
    held: HashMap<FlowKey, Held>,
    /// Flows with calls that wait, those served last at the end.
    waiting: VecDeque<(FlowKey, VecDeque<W>)>,
    /// The two flows that were asked something last, the last one first.
    recent: [Option<(FlowKey, Instant)>; 2],
}

impl<W> Turns<W> {
    pub(super) fn new(workers: usize, spares: usize) -> Self {
        Self {
            workers,
            spares,
            idle: 0,
            coming: 0,
            running: 0,
            slow: 0,
            held: HashMap::new(),
            waiting: VecDeque::new(),
            recent: [None; 2],
        }
    }

    /// A call arrives.
    pub(super) fn asked(&mut self, flow: FlowKey, now: Instant) {
        if self.recent[0].is_some_and(|(last, _)| last != flow) {
            self.recent[1] = self.recent[0];
        }
        self.recent[0] = Some((flow, now));
    }

    /// Whether a process that stands by is there for a call of this flow, without waiting; then it runs.
    pub(super) fn take(&mut self, flow: FlowKey, now: Instant) -> bool {
        // Nobody waits for a process that stands by: it would have been given to them.
        let takes = self.idle > 0 && self.may_run(flow, now);
        if takes {
            self.run(flow);
        }
        takes
    }

    /// The call has to wait.
    pub(super) fn wait(&mut self, flow: FlowKey, call: W) {
        match self.waiting.iter_mut().find(|(known, _)| *known == flow) {
            Some((_, calls)) => calls.push_back(call),
            None => self.waiting.push_back((flow, VecDeque::from([call]))),
        }
    }

    /// The waiting call that gets a process that stands by; it runs.
    pub(super) fn next(&mut self, now: Instant) -> Option<(FlowKey, W)> {
        if self.idle == 0 {
            return None;
        }
        let place = self.first_in_line(now)?;
        let (flow, mut calls) = self.waiting.remove(place)?;
        let call = calls.pop_front()?;
        if !calls.is_empty() {
            self.waiting.push_back((flow, calls));
        }
        self.run(flow);
        Some((flow, call))
    }

    /// Takes calls out that wait no longer.
    pub(super) fn forget(&mut self, is_gone: impl Fn(&W) -> bool) {
        for (_, calls) in &mut self.waiting {
            calls.retain(|call| !is_gone(call));
        }
        self.waiting.retain(|(_, calls)| !calls.is_empty());
    }

    /// A running call has become slow.
    pub(super) fn slowed(&mut self, flow: FlowKey) {
        self.slow += 1;
        self.held.entry(flow).or_default().slow += 1;
    }

    /// A running call has ended; its process is none of those that are counted here until [`Turns::comes`].
    pub(super) fn ended(&mut self, flow: FlowKey, slow: bool) {
        self.running = self.running.saturating_sub(1);
        self.slow = self.slow.saturating_sub(usize::from(slow));
        if let Some(held) = self.held.get_mut(&flow) {
            held.workers = held.workers.saturating_sub(1);
            held.slow = held.slow.saturating_sub(usize::from(slow));
            if held.workers == 0 {
                self.held.remove(&flow);
            }
        }
    }

    /// A process starts or checks itself.
    pub(super) fn comes(&mut self) {
        self.coming += 1;
    }

    /// A process that was to come does not.
    pub(super) fn lost(&mut self) {
        self.coming = self.coming.saturating_sub(1);
    }

    /// A process that was to come is there. False when it is one too many, and is to be ended.
    pub(super) fn arrived(&mut self, now: Instant) -> bool {
        self.coming = self.coming.saturating_sub(1);
        self.idle += 1;
        let needed = self.processes() <= self.workers + self.spares
            || self.slow >= self.workers
            || self.first_in_line(now).is_some();
        self.idle -= usize::from(!needed);
        needed
    }

    /// Whether a process that has ended is to be replaced.
    pub(super) fn replaces(&self) -> bool {
        self.processes() < self.workers + self.spares
    }

    /// Whether a call waits that needs an extra worker.
    pub(super) fn wants_extra(&self, now: Instant) -> bool {
        self.idle == 0
            && self.coming == 0
            && self.processes() < 2 * self.workers + self.spares
            && self.first_in_line(now).is_some()
    }

    fn processes(&self) -> usize {
        self.idle + self.coming + self.running
    }

    fn run(&mut self, flow: FlowKey) {
        self.idle -= 1;
        self.running += 1;
        self.held.entry(flow).or_default().workers += 1;
    }

    /// The place of the flow whose turn it is.
    fn first_in_line(&self, now: Instant) -> Option<usize> {
        let held = |flow: &FlowKey| self.held.get(flow).map_or(0, |held| held.workers);
        let able = self.waiting.iter().enumerate();
        let able = able.filter(|(_, (flow, _))| self.may_run(*flow, now));
        able.min_by_key(|(_, (flow, _))| held(flow))
            .map(|(place, _)| place)
    }

    fn may_run(&self, flow: FlowKey, now: Instant) -> bool {
        let slow = self.held.get(&flow).map_or(0, |held| held.slow);
        let crowds = slow > 0 && slow * 2 >= self.workers;
        if self.running < self.workers {
            !crowds || !self.others_may_come(flow, now)
        } else {
            !crowds && self.running == self.slow && self.running < 2 * self.workers
        }
    }

    fn others_may_come(&self, flow: FlowKey, now: Instant) -> bool {
        let others = self.recent.iter().flatten();
        others
            .filter(|(other, _)| *other != flow)
            .any(|(_, asked)| now.saturating_duration_since(*asked) < REMEMBERED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNA: FlowKey = FlowKey(1);
    const BERT: FlowKey = FlowKey(2);
    const CARL: FlowKey = FlowKey(3);

    /// Turns with all their processes standing by, and the moment.
    fn turns(workers: usize, spares: usize) -> (Turns<u32>, Instant) {
        let mut turns = Turns::new(workers, spares);
        let now = Instant::now();
        for _ in 0..workers + spares {
            turns.comes();
            assert!(turns.arrived(now));
        }
        (turns, now)
    }

    /// A call comes: whether it runs at once, else it waits.
    fn call(turns: &mut Turns<u32>, flow: FlowKey, number: u32, now: Instant) -> bool {
        turns.asked(flow, now);
        let runs = turns.take(flow, now);
        if !runs {
            turns.wait(flow, number);
        }
        runs
    }

    /// A call ends whose worker is clean: the call that gets it.
    fn end(turns: &mut Turns<u32>, flow: FlowKey, slow: bool, now: Instant) -> Option<u32> {
        turns.ended(flow, slow);
        turns.comes();
        turns.arrived(now);
        turns.next(now).map(|(_, call)| call)
    }

    #[test]
    fn flows_take_turns_and_within_a_flow_the_first_come_is_first() {
        let (mut turns, now) = turns(1, 0);
        assert!(call(&mut turns, ANNA, 0, now));
        for number in [11, 12, 13] {
            assert!(!call(&mut turns, ANNA, number, now));
        }
        for number in [21, 22] {
            assert!(!call(&mut turns, BERT, number, now));
        }
        assert!(!call(&mut turns, CARL, 31, now));
        let mut served = Vec::new();
        let mut last = ANNA;
        while let Some(number) = end(&mut turns, last, false, now) {
            served.push(number);
            last = FlowKey(u64::from(number / 10));
        }
        assert_eq!(served, [11, 21, 31, 12, 22, 13]);
    }

    #[test]
    fn the_flow_that_holds_less_is_next() {
        let (mut turns, now) = turns(2, 0);
        assert!(call(&mut turns, ANNA, 1, now) && call(&mut turns, ANNA, 2, now));
        assert!(!call(&mut turns, ANNA, 3, now) && !call(&mut turns, BERT, 4, now));
        assert_eq!(end(&mut turns, ANNA, false, now), Some(4));
    }

    #[test]
    fn one_flow_with_fast_calls_keeps_all_workers_busy() {
        let (mut turns, now) = turns(4, 0);
        call(&mut turns, BERT, 0, now);
        end(&mut turns, BERT, false, now);
        assert!((1..=4).all(|number| call(&mut turns, ANNA, number, now)));
        assert!(!call(&mut turns, ANNA, 5, now) && !turns.wants_extra(now));
        assert_eq!(end(&mut turns, ANNA, false, now), Some(5));
    }

    #[test]
    fn slow_calls_get_half_of_the_workers_while_others_may_need_them() {
        let (mut turns, now) = turns(4, 0);
        call(&mut turns, BERT, 0, now);
        end(&mut turns, BERT, false, now);
        for number in [1, 2] {
            assert!(call(&mut turns, ANNA, number, now));
            turns.slowed(ANNA);
        }
        assert!(!call(&mut turns, ANNA, 3, now));
        assert!(turns.next(now).is_none() && !turns.wants_extra(now));
        assert!(call(&mut turns, BERT, 4, now) && call(&mut turns, CARL, 5, now));
        // A minute later nobody else has come.
        let later = now + REMEMBERED;
        turns.asked(ANNA, later);
        end(&mut turns, CARL, false, later);
        assert_eq!(turns.held[&ANNA].workers, 3, "it may use the rest");
    }

    #[test]
    fn a_flow_that_is_alone_may_use_all_workers_for_slow_calls() {
        let (mut turns, now) = turns(2, 0);
        for number in [1, 2] {
            assert!(call(&mut turns, ANNA, number, now));
            turns.slowed(ANNA);
        }
        assert!(!call(&mut turns, ANNA, 3, now));
        assert!(!turns.wants_extra(now), "not for the flow that is slow");
    }

    #[test]
    fn another_flow_gets_an_extra_worker_when_slow_calls_hold_all_and_it_ends_with_them() {
        let (mut turns, now) = turns(2, 0);
        assert!(call(&mut turns, ANNA, 1, now) && call(&mut turns, ANNA, 2, now));
        assert!(!call(&mut turns, BERT, 3, now));
        turns.slowed(ANNA);
        assert!(!turns.wants_extra(now), "a worker will be free soon");
        turns.slowed(ANNA);
        assert!(turns.wants_extra(now));
        turns.comes();
        assert!(!turns.wants_extra(now), "it is on its way");
        assert!(turns.arrived(now));
        assert_eq!(turns.next(now), Some((BERT, 3)));
        // It stays while it is needed, and nobody slow gets it.
        assert_eq!(end(&mut turns, BERT, false, now), None);
        assert!(!call(&mut turns, ANNA, 4, now));
        assert!(call(&mut turns, BERT, 5, now));
        // A worker that was killed is not replaced: the extra one takes its place.
        turns.ended(ANNA, true);
        assert!(!turns.replaces());
        turns.ended(ANNA, true);
        assert!(turns.replaces());
    }

    #[test]
    fn an_extra_worker_is_ended_when_the_others_come_back() {
        let (mut turns, now) = turns(2, 0);
        assert!(call(&mut turns, ANNA, 1, now) && call(&mut turns, ANNA, 2, now));
        turns.slowed(ANNA);
        turns.slowed(ANNA);
        assert!(!call(&mut turns, BERT, 3, now));
        turns.comes();
        assert!(turns.arrived(now));
        assert!(turns.next(now).is_some());
        turns.ended(ANNA, true);
        turns.comes();
        assert!(!turns.arrived(now), "one too many");
        assert!(!turns.replaces());
    }

    #[test]
    fn there_are_at_most_as_many_extra_workers_as_workers() {
        let (mut turns, now) = turns(2, 0);
        let mut extras = 0;
        for number in 0..10 {
            let flow = FlowKey(u64::from(number));
            if !call(&mut turns, flow, number, now) && turns.wants_extra(now) {
                extras += 1;
                turns.comes();
                assert!(turns.arrived(now));
                assert_eq!(turns.next(now), Some((flow, number)));
            }
            if turns.held.contains_key(&flow) {
                turns.slowed(flow);
            }
        }
        assert_eq!(extras, 2);
    }

    #[test]
    fn where_there_is_one_worker_its_spare_is_there_for_another_flow() {
        let (mut turns, now) = turns(1, 1);
        assert!(call(&mut turns, ANNA, 1, now));
        assert!(!call(&mut turns, ANNA, 2, now), "one at a time");
        turns.slowed(ANNA);
        assert!(turns.next(now).is_none());
        assert!(call(&mut turns, BERT, 3, now));
    }

    #[test]
    fn calls_that_were_given_up_are_not_served() {
        let (mut turns, now) = turns(1, 0);
        assert!(call(&mut turns, ANNA, 1, now));
        assert!(!call(&mut turns, BERT, 2, now) && !call(&mut turns, BERT, 3, now));
        turns.forget(|call| *call == 2);
        assert_eq!(end(&mut turns, ANNA, false, now), Some(3));
        turns.forget(|_| true);
        assert_eq!(end(&mut turns, BERT, false, now), None);
        assert!(turns.waiting.is_empty() && turns.held.is_empty());
    }
}
