//! Cargo cannot see which files the freezing of the Python sources reads; without this a change there has no effect.

fn main() {
    println!("cargo:rerun-if-changed=src/policy/python");
}
