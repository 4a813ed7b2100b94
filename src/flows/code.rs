//! The Python code of a flow: text or a path to it, in all forms that configurations use.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::catalog::Implementation;
use super::eval::World;
use super::objects::Object;
use super::source::Place;

/// Shorter texts are not taken for base64.
const MIN_BASE64_BYTES: usize = 16;

/// Reads what an `implementation` or `on_change` attribute holds; problems are reported.
pub fn read(
    world: &World,
    object: &Object,
    text: &Arc<str>,
    place: Place,
    what: &str,
) -> Option<Implementation> {
    let origin = world.files.origin(text);
    let is_path = origin.is_none() && !text.contains('\n') && text.trim_end().ends_with(".py");
    if is_path {
        return read_path(world, object, text, place, what);
    }
    let source = match decode(text).filter(|_| origin.is_none()) {
        Some(source) => without_mark(&source.into()),
        None => without_mark(text),
    };
    if source.trim().is_empty() {
        world.sources.error(
            place,
            format!("{what} is empty"),
            Some("it must hold Python code"),
        );
        return None;
    }
    Some(Implementation {
        source,
        file: origin,
    })
}

/// A path: relative to the module first, then to the root, as the provider found it.
fn read_path(
    world: &World,
    object: &Object,
    text: &str,
    place: Place,
    what: &str,
) -> Option<Implementation> {
    let module = &object.module;
    let in_module = Path::new(&module.path).join(text);
    let candidates = [in_module.as_path(), Path::new(text)];
    let found = candidates
        .iter()
        .find(|path| world.files.exists(module, path))
        .copied();
    let file = world
        .files
        .read_text(module, found.unwrap_or(Path::new(text)));
    match file {
        Ok(file) => {
            if object.schema.kind != "sym_strategy" && asks_for_contents(object) {
                world.sources.warn(
                    place,
                    format!("{what} must be file contents from version 3 of the provider on; {text:?} looks like a Python file name, and that file is read"),
                    Some(&format!("write file({text:?})")),
                );
            }
            Some(Implementation {
                source: without_mark(&file.text),
                file: Some(file.shown),
            })
        }
        Err(problem) => {
            world.sources.error(
                place,
                format!("{what} must be file contents; {text:?} looks like a Python file name, but: {problem}"),
                Some("write file(\"${path.module}/…\") with the path of the file"),
            );
            None
        }
    }
}

/// Whether the configuration asks for a version of the provider that takes only contents.
fn asks_for_contents(object: &Object) -> bool {
    let mut module = &object.module;
    loop {
        if module.config.sym_provider_3 {
            return true;
        }
        match &module.origin {
            super::eval::Origin::Call { parent, .. } => module = parent,
            super::eval::Origin::Root(_) => return false,
        }
    }
}

/// Code without the mark that some editors put before the first character; Python skips it.
fn without_mark(source: &Arc<str>) -> Arc<str> {
    match source.strip_prefix('\u{feff}') {
        Some(rest) => rest.into(),
        None => Arc::clone(source),
    }
}

/// The wire form: one word of base64 that decodes to text of several lines.
fn decode(text: &str) -> Option<String> {
    let word = text.trim();
    if word.len() < MIN_BASE64_BYTES || word.contains(char::is_whitespace) {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(word).ok()?).ok()?;
    decoded.contains('\n').then_some(decoded)
}
