//! Embeds every file of `page/` so that the browser page can grow files without a list to keep in step.
#![allow(clippy::print_stdout, clippy::disallowed_methods)] // How a build script talks to cargo and is talked to.

use std::{env, fmt::Write as _, fs, path::Path};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = env::var("CARGO_MANIFEST_DIR")?;
    let page = Path::new(&root).join("page");
    println!("cargo:rerun-if-changed={}", page.display());
    let mut names: Vec<String> = Vec::new();
    if page.is_dir() {
        for entry in fs::read_dir(&page)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                println!("cargo:rerun-if-changed={}", entry.path().display());
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
    }
    names.sort();
    let mut out = String::from("pub(crate) static PAGE_FILES: &[(&str, &[u8])] = &[\n");
    for name in names {
        let path = page.join(&name);
        writeln!(
            out,
            "    ({name:?}, include_bytes!({:?})),",
            path.display().to_string()
        )?;
    }
    out.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("page_files.rs"), out)?;
    Ok(())
}
