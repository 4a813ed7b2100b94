//! What the configuration declares as sensitive: problems and excerpts of files must not show it. Kept by `source`, told by
//! the evaluator.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::diagnostic::Diagnostic;
use super::source::FileId;
use super::value::Value;
use crate::policy::secrecy::Masker;

/// Weight of all sensitive values of a load together, so that looking for them takes no long time.
const MAX_WEIGHT: u64 = 4_000;

/// Words that stand in many messages and give nothing away.
const HARMLESS: [&str; 3] = ["true", "false", "null"];

/// The sensitive values of one load.
#[derive(Debug, Default)]
pub struct Sensitive {
    texts: BTreeSet<Arc<str>>,
    weight: u64,
    hidden: BTreeSet<FileId>,
}

impl Sensitive {
    /// Keeps the texts in a value; keys and names of attributes may be shown. `false` when there are too many.
    #[must_use]
    pub fn add(&mut self, value: &Value) -> bool {
        match value {
            Value::String(_) | Value::Number(_) => {
                let weight = self.weight.saturating_add(value.weight());
                if let Some(text) = value.to_text()
                    && !HARMLESS.contains(&&*text)
                    && !self.texts.contains(&text)
                {
                    if weight > MAX_WEIGHT {
                        return false;
                    }
                    self.weight = weight;
                    self.texts.insert(text);
                }
                true
            }
            Value::List(list) => list.items.iter().all(|item| self.add(item)),
            Value::Map(map) => map.entries.values().all(|item| self.add(item)),
            Value::Null | Value::Bool(_) | Value::Unknown(_) => true,
        }
    }

    /// A file of which nothing may be shown.
    pub fn hide(&mut self, file: FileId) {
        self.hidden.insert(file);
    }

    #[must_use]
    pub fn hides(&self, file: FileId) -> bool {
        self.hidden.contains(&file)
    }

    #[must_use]
    pub fn masker(&self) -> Masker {
        Masker::new(self.texts.iter().map(|text| &**text))
    }
}

/// Takes what is sensitive out of what a problem says.
pub fn mask(masker: &Masker, diagnostic: &mut Diagnostic) {
    masker.text(&mut diagnostic.message);
    if let Some(hint) = &mut diagnostic.hint {
        masker.text(hint);
    }
}

/// Empties the lines that hold something sensitive, so that no excerpt shows them.
pub fn mask_excerpts(masker: &Masker, sources: &mut BTreeMap<String, Arc<str>>) {
    for text in sources.values_mut().filter(|text| masker.finds_in(text)) {
        let lines: Vec<&str> = text
            .split('\n')
            .map(|line| if masker.finds_in(line) { "" } else { line })
            .collect();
        *text = lines.join("\n").into();
    }
}
