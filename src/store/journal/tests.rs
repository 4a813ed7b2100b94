//! The chain by itself, and what opening makes of torn, short and changed journals.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::PathBuf;

use super::*;

/// A journal directory of `count` lines in files of `per_file` lines, and all the lines.
fn journal(count: u64, per_file: u64) -> (tempfile::TempDir, PathBuf, Vec<String>, String) {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("audit");
    let mut lines = Vec::new();
    let mut prev = NO_HASH.to_owned();
    let empty = Known {
        last: 0,
        last_hash: prev.clone(),
        tail: BTreeMap::new(),
        beyond_max: 0,
    };
    let mut open = Journal::open(AUDIT, &dir, &empty, u64::MAX).unwrap();
    for seq in 1..=count {
        let (line, hash) = chained(
            seq,
            &format!("\"id\":\"{seq}\",\"text\":\"ü\\n\\u0001\""),
            &prev,
        );
        if seq > 1 && (seq - 1) % per_file == 0 {
            open.rotate_bytes = 0;
        }
        open.append(seq, &format!("{line}\n")).unwrap();
        open.rotate_bytes = u64::MAX;
        lines.push(line);
        prev = hash;
    }
    (root, dir, lines, prev)
}

fn known(lines: &[String], hash: &str, tail: u64) -> Known {
    let last = lines.len() as u64;
    Known {
        last,
        last_hash: hash.to_owned(),
        tail: (last + 1 - tail..=last)
            .map(|seq| (seq, lines[seq as usize - 1].clone()))
            .collect(),
        beyond_max: 0,
    }
}

fn all(dir: &Path) -> Vec<String> {
    export(dir, None, None)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

fn last_file(dir: &Path) -> PathBuf {
    read::files(AUDIT, dir).unwrap().pop().unwrap().1
}

#[test]
fn files_follow_each_other_and_the_chain_runs_through_them() {
    let (_root, dir, lines, hash) = journal(10, 4);
    let names: Vec<_> = read::files(AUDIT, &dir)
        .unwrap()
        .into_iter()
        .map(|(first, _)| first)
        .collect();
    assert_eq!(names, [1, 5, 9]);
    let summary = verify(&dir, 10).unwrap();
    assert_eq!(
        summary,
        Summary {
            lines: 10,
            files: 3,
            last_hash: hash
        }
    );
    assert_eq!(all(&dir), lines);
}

#[test]
fn a_line_is_hashed_as_the_documentation_says() {
    let (_root, _dir, lines, _) = journal(1, 4);
    let without_hash = format!("{}\"}}", lines[0].split("\",\"hash\":").next().unwrap());
    let expected = crate::store::keys::hex(&<sha2::Sha256 as sha2::Digest>::digest(&without_hash));
    let value: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(value["hash"], expected);
    // The same through a JSON parser that keeps the order of members.
    let mut members = value.as_object().unwrap().clone();
    members.shift_remove("hash");
    assert_eq!(serde_json::to_string(&members).unwrap(), without_hash);
}

#[test]
fn any_torn_end_is_cut_and_written_again_from_the_store() {
    let (_root, dir, lines, hash) = journal(10, 4);
    let file = last_file(&dir);
    let whole = fs::read(&file).unwrap();
    for cut in 0..whole.len() {
        fs::write(&file, &whole[..cut]).unwrap();
        drop(Journal::open(AUDIT, &dir, &known(&lines, &hash, 2), u64::MAX).unwrap());
        assert_eq!(all(&dir), lines, "cut at {cut}");
    }
    // Blocks of zeros, as a power cut leaves them.
    for from in [0, 10, whole.len() / 2] {
        let mut torn = whole.clone();
        torn[from..].fill(0);
        fs::write(&file, &torn).unwrap();
        drop(Journal::open(AUDIT, &dir, &known(&lines, &hash, 2), u64::MAX).unwrap());
        assert_eq!(all(&dir), lines, "zeros from {from}");
    }
}

#[test]
fn damage_before_the_tail_is_an_error_and_not_repaired() {
    let (_root, dir, lines, hash) = journal(10, 4);
    let file = last_file(&dir);
    let whole = fs::read(&file).unwrap();
    // Line 9 is certain, line 10 is in the tail.
    for change in [vec![], whole[..lines[8].len() / 2].to_vec(), {
        let mut flipped = whole.clone();
        flipped[20] ^= 1;
        flipped
    }] {
        fs::write(&file, &change).unwrap();
        let error = Journal::open(AUDIT, &dir, &known(&lines, &hash, 1), u64::MAX)
            .err()
            .unwrap();
        assert!(matches!(error, StoreError::Damaged(_)), "{error}");
        assert_eq!(fs::read(&file).unwrap(), change, "damage was touched");
    }
    fs::remove_file(&file).unwrap();
    assert!(Journal::open(AUDIT, &dir, &known(&lines, &hash, 1), u64::MAX).is_err());
}

#[test]
fn a_journal_ahead_of_the_store_is_an_error() {
    let (_root, dir, lines, _) = journal(10, 4);
    let hash = check_line(&lines[8]).unwrap().hash.to_owned();
    let error = Journal::open(AUDIT, &dir, &known(&lines[..9], &hash, 1), u64::MAX)
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .contains("store is older than its journal"),
        "{error}"
    );
}

#[test]
fn lines_of_a_group_that_was_not_finished_are_set_aside_and_more_are_an_error() {
    let (_root, dir, lines, _) = journal(10, 4);
    let hash = check_line(&lines[7]).unwrap().hash.to_owned();
    // The last two are in a file of their own, the store ends with the eighth.
    let beyond = |beyond_max| Known {
        beyond_max,
        ..known(&lines[..8], &hash, 1)
    };
    let error = Journal::open(AUDIT, &dir, &beyond(1), u64::MAX)
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("2 lines beyond line 8"),
        "{error}"
    );
    let mut journal = Journal::open(AUDIT, &dir, &beyond(2), u64::MAX).unwrap();
    assert_eq!(all(&dir), lines[..8]);
    let aside = fs::read_to_string(dir.with_file_name("unfinished-audit-9.txt")).unwrap();
    assert_eq!(aside, format!("{}\n{}\n", lines[8], lines[9]));
    let (line, _) = chained(9, "\"id\":\"another\"", &hash);
    journal.append(9, &format!("{line}\n")).unwrap();
    drop(journal);
    assert_eq!(verify(&dir, 9).unwrap().lines, 9);
}

#[test]
fn a_reader_goes_on_where_it_was_through_all_files_and_never_beyond_what_is_durable() {
    let (_root, dir, lines, _) = journal(10, 4);
    let mut reader = LineReader::new(&dir, 2);
    let mut read = Vec::new();
    for last in [2, 3, 7, 8, 10] {
        loop {
            let some = reader.read(2, last).unwrap();
            if some.is_empty() {
                break;
            }
            read.extend(some);
        }
        assert_eq!(read.last().map_or(2, |(seq, _)| *seq), last);
    }
    let expected: Vec<_> = (3..).zip(lines[2..].iter().cloned()).collect();
    assert_eq!(read, expected);
    assert!(reader.read(1, 11).is_err(), "a line that is not there");
}

#[test]
fn a_whole_journal_that_was_lost_can_be_written_again_only_from_a_whole_tail() {
    let (_root, dir, lines, hash) = journal(3, 4);
    fs::remove_file(last_file(&dir)).unwrap();
    assert!(Journal::open(AUDIT, &dir, &known(&lines, &hash, 2), u64::MAX).is_err());
    drop(Journal::open(AUDIT, &dir, &known(&lines, &hash, 3), u64::MAX).unwrap());
    assert_eq!(all(&dir), lines);
}

#[test]
fn verify_names_the_first_line_that_was_changed_removed_inserted_or_moved() {
    let (_root, dir, lines, _) = journal(10, 4);
    let file = read::files(AUDIT, &dir).unwrap()[1].1.clone();
    let text = fs::read_to_string(&file).unwrap();
    let of_file: Vec<&str> = text.lines().collect();
    let mut cases: Vec<(Vec<String>, u64)> = Vec::new();
    let owned = |lines: &[&str]| {
        lines
            .iter()
            .map(|line| (*line).to_owned())
            .collect::<Vec<_>>()
    };
    for number in 0..4 {
        let mut changed = owned(&of_file);
        changed[number] = changed[number].replace("text", "test");
        cases.push((changed, number as u64 + 1));
        let mut removed = owned(&of_file);
        removed.remove(number);
        // The last line of a file is missed by the next file.
        cases.push((removed, if number == 3 { 1 } else { number as u64 + 1 }));
    }
    let mut inserted = owned(&of_file);
    inserted.insert(1, lines[0].clone());
    cases.push((inserted, 2));
    let mut moved = owned(&of_file);
    moved.swap(1, 2);
    cases.push((moved, 2));
    // A forger who makes a new hash still breaks the next line.
    let mut forged = owned(&of_file);
    let link = check_line(&forged[1]).unwrap();
    let line = chained(link.seq, "\"id\":\"forged\"", link.prev).0;
    forged[1] = line;
    cases.push((forged, 3));
    for (changed, expected) in cases {
        fs::write(&file, changed.join("\n") + "\n").unwrap();
        let bad = verify(&dir, 10).unwrap_err();
        assert_eq!(bad.line, expected, "{bad}");
    }
    fs::write(&file, text).unwrap();
    verify(&dir, 10).unwrap();
}
