//! Backup while commits go on, restoring, and the sample of a stored format.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::fixtures::{open, transition};
use super::state::{Names, read};
use crate::domain::run::Status;
use crate::store::sled::{RestoreFrom, RestoreSummary};
use crate::store::{Store, StoreError, journal};

/// Made by each format from the commits of [`sample_commits`]; never to be changed. Whoever raises the format adds another.
const SAMPLES: [&str; 2] = [
    concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/store/testdata/format-1.backup"
    ),
    concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/store/testdata/format-2.backup"
    ),
];

/// A whole data directory of format 1, as a stopped bot left it: the same commits.
const SAMPLE_DIRECTORY_1: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/store/testdata/format-1.data"
);

fn sample_commits() -> Vec<crate::store::Commit> {
    (0..4)
        .flat_map(|number| {
            (1..=2).map(move |revision| {
                let decided = number == 1 && revision == 2;
                transition(
                    number,
                    revision,
                    if decided {
                        Status::Approved
                    } else {
                        Status::Requested
                    },
                )
            })
        })
        .collect()
}

fn restore(backup: &Path, dir: &Path) -> Result<RestoreSummary, StoreError> {
    let from = RestoreFrom {
        backup: Some(backup.to_owned()),
        ..RestoreFrom::default()
    };
    crate::store::sled::restore(&from, dir)
}

fn names(runs: u64) -> Names {
    Names {
        runs: (0..runs).collect(),
        keys: (0..runs)
            .map(|number| format!("envelope-{number}-1"))
            .collect(),
        values: (0..10).map(|number| format!("person/{number}")).collect(),
        blobs: vec!["flow".into()],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_backup_equals_the_state_at_one_moment_while_commits_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&dir.path().join("data")).unwrap());
    store
        .put_blob("flow".into(), "code ".repeat(40_000))
        .await
        .unwrap();
    for number in 0..300 {
        store
            .commit(transition(number, 1, Status::Requested))
            .await
            .unwrap();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writing = {
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut revision = 2;
            while !stop.load(Ordering::SeqCst) {
                for number in (0..300).step_by(3) {
                    store
                        .commit(transition(number, revision, Status::Requested))
                        .await
                        .unwrap();
                }
                revision += 1;
            }
        })
    };
    for round in 0..3 {
        let file = dir.path().join(format!("backup-{round}"));
        let made = store.backup(&file).await.unwrap();
        let restored = dir.path().join(format!("restored-{round}"));
        let summary = restore(&file, &restored).unwrap();
        assert_eq!(
            (summary.commits, summary.audit_lines),
            (made.commits, made.audit_lines)
        );
        // 300 first transitions, then the writer goes through every third run again and again: the state at commit n is known.
        let copy = open(&restored).unwrap();
        let later = made.audit_lines - 300;
        for number in 0..300_u64 {
            let expected = if number % 3 == 0 {
                1 + later / 100 + u64::from(number / 3 < later % 100)
            } else {
                1
            };
            let run = copy
                .run(super::fixtures::run_id(number))
                .await
                .unwrap()
                .unwrap();
            assert_eq!(
                run.revision, expected,
                "run {number} of a backup at line {}",
                made.audit_lines
            );
        }
        assert_eq!(
            copy.blob("flow".into()).await.unwrap().unwrap().len(),
            200_000
        );
        assert_eq!(copy.pending_effects().await.unwrap().len(), 300);
        // It goes on where the backup ended.
        copy.commit(transition(900, 1, Status::Requested))
            .await
            .unwrap();
        copy.close().await.unwrap();
        let lines = journal::verify(&restored.join("audit"), 0).unwrap().lines;
        assert_eq!(lines, made.audit_lines + 1);
    }
    stop.store(true, Ordering::SeqCst);
    writing.await.unwrap();
}

async fn backup_of_the_sample(dir: &Path) -> PathBuf {
    let file = dir.join("sample.backup");
    let store = open(&dir.join("sample")).unwrap();
    store
        .put_blob("flow".into(), "def get_permissions(event): ...".into())
        .await
        .unwrap();
    for commit in sample_commits() {
        store.commit(commit).await.unwrap();
    }
    store.backup(&file).await.unwrap();
    file
}

/// `cargo test … make_the_sample -- --ignored`, once for each new format.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes the sample"]
async fn make_the_sample() {
    let dir = tempfile::tempdir().unwrap();
    let file = backup_of_the_sample(dir.path()).await;
    let newest = Path::new(SAMPLES[SAMPLES.len() - 1]);
    assert!(!newest.exists(), "samples are never changed");
    fs::copy(file, newest).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_earlier_formats_have_written_is_still_read_and_continued() {
    let dir = tempfile::tempdir().unwrap();
    let new_file = backup_of_the_sample(dir.path()).await;
    let fresh_dir = dir.path().join("fresh");
    restore(&new_file, &fresh_dir).unwrap();
    let fresh = read(&open(&fresh_dir).unwrap(), &names(4)).await.unwrap();
    for (number, sample) in SAMPLES.iter().enumerate() {
        let restored = dir.path().join(format!("restored-{number}"));
        restore(Path::new(sample), &restored).unwrap();
        let old = open(&restored).unwrap();
        assert_eq!(read(&old, &names(4)).await.unwrap(), fresh, "{sample}");
        old.commit(transition(2, 3, Status::Denied)).await.unwrap();
    }
}

/// sled's file is mostly zeros; the sample is kept without them.
fn unpack(sample: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(sample).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            unpack(&entry.path(), &target);
            continue;
        }
        fs::copy(entry.path(), &target).unwrap();
        if entry.file_name() == "db" {
            let file = fs::OpenOptions::new().write(true).open(&target).unwrap();
            file.set_len(8 << 20).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_of_format_1_is_upgraded_and_can_then_be_restored_from_its_journals() {
    let dir = tempfile::tempdir().unwrap();
    let (data, again) = (dir.path().join("data"), dir.path().join("again"));
    let sample = Path::new(SAMPLE_DIRECTORY_1);
    unpack(sample, &data);
    fs::create_dir_all(data.join("store/blobs")).unwrap();
    let new_file = backup_of_the_sample(dir.path()).await;
    let fresh_dir = dir.path().join("fresh");
    restore(&new_file, &fresh_dir).unwrap();
    let fresh = read(&open(&fresh_dir).unwrap(), &names(4)).await.unwrap();

    let old = open(&data).unwrap();
    assert_eq!(read(&old, &names(4)).await.unwrap(), fresh);
    let format = fs::read_to_string(data.join("format")).unwrap();
    assert_eq!(format, "symbot-data 2\n");
    old.commit(transition(2, 3, Status::Denied)).await.unwrap();
    let (expected, position) = (read(&old, &names(4)).await.unwrap(), old.position());
    drop(old);
    // An upgrade that was interrupted before its last step is done again.
    fs::write(data.join("format"), "symbot-data 1\n").unwrap();
    let old = open(&data).unwrap();
    assert_eq!(read(&old, &names(4)).await.unwrap(), expected);
    drop(old);
    fs::remove_dir_all(data.join("store")).unwrap();
    let from = RestoreFrom {
        journal: Some(data),
        ..RestoreFrom::default()
    };
    crate::store::sled::restore(&from, &again).unwrap();
    let store = open(&again).unwrap();
    assert_eq!(read(&store, &names(4)).await.unwrap(), expected);
    assert_eq!(store.position(), position);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_and_incomplete_journals_are_refused_by_line_or_used_up_to_the_damage() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let store = open(&data).unwrap();
    for number in 0..6 {
        let commit = transition(number, 1, Status::Requested);
        store.commit(commit).await.unwrap();
    }
    let early = dir.path().join("early.backup");
    store.backup(&early).await.unwrap();
    for number in 6..12 {
        let commit = transition(number, 1, Status::Requested);
        store.commit(commit).await.unwrap();
    }
    store.close().await.unwrap();
    drop(store);
    let mut from = RestoreFrom {
        journal: Some(data.clone()),
        ..RestoreFrom::default()
    };
    let mut number = 0;
    let mut try_it = |from: &RestoreFrom| {
        number += 1;
        let target = dir.path().join(format!("target-{number}"));
        let result = crate::store::sled::restore(from, &target);
        assert_eq!(target.exists(), result.is_ok());
        result.map_err(|error| error.to_string())
    };
    let log = data.join("changes/changes-000000000001.log");
    let whole = fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = whole.lines().collect();

    // A line in the middle was changed.
    fs::write(&log, whole.replacen("envelope-8-1", "envelope-8-2", 1)).unwrap();
    let error = try_it(&from).unwrap_err();
    assert!(
        error.contains("changes-000000000001.log:9") && error.contains("--up-to-damage"),
        "{error}"
    );
    from.up_to_damage = true;
    let partly = try_it(&from).unwrap();
    assert_eq!((partly.commits, partly.audit_lines), (8, 8));
    assert_eq!(partly.left_out.len(), 2, "{:?}", partly.left_out);
    from.up_to_damage = false;

    // The last line was being written.
    fs::write(&log, &whole[..whole.len() - 30]).unwrap();
    let partly = try_it(&from).unwrap();
    assert_eq!((partly.commits, partly.audit_lines), (11, 11));

    // The first lines were moved away: only the backup has what was in them.
    fs::remove_file(&log).unwrap();
    let rest = data.join("changes/changes-000000000005.log");
    fs::write(&rest, lines[4..].join("\n") + "\n").unwrap();
    let error = try_it(&from).unwrap_err();
    assert!(error.contains("seq 1 is missing"), "{error}");
    from.backup = Some(early.clone());
    let all = try_it(&from).unwrap();
    assert_eq!((all.commits, all.audit_lines, all.replayed), (12, 12, 6));
    fs::remove_file(&rest).unwrap();
    fs::write(
        data.join("changes/changes-000000000008.log"),
        lines[7..].join("\n") + "\n",
    )
    .unwrap();
    let error = try_it(&from).unwrap_err();
    assert!(error.contains("commit 7 is needed"), "{error}");

    // The backup of another bot.
    let other = dir.path().join("other");
    let store = open(&other).unwrap();
    store
        .commit(transition(70, 1, Status::Requested))
        .await
        .unwrap();
    let foreign = dir.path().join("foreign.backup");
    store.backup(&foreign).await.unwrap();
    from.backup = Some(foreign);
    let error = try_it(&from).unwrap_err();
    assert!(error.contains("another history"), "{error}");
    let error = try_it(&RestoreFrom::default()).unwrap_err();
    assert!(error.contains("nothing to restore from"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_backup_is_refused_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let file = backup_of_the_sample(dir.path()).await;
    let whole = fs::read(&file).unwrap();
    let target = dir.path().join("target");
    for number in 0..12 {
        let mut bytes = whole.clone();
        let at = bytes.len() * number / 12;
        if number % 2 == 0 {
            bytes[at] ^= 4;
        } else {
            bytes.truncate(at);
        }
        fs::write(&file, bytes).unwrap();
        assert!(
            restore(&file, &target).is_err(),
            "damage at {at} went unnoticed"
        );
        assert!(!target.exists());
    }
    fs::write(&file, whole).unwrap();
    restore(&file, &target).unwrap();
    let error = restore(&file, &target).unwrap_err().to_string();
    assert!(error.contains("is not empty"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_or_backup_of_a_newer_version_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    drop(open(&data).unwrap());
    fs::write(data.join("format"), "symbot-data 3\n").unwrap();
    let error = open(&data).err().unwrap();
    assert!(matches!(error, StoreError::Failed(_)), "it is not damage");
    assert!(
        error
            .to_string()
            .contains("written by a newer symbot (format 3"),
        "{error}"
    );
    fs::write(data.join("format"), "something else").unwrap();
    assert!(matches!(open(&data), Err(StoreError::Damaged(_))));
    let backup = dir.path().join("newer.backup");
    fs::write(&backup, "symbot-backup 7\nand so on").unwrap();
    let error = restore(&backup, &dir.path().join("new"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("made by a newer symbot"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_never_overwrites_a_file_and_is_for_the_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let store = open(&data).unwrap();
    let file = dir.path().join("backup");
    store.backup(&file).await.unwrap();
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        fs::metadata(&data).unwrap().permissions().mode() & 0o777,
        0o700
    );
    assert!(store.backup(&file).await.is_err());
}
