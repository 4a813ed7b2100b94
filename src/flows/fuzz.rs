//! Tests only: whatever the text, loading comes back, without a panic and within its limits. Texts are the root modules
//! of `tests/flows`, cut up and put together again, and made-up expressions.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use proptest::prelude::*;

use super::{LoadOptions, load};

/// Pieces that are likely to get far.
const PIECES: [&str; 44] = [
    "${",
    "%{",
    "}",
    "{",
    "[",
    "]",
    "(",
    ")",
    "\"",
    "<<E\n",
    "\nE\n",
    "<<-E\n",
    "\n",
    " = ",
    "==",
    "? 1 : ",
    "...",
    "[*]",
    ".*",
    "for x in ",
    " : x",
    " => x",
    "if ",
    "else",
    "endif",
    "endfor",
    "local.a",
    "var.b",
    "module.m",
    "each.key",
    "sym_flow.this",
    "null",
    "true",
    "1e400",
    "-",
    "!",
    "range(9e9)",
    "format(\"%999999999d\", 1)",
    "try(",
    "can(",
    "jsondecode(\"",
    "\\",
    "é",
    "\u{feff}",
];

fn seeds() -> Vec<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flows");
    let mut texts: Vec<String> = ["ok", "bad"]
        .iter()
        .flat_map(|kind| std::fs::read_dir(dir.join(kind)).unwrap())
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path().join("main.tf")).ok())
        .collect();
    texts.sort();
    texts
}

/// Where characters start.
fn cut(text: &str, at: prop::sample::Index) -> usize {
    let starts: Vec<usize> = text
        .char_indices()
        .map(|(start, _)| start)
        .chain([text.len()])
        .collect();
    starts[at.index(starts.len())]
}

fn loads(text: &str) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("main.tf"), text).unwrap();
    std::fs::write(dir.path().join("impl.py"), "x = 1\n").unwrap();
    let loaded = load(&LoadOptions {
        dirs: vec![dir.path().to_owned()],
        ..LoadOptions::default()
    });
    let inside = loaded
        .diagnostics
        .iter()
        .find(|diagnostic| diagnostic.message.contains("please report this"));
    assert!(inside.is_none(), "panic on:\n{text}");
    for diagnostic in &loaded.diagnostics {
        let _ = diagnostic.render(&loaded.sources);
    }
}

proptest! {
    // `PROPTEST_CASES` makes it longer.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn spoilt_configurations_do_no_harm(
        seed in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..3), 1..6),
    ) {
        let seeds = seeds();
        let mut text = seed.get(&seeds).clone();
        for (from, to, piece, kind) in changes {
            let (from, to) = (cut(&text, from), cut(&text, to));
            let piece = *piece.get(&PIECES);
            match kind {
                0 => text.insert_str(from, piece),
                1 => text.replace_range(from.min(to)..from.max(to), ""),
                _ => {
                    let copy = text[from.min(to)..from.max(to)].to_owned();
                    text.insert_str(from, &copy);
                }
            }
        }
        loads(&text);
    }

    #[test]
    fn made_up_expressions_do_no_harm(pieces in prop::collection::vec(any::<prop::sample::Index>(), 1..30)) {
        let expression: String = pieces.iter().map(|piece| *piece.get(&PIECES)).collect();
        loads(&format!("locals {{\n  a = {expression}\n  b = \"{expression}\"\n}}\nvariable \"b\" {{ default = 1 }}\n"));
    }
}

#[test]
fn long_chains_and_deep_nests_are_refused_not_died_of() {
    let chain: String = (1..5_000)
        .map(|i| format!("  a{i} = local.a{}\n", i - 1))
        .collect();
    loads(&format!("locals {{\n  a0 = 1\n{chain}}}\n"));
    let nest: String = (1..300)
        .map(|i| format!("  n{i} = [local.n{}]\n", i - 1))
        .collect();
    loads(&format!("locals {{\n  n0 = 1\n{nest}}}\n"));
    loads(&format!(
        "locals {{\n  a = {}1{}\n}}\n",
        "[".repeat(5_000),
        "]".repeat(5_000)
    ));
    loads(&format!("locals {{\n  a = {}\n}}\n", "-".repeat(5_000)));
    loads(&format!(
        "locals {{\n  a = \"{}\n}}\n",
        "${\"".repeat(3_000)
    ));
    let doubling: String = (1..60)
        .map(|i| format!("  s{i} = \"${{local.s{0}}}${{local.s{0}}}\"\n", i - 1))
        .collect();
    loads(&format!("locals {{\n  s0 = \"lol\"\n{doubling}}}\n"));
    loads("locals {\n  a = setproduct(range(1000), range(1000), range(1000))\n}\n");
    loads("locals {\n  a = replace(join(\"\", range(1000)), \"\", join(\"\", range(1000)))\n}\n");
    loads("resource \"sym_target\" \"a\" {\n  count = 1000000000\n  name = \"x\"\n}\n");
}
