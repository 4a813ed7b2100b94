//! Damage to the files: whatever is done to them, opening and reading give either exactly what was written or an error that
//! says what to do. Never a wrong answer, never a panic, never a hang.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fixtures::{open, transition};
use super::state::{Names, State, read};
use crate::domain::run::Status;
use crate::store::{Store, StoreError};

const RUNS: u64 = 60;

/// Small and repeatable; only spreads the damage.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end.max(1)
    }
}

fn names() -> Names {
    Names {
        runs: (0..RUNS).collect(),
        keys: (0..RUNS)
            .map(|number| format!("envelope-{number}-1"))
            .collect(),
        values: (0..10).map(|number| format!("person/{number}")).collect(),
        blobs: vec!["flow".into()],
    }
}

/// Writes a data directory and copies it: as a clean stop leaves it, or as a kill does.
async fn original(root: &Path, clean: bool) -> (PathBuf, State) {
    let (data, copy) = (root.join("written"), root.join("original"));
    let store = open(&data).unwrap();
    store
        .put_blob("flow".into(), "code ".repeat(30_000))
        .await
        .unwrap();
    for number in 0..RUNS {
        for revision in 1..=3 {
            let status = if number % 3 == 0 && revision == 3 {
                Status::Denied
            } else {
                Status::Requested
            };
            store
                .commit(transition(number, revision, status))
                .await
                .unwrap();
        }
    }
    let state = read(&store, &names()).await.unwrap();
    if clean {
        store.close().await.unwrap();
    }
    copy_dir(&data, &copy);
    (copy, state)
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Damages one file and says how.
fn damage(data: &Path, random: &mut Random) -> String {
    let files: Vec<PathBuf> = files(data)
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name != "lock"))
        .collect();
    // sled's file is where most is at stake.
    let file = match random.below(2) {
        0 => data.join("store/db"),
        _ => files[random.below(files.len() as u64) as usize].clone(),
    };
    let mut bytes = fs::read(&file).unwrap();
    // Where something is written: the rest of a segment is zeros.
    let used = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let at = random.below(used as u64) as usize;
    let what = match random.below(if used == 0 { 1 } else { 5 }) {
        0 => {
            fs::remove_file(&file).unwrap();
            return format!("{} deleted", file.display());
        }
        1 => {
            bytes.truncate(at);
            format!("cut to {at}")
        }
        2 => {
            let end = (at / 4096 * 4096 + 4096).min(bytes.len());
            bytes[at / 4096 * 4096..end].fill(0);
            format!("page at {at} zeroed")
        }
        3 => {
            for _ in 0..8 {
                let at = random.below(used as u64) as usize;
                bytes[at] = random.below(256) as u8;
            }
            "eight bytes changed".to_owned()
        }
        _ => {
            bytes[at] ^= 1 << random.below(8);
            format!("bit flipped at {at}")
        }
    };
    fs::write(&file, bytes).unwrap();
    format!("{} {what}", file.display())
}

/// Opens and reads everything; the error, if any.
fn look(data: &Path) -> Result<State, StoreError> {
    let data = data.to_owned();
    let (done, waiting) = std::sync::mpsc::channel();
    let looking = std::thread::spawn(move || {
        let result = open(&data).and_then(|store| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            let state = runtime.block_on(read(&store, &names()));
            drop(store);
            state
        });
        let _ = done.send(result);
    });
    let result = waiting
        .recv_timeout(Duration::from_secs(60))
        .expect("opening hangs or panics");
    looking.join().unwrap();
    result
}

async fn trials(count: u64, clean: bool, seed: u64) {
    let root = tempfile::tempdir().unwrap();
    let (original, expected) = original(root.path(), clean).await;
    assert_eq!(
        look(&{
            let untouched = root.path().join("untouched");
            copy_dir(&original, &untouched);
            untouched
        })
        .unwrap(),
        expected,
        "the copy itself is not whole"
    );
    let mut random = Random(seed);
    let (mut fine, mut noticed) = (0, 0);
    for trial in 0..count {
        let data = root.path().join(format!("trial-{trial}"));
        copy_dir(&original, &data);
        let what = damage(&data, &mut random);
        match look(&data) {
            Ok(state) => {
                assert!(state == expected, "silent wrong read after: {what}");
                fine += 1;
            }
            Err(error) => {
                let text = error.to_string();
                assert!(
                    text.contains("restore") || text.contains("the store failed"),
                    "{what}: {text} does not say what to do"
                );
                noticed += 1;
            }
        }
        fs::remove_dir_all(&data).unwrap();
    }
    println!("{count} damages: {noticed} noticed, {fine} without effect");
    assert!(
        noticed > count / 4,
        "the damage hardly hit anything: {noticed} of {count}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_after_a_clean_stop_is_never_a_silent_wrong_read() {
    trials(20, true, 0x9e37_79b9_7f4a_7c15).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_after_a_kill_is_never_a_silent_wrong_read() {
    trials(20, false, 0xd1b5_4a32_d192_ed03).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn damage_is_never_a_silent_wrong_read_in_400_trials() {
    trials(200, true, 0x2545_f491_4f6c_dd1d).await;
    trials(200, false, 0x5851_f42d_4c95_7f2d).await;
}
