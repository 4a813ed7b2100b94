//! Power cuts: what the store does to its files is recorded (see `powercut/shim.c`) and replayed up to random moments, with
//! what was not synced by then kept or lost at random, block by block. Every image must open, and hold everything
//! acknowledged before the cut.
//!
//! What a disk may do here: data is durable once `fsync` or `fdatasync` of its file has returned; of other writes, each block
//! of 4 KB may have arrived or not. Names are durable once their directory was synced; of later changes to names, the first
//! few have arrived, in order. The same replay with the syncs of sled's file taken out must show losses: that tests the test.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::crash::{check, child, parse_ack};
use super::tamper::Random;

const BLOCK: usize = 4096;

/// One record of the shim.
#[derive(Debug)]
enum Event {
    /// A file or directory got a name.
    Made {
        inode: u64,
        path: PathBuf,
        dir: bool,
    },
    Wrote {
        inode: u64,
        offset: usize,
        bytes: Vec<u8>,
    },
    Sized {
        inode: u64,
        size: usize,
    },
    SyncBegan {
        id: (usize, u64),
    },
    SyncEnded {
        inode: u64,
        id: (usize, u64),
    },
    Renamed {
        from: PathBuf,
        to: PathBuf,
    },
    Unlinked {
        path: PathBuf,
    },
    Acknowledged {
        run: u64,
        revision: u64,
    },
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_ne_bytes(bytes.try_into().unwrap())
}

fn parse(log: &[u8], session: usize, events: &mut Vec<Event>) {
    let text = |bytes: &[u8]| PathBuf::from(std::str::from_utf8(bytes).unwrap());
    let mut rest = log;
    // The process was killed: the last record may be cut off.
    while rest.len() >= 25 {
        let (kind, inode) = (rest[0], number(&rest[1..9]));
        let (value, length) = (number(&rest[9..17]), number(&rest[17..25]) as usize);
        if rest.len() < 25 + length {
            break;
        }
        let bytes = &rest[25..25 + length];
        rest = &rest[25 + length..];
        events.push(match kind {
            b'C' | b'M' => Event::Made {
                inode,
                path: text(bytes),
                dir: kind == b'M',
            },
            b'W' => Event::Wrote {
                inode,
                offset: value as usize,
                bytes: bytes.to_vec(),
            },
            b'T' => Event::Sized {
                inode,
                size: value as usize,
            },
            b'B' => Event::SyncBegan {
                id: (session, value),
            },
            b'E' => Event::SyncEnded {
                inode,
                id: (session, value),
            },
            b'R' => {
                let zero = bytes.iter().position(|byte| *byte == 0).unwrap();
                Event::Renamed {
                    from: text(&bytes[..zero]),
                    to: text(&bytes[zero + 1..]),
                }
            }
            b'U' => Event::Unlinked { path: text(bytes) },
            b'A' => {
                for line in String::from_utf8_lossy(bytes).lines() {
                    if let Some((run, revision)) = parse_ack(line) {
                        events.push(Event::Acknowledged { run, revision });
                    }
                }
                continue;
            }
            other => panic!("unknown record {other}"),
        });
    }
}

/// Records sessions of the writing child on one directory, each ended as by a kill.
fn recorded(root: &Path, sessions: &[Duration], large: bool) -> Vec<Event> {
    let shim = root.join("shim.so");
    let source = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/store/tests/powercut/shim.c"
    );
    // Where Rust can link, there is a C compiler.
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([shim.as_os_str(), source.as_ref()])
        .args(["-ldl", "-lpthread"])
        .status()
        .unwrap();
    assert!(built.success(), "the shim cannot be built");
    let data = root.join("data");
    let mut events = Vec::new();
    for (session, length) in sessions.iter().enumerate() {
        let log = root.join(format!("log-{session}"));
        let mut child = child(&data, session as u64 * 1_000_000, large)
            .env("LD_PRELOAD", &shim)
            .env("POWERCUT_ROOT", &data)
            .env("POWERCUT_LOG", &log)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(*length);
        // At its next change, see the shim: a kill between a change and its record would falsify the recording.
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::USR1).unwrap();
        child.wait().unwrap();
        parse(&fs::read(&log).unwrap(), session, &mut events);
        fs::remove_file(log).unwrap();
    }
    events
}

enum Change {
    Write(usize, Vec<u8>),
    Size(usize),
}

#[derive(Default)]
struct Inode {
    durable: Vec<u8>,
    /// With the number of the event.
    pending: Vec<(usize, Change)>,
    dir: bool,
}

fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if content.len() < offset + bytes.len() {
        content.resize(offset + bytes.len(), 0);
    }
    content[offset..offset + bytes.len()].copy_from_slice(bytes);
}

enum NameChange {
    Add(PathBuf, u64),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl NameChange {
    /// The directories whose sync makes it durable: any one of them will do, as in every journaling file system.
    fn dirs(&self) -> Vec<&Path> {
        let paths: Vec<&PathBuf> = match self {
            Self::Add(path, _) | Self::Remove(path) => vec![path],
            Self::Rename(from, to) => vec![from, to],
        };
        paths.into_iter().filter_map(|path| path.parent()).collect()
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Self::Add(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            Self::Rename(from, to) => {
                let moved: Vec<_> = names
                    .iter()
                    .filter(|(path, _)| path.starts_with(from))
                    .map(|(path, inode)| (path.clone(), *inode))
                    .collect();
                for (path, inode) in moved {
                    names.remove(&path);
                    let rest = path.strip_prefix(from).unwrap();
                    let target = if rest.as_os_str().is_empty() {
                        to.clone()
                    } else {
                        to.join(rest)
                    };
                    names.insert(target, inode);
                }
            }
            Self::Remove(path) => {
                names.remove(path);
            }
        }
    }
}

/// The disk, played forward event by event.
#[derive(Default)]
struct Disk {
    inodes: HashMap<u64, Inode>,
    /// Names as the running system sees them, to know which file is which.
    now: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    pending_names: Vec<(usize, NameChange)>,
    begun: HashMap<(usize, u64), usize>,
    acknowledged: HashMap<u64, u64>,
}

impl Disk {
    fn play(&mut self, at: usize, event: &Event, without_sync_of: Option<&str>) {
        match event {
            Event::Made { inode, path, dir } => {
                self.inodes.insert(
                    *inode,
                    Inode {
                        dir: *dir,
                        ..Inode::default()
                    },
                );
                self.name(at, NameChange::Add(path.clone(), *inode));
            }
            Event::Wrote {
                inode,
                offset,
                bytes,
            } => {
                self.change(at, *inode, Change::Write(*offset, bytes.clone()));
            }
            Event::Sized { inode, size } => self.change(at, *inode, Change::Size(*size)),
            Event::SyncBegan { id } => {
                self.begun.insert(*id, at);
            }
            Event::SyncEnded { inode, id } => {
                let path = self
                    .now
                    .iter()
                    .find(|(_, named)| *named == inode)
                    .map(|(path, _)| path.clone());
                if let (Some(skipped), Some(path)) = (without_sync_of, &path)
                    && path.ends_with(skipped)
                {
                    return;
                }
                self.synced(*inode, path.as_deref(), self.begun[id]);
            }
            Event::Renamed { from, to } => {
                self.name(at, NameChange::Rename(from.clone(), to.clone()))
            }
            Event::Unlinked { path } => self.name(at, NameChange::Remove(path.clone())),
            Event::Acknowledged { run, revision } => {
                self.acknowledged.insert(*run, *revision);
            }
        }
    }

    fn name(&mut self, at: usize, change: NameChange) {
        change.apply(&mut self.now);
        self.pending_names.push((at, change));
    }

    fn change(&mut self, at: usize, inode: u64, change: Change) {
        self.inodes
            .get_mut(&inode)
            .expect("a file that was never made")
            .pending
            .push((at, change));
    }

    fn synced(&mut self, inode: u64, path: Option<&Path>, began: usize) {
        let file = self
            .inodes
            .get_mut(&inode)
            .expect("a file that was never made");
        if file.dir {
            // A name is durable with its directory, and names arrive in order.
            let last = self.pending_names.iter().rposition(|(at, change)| {
                *at < began && path.is_some_and(|path| change.dirs().contains(&path))
            });
            for (_, change) in self.pending_names.drain(..last.map_or(0, |last| last + 1)) {
                change.apply(&mut self.durable_names);
            }
            return;
        }
        let later = file
            .pending
            .iter()
            .position(|(at, _)| *at >= began)
            .unwrap_or(file.pending.len());
        for (_, change) in file.pending.drain(..later) {
            match change {
                Change::Write(offset, bytes) => put(&mut file.durable, offset, &bytes),
                Change::Size(size) => file.durable.resize(size, 0),
            }
        }
    }

    /// Writes the disk as a cut at this moment may leave it. Of 100 unsynced blocks, `kept` arrive.
    fn cut(&self, root: &Path, original: &Path, kept: u64, random: &mut Random) {
        let mut names = self.durable_names.clone();
        let arrived = random.below(self.pending_names.len() as u64 + 1) as usize;
        for (_, change) in &self.pending_names[..arrived] {
            change.apply(&mut names);
        }
        fs::create_dir_all(root).unwrap();
        for (path, inode) in names {
            let target = root.join(path.strip_prefix(original).unwrap());
            let file = &self.inodes[&inode];
            if file.dir {
                fs::create_dir_all(target).unwrap();
                continue;
            }
            let mut content = file.durable.clone();
            for (_, change) in &file.pending {
                match change {
                    Change::Size(size) if random.below(100) < kept => content.resize(*size, 0),
                    Change::Size(_) => {}
                    Change::Write(offset, bytes) => {
                        let mut from = 0;
                        while from < bytes.len() {
                            // Up to the next border of a block in the file.
                            let to =
                                (((offset + from) / BLOCK + 1) * BLOCK - offset).min(bytes.len());
                            if random.below(100) < kept {
                                put(&mut content, offset + from, &bytes[from..to]);
                            }
                            from = to;
                        }
                    }
                }
            }
            // A file can have arrived without the directory that it is in only if the order were broken.
            fs::write(target, content).unwrap();
        }
    }
}

/// Replays to those moments, which come in order. Returns how many images were not as they must be, with the first reason.
fn replay(
    events: &[Event],
    root: &Path,
    moments: &[usize],
    without_sync_of: Option<&str>,
) -> (u64, Option<String>) {
    let original = root.join("data");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut disk = Disk::default();
    let mut played = 0;
    let (mut bad, mut reason) = (0, None);
    for (trial, moment) in moments.iter().copied().enumerate() {
        for (at, event) in events.iter().enumerate().take(moment).skip(played) {
            disk.play(at, event, without_sync_of);
        }
        played = played.max(moment);
        let image = root.join(format!("image-{trial}"));
        let kept = [0, 10, 50, 90, 100][trial % 5];
        disk.cut(&image, &original, kept, &mut random);
        let acknowledged = disk.acknowledged.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.block_on(check(&image, &acknowledged, trial % 8 == 0))
        }));
        if let Err(panic) = looked {
            bad += 1;
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
                .unwrap_or_default();
            reason.get_or_insert(format!(
                "cut {trial} after event {moment}, {kept} % kept: {text}"
            ));
        }
        fs::remove_dir_all(&image).unwrap();
    }
    (bad, reason)
}

fn random_moments(events: &[Event], cuts: u64) -> Vec<usize> {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut moments: Vec<usize> = (0..cuts)
        .map(|_| random.below(events.len() as u64) as usize)
        .collect();
    moments.sort_unstable();
    moments
}

fn cut_power(sessions: &[Duration], large: bool, cuts: u64) {
    let root = tempfile::tempdir().unwrap();
    let events = recorded(root.path(), sessions, large);
    let acknowledged = events
        .iter()
        .filter(|event| matches!(event, Event::Acknowledged { .. }))
        .count();
    assert!(
        acknowledged > 100,
        "only {acknowledged} commits were recorded"
    );
    let (bad, reason) = replay(&events, root.path(), &random_moments(&events, cuts), None);
    println!(
        "{cuts} power cuts in {} events, {acknowledged} acknowledged commits: {bad} bad",
        events.len()
    );
    assert_eq!((bad, reason), (0, None));
}

#[test]
fn what_was_acknowledged_survives_power_cuts() {
    cut_power(
        &[Duration::from_millis(700), Duration::from_millis(500)],
        false,
        60,
    );
}

/// Opening writes too: whoever loses power while the bot starts must be able to start it again, and lose nothing.
#[test]
fn a_power_cut_at_any_moment_of_a_start_does_no_harm() {
    cut_power_during_starts(1);
}

fn cut_power_during_starts(times: usize) {
    let root = tempfile::tempdir().unwrap();
    let session = Duration::from_millis(400);
    let events = recorded(root.path(), &[session, session], false);
    let acknowledged_from = |start: usize| {
        let is_ack = |event: &Event| matches!(event, Event::Acknowledged { .. });
        start + events[start..].iter().position(is_ack).unwrap()
    };
    let second = events
        .iter()
        .position(|event| matches!(event, Event::SyncBegan { id: (1, _) }))
        .unwrap();
    let moments: Vec<usize> = (0..=acknowledged_from(0))
        .chain(second.saturating_sub(20)..=acknowledged_from(second))
        .flat_map(|moment| std::iter::repeat_n(moment, times))
        .collect();
    let (bad, reason) = replay(&events, root.path(), &moments, None);
    println!("{} power cuts during two starts: {bad} bad", moments.len());
    assert_eq!((bad, reason), (0, None));
}

#[test]
fn large_runs_survive_power_cuts() {
    cut_power(&[Duration::from_millis(900)], true, 25);
}

#[test]
fn the_replay_shows_the_loss_when_the_store_is_not_synced() {
    let root = tempfile::tempdir().unwrap();
    let events = recorded(root.path(), &[Duration::from_millis(700)], false);
    let moments = random_moments(&events, 15);
    let (bad, _) = replay(&events, root.path(), &moments, Some("store/db"));
    assert!(
        bad >= 5,
        "taking the syncs out was noticed in {bad} of 15 cuts only"
    );
}

#[test]
#[ignore = "takes many minutes"]
fn what_was_acknowledged_survives_1000_power_cuts() {
    let second = Duration::from_secs(1);
    // As many as there are shares of blocks that arrive.
    cut_power_during_starts(5);
    cut_power(&[4 * second, 2 * second, 2 * second], false, 700);
    cut_power(&[6 * second, 2 * second], true, 300);
}
