//! Tests only: rounds of made-up input, each made from a number so that a finding can be repeated.
//!
//! `SYMBOT_FUZZ_ROUNDS` sets how many are played (CI: a few), `SYMBOT_FUZZ_SECONDS` for how long at most,
//! `SYMBOT_FUZZ_SEED` with which number they begin.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout)]

use std::time::{Duration, Instant};

/// Rounds of each kind when nobody says otherwise.
const ROUNDS: u64 = 150;

/// Numbers that look random (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() % limit.max(1) as u64).unwrap()
    }

    /// True once in so many times.
    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Most memory that this process ever had; 0 where the system does not tell.
pub(crate) fn peak_memory_kb() -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
            line.split_whitespace().nth(1)?.parse().ok()
        })
        .unwrap_or(0)
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays rounds until there were enough, or until the time is over.
pub(crate) fn rounds(what: &str, play: impl Fn(u64, &mut Dice)) {
    let count = setting("SYMBOT_FUZZ_ROUNDS").unwrap_or(ROUNDS);
    let seconds = setting("SYMBOT_FUZZ_SECONDS").map(Duration::from_secs);
    let first = setting("SYMBOT_FUZZ_SEED").unwrap_or(1);
    let began = Instant::now();
    let mut played = 0;
    for round in first..first.saturating_add(count) {
        if seconds.is_some_and(|limit| began.elapsed() > limit) {
            break;
        }
        play(round, &mut Dice(round));
        played += 1;
    }
    println!(
        "{what}: {played} rounds in {:?}, at most {} MB",
        began.elapsed(),
        peak_memory_kb() / 1024
    );
}
