//! Tests only: whatever is in the files, loading comes back, without a panic and within its limits of time and memory.
//!
//! Root modules of `tests/flows` are cut up, put together again and loaded, with all of their files; and expressions
//! are made up from the whole grammar, every function with arguments of every kind. Each round is made from a number, so
//! that a finding can be repeated, see [`crate::fuzzing`].

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::report::{inspect, report};
use super::{Assignment, LoadOptions, functions, load};
use crate::fuzzing::{Dice, peak_memory_kb, rounds};
use crate::policy::types::Inspection;

/// Longest load. The budget of work ends one after a few seconds; a busy machine takes its time.
const LOAD_LIMIT: Duration = Duration::from_secs(60);

/// Most memory of the whole test process, in kilobytes.
const MEMORY_LIMIT_KB: u64 = 3 * 1024 * 1024;

/// Pieces that are likely to get far.
const PIECES: &[&str] = &[
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
    "\u{0}",
    "\r\n",
    "/*",
    "*/",
    "#",
    "//",
    "$${",
    "~}",
    "%{~ if true ~}",
    "count = 1e9\n",
    "for_each = toset(range(1000))\n",
    "dynamic \"prompt_field\" {\n",
    "content {\n",
    "locals {\n",
    "variable \"v\" {\n",
    "module \"m\" {\n source = \"./\"\n",
    "source = \"../\"\n",
    "data \"sym_environment\" \"x\" {\n",
    "resource \"sym_flow\" \"x\" {\n",
    "templatefile(\"main.tf\", {})",
    "file(\"/etc/passwd\")",
    "file(\"/dev/zero\")",
    "fileset(\"/\", \"**\")",
    "yamldecode(\"",
    "&a [*a, *a]",
    "core::",
    "provider::a::b(",
    "optional(",
    "object({",
    "\\u",
    "\\U0010FFFF",
    "0x",
    "1.",
    ".5",
    "00",
    "[0]",
    "[\"a\"]",
    ".0",
    "::",
    "&&",
    "||",
    "%",
    "/",
];

/// Operands of made-up expressions.
const LEAVES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "2",
    "1.5",
    "1e9",
    "1e300",
    "-1e300",
    "1e-300",
    "99999999999999999999999999999999999999",
    "170141183460469231731687303715884105727",
    "0.1",
    "\"\"",
    "\"a\"",
    "\"é😀\"",
    "\"%s%d%v\"",
    "\"%5000d%.5000f\"",
    "\"10.0.0.0/8\"",
    "\"::/0\"",
    "\"255.255.255.255/32\"",
    "\"2026-01-31T08:05:09Z\"",
    "\"-999999999h\"",
    "\"YYYY-MM-DD'T'hh:mm\"",
    "\"/(a*)*b/\"",
    "\"(a*)*\"",
    "\"((a{1,100}){1,100}){1,100}\"",
    "\"\\\\p{L}+\"",
    "\"[\"",
    "\"**/*\"",
    "\"{\\\"a\\\":[1,{}]}\"",
    "\"a: &x [1]\\nb: [*x, *x]\"",
    "\"a,b\\n1,2\"",
    "\"%20%zz\"",
    "[]",
    "{}",
    "[1, \"a\", null]",
    "[[\"a\"], []]",
    "{ a = 1, b = [2] }",
    "toset([\"a\", \"b\"])",
    "tolist([1, 2])",
    "tomap({ a = \"x\" })",
    "local.big",
    "local.text",
    "local.nest",
    "local.many",
    "var.b",
    "local.unknown",
    "aws_thing.x",
    "aws_thing.x.list",
    "local.self",
    "path.module",
    "each.value",
    "count.index",
];

const CONTEXT: &str = r#"
variable "b" { default = { x = [1, 2, 3] } }
resource "aws_thing" "x" { list = [1, 2] }
locals {
  big     = range(1000)
  text    = join(",", range(1000))
  nest    = [[[[[[[[1]]]]]]]]
  many    = { for i in range(500) : "k${i}" => { v = i } }
  unknown = aws_thing.x.id
}
"#;

/// The root modules of the corpus: files by their paths in it.
fn seeds() -> Vec<BTreeMap<PathBuf, String>> {
    fn read(base: &Path, dir: &Path, files: &mut BTreeMap<PathBuf, String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                read(base, &path, files);
            } else if !name.starts_with("expected.")
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                files.insert(path.strip_prefix(base).unwrap().to_owned(), text);
            }
        }
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flows");
    let mut cases: Vec<PathBuf> = ["ok", "bad"]
        .iter()
        .flat_map(|kind| std::fs::read_dir(corpus.join(kind)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    cases
        .iter()
        .map(|case| {
            let mut files = BTreeMap::new();
            read(case, case, &mut files);
            files
        })
        .collect()
}

/// A place between two characters.
fn cut(dice: &mut Dice, text: &str) -> usize {
    let mut at = dice.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn spoil(dice: &mut Dice, text: &mut String, others: &[&str]) {
    let (one, two) = (cut(dice, text), cut(dice, text));
    let (from, to) = (one.min(two), one.max(two));
    match dice.below(7) {
        0 | 1 => text.insert_str(from, dice.pick::<&str>(PIECES)),
        2 => {
            let mut end = to.min(from + 40);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.replace_range(from..end, "");
        }
        3 => {
            // Not every length is a boundary.
            let copy: String = text[from..to].chars().take(400).collect();
            text.insert_str(to, &copy);
        }
        4 => {
            let other = dice.pick(others);
            let (one, two) = (cut(dice, other), cut(dice, other));
            text.insert_str(from, &other[one.min(two)..one.max(two)]);
        }
        5 => {
            let expression = expression(dice, 4);
            text.insert_str(from, &expression);
        }
        _ => {
            let piece = dice.pick(PIECES).repeat(1 + dice.below(400));
            text.insert_str(from, &piece);
        }
    }
}

/// An expression of the grammar, nested up to a depth.
fn expression(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 {
        return (*dice.pick(LEAVES)).to_owned();
    }
    let mut inner = || {
        let depth = dice.below(depth);
        expression(dice, depth)
    };
    let (one, two, three) = (inner(), inner(), inner());
    let mut names: Vec<&str> = functions::names().collect();
    names.sort_unstable();
    match dice.below(16) {
        0..=4 => {
            let count = dice.below(5);
            let arguments = [one.as_str(), &two, &three, "local.big", "\"x\""][..count].join(", ");
            let spread = if dice.below(8) == 0 { "..." } else { "" };
            format!("{}({arguments}{spread})", dice.pick(&names))
        }
        5 => format!("[for x in {one} : {two} if {three}]"),
        6 => format!("{{for k, v in {one} : {two} => {three}...}}"),
        7 => format!("[for x in local.big : {one}]"),
        8 => format!("\"a${{{one}}}%{{ for y in {two} ~}} ${{y}}${{{three}}} %{{~ endfor }}\""),
        9 => format!(
            "({one}) {} ({two})",
            dice.pick(&["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||"])
        ),
        10 => format!("{one} ? {two} : {three}"),
        11 => format!("[{one}, {two}, {three}]"),
        12 => format!("{{ a = {one}, (\"b\") = {two} }}"),
        13 => format!("({one})[{two}]"),
        14 => format!("({one})[*].a"),
        _ => format!("try({one}, {two})"),
    }
}

fn loads(round: u64, files: &BTreeMap<PathBuf, String>) {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().join("case");
    for (path, text) in files {
        let path = base.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let began = Instant::now();
    let loaded = load(&LoadOptions {
        dirs: vec![base],
        assignments: vec![Assignment::Value {
            name: "b".to_owned(),
            text: "[1, {".to_owned(),
        }],
        ..LoadOptions::default()
    });
    let took = began.elapsed();
    let shown = || {
        let files = files.iter();
        files
            .map(|(path, text)| format!("--- {}\n{text}\n", path.display()))
            .collect::<String>()
    };
    assert!(
        took < LOAD_LIMIT,
        "round {round} took {took:?}:\n{}",
        shown()
    );
    for diagnostic in &loaded.diagnostics {
        assert!(
            !diagnostic.message.contains("please report this"),
            "round {round}: a panic on:\n{}",
            shown()
        );
        let _ = diagnostic.render(&loaded.sources);
        // A place is one that exists.
        if let Some(text) = loaded.sources.get(&diagnostic.file) {
            let lines = text.matches('\n').count() + 1;
            assert!(
                diagnostic.line <= lines,
                "round {round}: {diagnostic}\n{}",
                shown()
            );
        }
    }
    let inspected = inspect(&loaded, |_| Inspection::default());
    let _ = report(&loaded, &inspected).to_string();
    let peak = peak_memory_kb();
    assert!(
        peak < MEMORY_LIMIT_KB,
        "round {round}: {peak} kB of memory:\n{}",
        shown()
    );
}

#[test]
fn spoilt_configurations_do_no_harm() {
    let seeds = seeds();
    let texts: Vec<&str> = seeds
        .iter()
        .flat_map(|files| files.values().map(String::as_str))
        .collect();
    rounds("spoilt configurations", |round, dice| {
        let mut files = dice.pick(&seeds).clone();
        let names: Vec<PathBuf> = files.keys().cloned().collect();
        for _ in 0..=dice.below(6) {
            if let Some(text) = files.get_mut(dice.pick(&names)) {
                spoil(dice, text, &texts);
            }
        }
        loads(round, &files);
    });
}

#[test]
fn made_up_expressions_do_no_harm() {
    rounds("made-up expressions", |round, dice| {
        let locals: String = (0..12)
            .map(|number| {
                let depth = 1 + dice.below(5);
                format!("  l{number} = {}\n", expression(dice, depth))
            })
            .collect();
        let main = format!("{CONTEXT}locals {{\n{locals}  self = try(local.l0, 1)\n}}\n");
        let json =
            serde_json::json!({ "locals": { "j": format!("${{{}}}", expression(dice, 3)) } });
        loads(
            round,
            &BTreeMap::from([
                (PathBuf::from("main.tf"), main),
                (PathBuf::from("more.tf.json"), json.to_string()),
            ]),
        );
    });
}

fn loads_text(text: &str) {
    loads(
        0,
        &BTreeMap::from([(PathBuf::from("main.tf"), text.to_owned())]),
    );
}

#[test]
fn long_chains_and_deep_nests_are_refused_not_died_of() {
    let chain: String = (1..5_000)
        .map(|i| format!("  a{i} = local.a{}\n", i - 1))
        .collect();
    loads_text(&format!("locals {{\n  a0 = 1\n{chain}}}\n"));
    let nest: String = (1..300)
        .map(|i| format!("  n{i} = [local.n{}]\n", i - 1))
        .collect();
    loads_text(&format!("locals {{\n  n0 = 1\n{nest}}}\n"));
    for (open, close) in [
        ("[", "]"),
        ("(", ")"),
        ("{ a = ", "}"),
        ("-", ""),
        ("!", ""),
        ("upper(", ")"),
        ("\"${", "}\""),
        ("true ? 1 : ", ""),
        ("1 + ", ""),
        ("[for x in ", " : x]"),
        ("a.", ""),
        ("a[", "]"),
    ] {
        for depth in [200, 5_000] {
            let (open, close) = (open.repeat(depth), close.repeat(depth));
            loads_text(&format!("locals {{\n  a = {open}1{close}\n}}\n"));
        }
    }
    loads_text(&"dynamic \"x\" {\ncontent {\n".repeat(3_000));
    loads_text(&format!(
        "{}{}",
        "a {\n".repeat(20_000),
        "}\n".repeat(20_000)
    ));
    loads_text(&format!(
        "locals {{\n  a = \"{}{}\"\n}}\n",
        "%{ if true }".repeat(3_000),
        "%{ endif }".repeat(3_000)
    ));
    loads_text(&format!(
        "variable \"v\" {{\n  type = {}any{}\n}}\n",
        "list(".repeat(5_000),
        ")".repeat(5_000)
    ));
    let json = |open: &str, close: &str| {
        let text = format!(
            "{{\"locals\":{{\"a\":{}1{}}}}}",
            open.repeat(5_000),
            close.repeat(5_000)
        );
        loads(0, &BTreeMap::from([(PathBuf::from("main.tf.json"), text)]));
    };
    json("[", "]");
    json("{\"a\":", "}");
}

#[test]
fn values_that_multiply_are_refused_not_died_of() {
    let doubling = |make: &str| {
        let lines: String = (1..60)
            .map(|i| {
                format!(
                    "  s{i} = {}\n",
                    make.replace("LAST", &format!("local.s{}", i - 1))
                )
            })
            .collect();
        loads_text(&format!("locals {{\n  s0 = [\"lol\"]\n{lines}}}\n"));
    };
    doubling("concat(LAST, LAST)");
    doubling("[LAST, LAST]");
    doubling("{ a = LAST, b = LAST }");
    doubling("[join(\",\", LAST), join(\",\", LAST)]");
    doubling("[jsonencode(LAST), jsonencode(LAST)]");
    doubling("[yamlencode(LAST), base64encode(yamlencode(LAST))]");
    doubling("[for x in range(1000) : join(\",\", LAST)]");
    doubling("[format(\"%s%s\", LAST[0], LAST[0])]");
    doubling("[replace(LAST[0], \"l\", LAST[0])]");
    doubling("[\"${LAST[0]}${LAST[0]}\"]");
    doubling("setproduct(LAST, LAST)");
    for text in [
        "setproduct(range(1000), range(1000), range(1000))",
        "replace(join(\"\", range(1000)), \"\", join(\"\", range(1000)))",
        "replace(join(\"\", range(1000)), \"/(.)/\", \"$1$1$1$1$1$1$1$1$1$1$1$1\")",
        "format(\"%999999999d\", 1)",
        "format(\"%.999999999f\", 1)",
        "format(\"%s\", format(\"%9999d%9999d%9999d\", 1, 2, 3))",
        "formatlist(\"%9999d\", range(1000))",
        "indent(1e9, \"a\\nb\")",
        "indent(9999, join(\"\\n\", range(1000)))",
        "join(join(\"\", range(1000)), range(1000))",
        "range(1e18)",
        "range(0, 1, 1e-300)",
        "pow(10, 1e300)",
        "pow(2, 1e9)",
        "1e400 * 1e400",
        "cidrsubnets(\"::/0\", range(1000)...)",
        "cidrsubnets(\"10.0.0.0/8\", [for i in range(1000) : 20]...)",
        "cidrhost(\"::/0\", 1e38)",
        "parseint(join(\"\", range(1000)), 62)",
        "regexall(\"(a|a)*(a|a)*$\", join(\"\", [for i in range(1000) : \"aaaaaaaaaa\"]))",
        "regex(\"((((a{1,99}){1,99}){1,99}){1,99})\", \"a\")",
        "[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : 1]]]",
        "\"%{ for a in range(1000) }%{ for b in range(1000) }xxxxxxxxxx%{ endfor }%{ endfor }\"",
        "yamldecode(\"a: &a [x, x, x, x, x, x, x, x, x]\\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b]\\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c]\\ne: &e [*d, *d, *d, *d, *d, *d, *d]\\nf: [*e, *e, *e, *e, *e, *e]\")",
        "jsondecode(join(\"\", concat([for i in range(1000) : \"[\"], [for i in range(1000) : \"]\"])))",
        "yamldecode(join(\"\", concat([for i in range(1000) : \"[\"], [for i in range(1000) : \"]\"])))",
        "csvdecode(join(\",\", concat(range(1000), [\"\\n\"], range(1000))))",
        "templatefile(\"main.tf\", {})",
        "templatestring(local.a, {})",
        "transpose({ for i in range(1000) : i => range(1000) })",
        "chunklist(range(1000), 1)",
        "zipmap(range(1000), range(1000))",
        "timeadd(\"2026-01-31T08:05:09Z\", \"99999999999999999999999999999999h\")",
        "substr(join(\"\", range(1000)), -9223372036854775808, 9223372036854775807)",
        "element([1], 9223372036854775807)",
        "-170141183460469231731687303715884105728",
        "abs(-170141183460469231731687303715884105728)",
        "-170141183460469231731687303715884105728 / -1",
        "-170141183460469231731687303715884105728 % -1",
        "floor(-170141183460469231731687303715884105728.5)",
        "file(\"/dev/zero\")",
        "filebase64(\"/dev/stdin\")",
        "fileset(\"/\", \"**\")",
        "fileset(\"../../../../..\", \"**\")",
    ] {
        loads_text(&format!("locals {{\n  a = {text}\n}}\n"));
    }
    loads_text("resource \"sym_target\" \"a\" {\n  count = 1000000000\n  name = \"x\"\n}\n");
    loads_text(
        "resource \"sym_target\" \"a\" {\n  for_each = toset([for i in range(1000) : \"x${i}\"])\n  name = each.key\n}\nresource \"sym_target\" \"b\" {\n  count = 1000\n  name = sym_target.a[\"x1\"].name\n  type = join(\",\", [for t in sym_target.a : t.name])\n}\n",
    );
    // A giant text, and a heredoc that never ends.
    loads_text(&format!(
        "locals {{\n  a = <<E\n{}\nE\n}}\n",
        "x".repeat(3 << 20)
    ));
    loads_text(&format!(
        "locals {{\n  a = <<E\n{}",
        "line\n".repeat(100_000)
    ));
    loads_text(&format!(
        "locals {{\n  a = \"{}\"\n}}\n",
        "${1}".repeat(100_000)
    ));
    let modules: String = (0..20)
        .map(|i| format!("module \"m{i}\" {{\n  source = \"./\"\n  count = 1000\n}}\n"))
        .collect();
    loads_text(&modules);
}
