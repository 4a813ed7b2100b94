//! Nested blocks of a resource, with `dynamic` ones expanded.

use std::collections::BTreeMap;

use hcl_edit::Span;
use hcl_edit::structure::{Block, Body};

use super::{Binding, Scope, World};
use crate::flows::source::{Failure, FileId, Place};
use crate::flows::value::Value;

/// A nested block with the scope its content is evaluated in.
pub struct Nested<'a> {
    pub body: &'a Body,
    pub file: FileId,
    pub place: Place,
    /// The name and value that a `dynamic` block binds.
    iterator: Option<(String, Value)>,
}

impl Nested<'_> {
    /// Runs with the scope of this block.
    pub fn in_scope<T>(&self, outer: &Scope<'_>, inner: impl FnOnce(&Scope<'_>) -> T) -> T {
        let outer = Scope {
            file: self.file,
            ..*outer
        };
        match &self.iterator {
            None => inner(&outer),
            Some((name, value)) => {
                let binding = Binding {
                    name,
                    value: value.clone(),
                    outer: outer.bound,
                };
                inner(&outer.with_binding(&binding))
            }
        }
    }
}

impl World {
    /// Nested blocks, with `dynamic` ones expanded.
    pub fn nested_blocks<'a>(
        &self,
        blocks: Vec<(FileId, &'a Block)>,
        scope: &Scope<'_>,
    ) -> Result<Vec<Nested<'a>>, Failure> {
        let mut all = Vec::new();
        for (file, block) in blocks {
            let place = Place::new(file, block.span());
            if !block.has_ident("dynamic") {
                all.push(Nested {
                    body: &block.body,
                    file,
                    place,
                    iterator: None,
                });
                continue;
            }
            let name = block.labels.first().map_or("", |label| label.as_str());
            let (Some(for_each), Some(content)) = (
                block.body.get_attribute("for_each"),
                block.body.get_blocks("content").next(),
            ) else {
                return Err(Failure::new(
                    place,
                    format!("dynamic {name:?} needs `for_each` and a `content` block"),
                ));
            };
            let iterator = match block.body.get_attribute("iterator") {
                Some(attribute) => match attribute.value.as_variable() {
                    Some(name) => name.as_str().to_owned(),
                    None => {
                        return Err(Failure::new(
                            Place::new(file, attribute.value.span()),
                            "`iterator` takes a plain name",
                        ));
                    }
                },
                None => name.to_owned(),
            };
            let in_file = Scope { file, ..*scope };
            let collection = self.eval(&for_each.value, &in_file)?;
            let collection_place = Place::new(file, for_each.value.span());
            let pairs = self
                .pairs(&collection, collection_place)?
                .map_err(|unknown| {
                    Failure::new(
                        collection_place,
                        format!(
                            "dynamic {name:?} depends on {}, which only an apply would know",
                            unknown.reference
                        ),
                    )
                })?;
            self.count_instances(pairs.len(), place)?;
            for (key, value) in pairs {
                let pair = BTreeMap::from([("key".to_owned(), key), ("value".to_owned(), value)]);
                all.push(Nested {
                    body: &content.body,
                    file,
                    place,
                    iterator: Some((iterator.clone(), Value::object(pair))),
                });
            }
        }
        Ok(all)
    }
}
