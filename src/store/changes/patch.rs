//! The difference between two JSON values, small where little has changed: a run grows by a line of history and changes a
//! member or two, and need not be written anew each time. Pure.
//!
//! A patch is an object with one of these members: `=` (the new value), `o` (an object: patches by member; with `-` the
//! members that are gone), `a` (an array: patches by index; with `+` the elements that were appended). Arrays that became
//! shorter are written anew.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// What makes a text of JSON out of an older one, in pieces of the new text.
#[derive(Debug)]
pub enum Patch<'a> {
    New(&'a RawValue),
    Object {
        members: Vec<(String, Patch<'a>)>,
        gone: Vec<String>,
    },
    Array {
        elements: Vec<(usize, Patch<'a>)>,
        appended: Vec<&'a RawValue>,
    },
}

impl Serialize for Patch<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// Patches by name or index.
        struct Below<'p, 'a, K>(&'p [(K, Patch<'a>)]);

        impl<K: fmt::Display> Serialize for Below<'_, '_, K> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let below = self.0.iter().map(|(key, patch)| (key.to_string(), patch));
                serializer.collect_map(below)
            }
        }

        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::New(value) => map.serialize_entry("=", value)?,
            Self::Object { members, gone } => {
                map.serialize_entry("o", &Below(members))?;
                if !gone.is_empty() {
                    map.serialize_entry("-", gone)?;
                }
            }
            Self::Array { elements, appended } => {
                map.serialize_entry("a", &Below(elements))?;
                if !appended.is_empty() {
                    map.serialize_entry("+", appended)?;
                }
            }
        }
        map.end()
    }
}

/// The members of an object in their order, each as its text.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;

        impl<'de> Visitor<'de> for Reading {
            type Value = Members<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Reading)
    }
}

/// What makes `new` of `old`; `None` when they are equal. What has the same text is not looked into: both are to be written by
/// the same serializer.
///
/// # Errors
/// When one of them is no JSON.
pub fn difference<'a>(
    old: &RawValue,
    new: &'a RawValue,
) -> Result<Option<Patch<'a>>, serde_json::Error> {
    let (old, text) = (old.get(), new.get());
    if old == text {
        return Ok(None);
    }
    match (old.as_bytes().first(), text.as_bytes().first()) {
        (Some(b'{'), Some(b'{')) => {
            let Members(old) = serde_json::from_str(old)?;
            let Members(new) = serde_json::from_str::<Members<'a>>(text)?;
            let mut members = Vec::new();
            // Nearly always the same members in the same order.
            let find = |index: usize, name: &str| match old.get(index) {
                Some((known, value)) if known == name => Some(*value),
                _ => old
                    .iter()
                    .find(|(known, _)| known == name)
                    .map(|(_, value)| *value),
            };
            for (index, (name, value)) in new.iter().enumerate() {
                // A member that is new has no value before; every value differs from none.
                let patch = match find(index, name) {
                    Some(old) => difference(old, value)?,
                    None => Some(Patch::New(value)),
                };
                if let Some(patch) = patch {
                    members.push((name.clone(), patch));
                }
            }
            let gone: Vec<String> = old
                .into_iter()
                .map(|(name, _)| name)
                .filter(|name| !new.iter().any(|(known, _)| known == name))
                .collect();
            let same = members.is_empty() && gone.is_empty();
            Ok((!same).then_some(Patch::Object { members, gone }))
        }
        (Some(b'['), Some(b'[')) => {
            let old: Vec<&RawValue> = serde_json::from_str(old)?;
            let mut both: Vec<&'a RawValue> = serde_json::from_str(text)?;
            if both.len() < old.len() {
                return Ok(Some(Patch::New(new)));
            }
            let appended = both.split_off(old.len());
            let mut elements = Vec::new();
            for (index, (old, new)) in old.into_iter().zip(both).enumerate() {
                if let Some(patch) = difference(old, new)? {
                    elements.push((index, patch));
                }
            }
            let same = elements.is_empty() && appended.is_empty();
            Ok((!same).then_some(Patch::Array { elements, appended }))
        }
        _ => Ok(Some(Patch::New(new))),
    }
}

/// Changes `value` as the patch says.
///
/// # Errors
/// Why the patch does not fit.
pub fn apply(value: &mut Value, patch: Value) -> Result<(), String> {
    let Value::Object(mut patch) = patch else {
        return Err("a patch is not an object".into());
    };
    if let Some(new) = patch.remove("=") {
        *value = new;
        return Ok(());
    }
    match (patch.remove("o"), patch.remove("a"), value) {
        (Some(Value::Object(patches)), None, Value::Object(members)) => {
            for (name, patch) in patches {
                apply(members.entry(name).or_insert(Value::Null), patch)?;
            }
            for name in patch
                .remove("-")
                .iter()
                .flat_map(|gone| gone.as_array())
                .flatten()
            {
                let name = name.as_str().ok_or("a member that is gone has no name")?;
                members.shift_remove(name);
            }
            Ok(())
        }
        (None, Some(Value::Object(patches)), Value::Array(elements)) => {
            for (index, patch) in patches {
                let element = index
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| elements.get_mut(index))
                    .ok_or_else(|| format!("there is no element {index}"))?;
                apply(element, patch)?;
            }
            if let Some(Value::Array(mut appended)) = patch.remove("+") {
                elements.append(&mut appended);
            }
            Ok(())
        }
        _ => Err("a patch is for another kind of value".into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use serde_json::value::to_raw_value;

    use super::*;

    /// The patch as it is written and read.
    fn patch_of(old: &Value, new: &Value) -> Option<Value> {
        let (old, new) = (to_raw_value(old).unwrap(), to_raw_value(new).unwrap());
        let patch = difference(&old, &new).unwrap()?;
        Some(serde_json::to_value(&patch).unwrap())
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..4_i64).prop_map(Value::from),
            "[a-c=+-]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec(("[a-c=+o-]", inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_patch_makes_the_new_value_of_the_old_one(old in any_json(), new in any_json()) {
            let mut patched = old.clone();
            match patch_of(&old, &new) {
                Some(patch) => apply(&mut patched, patch).unwrap(),
                None => prop_assert_eq!(&old, &new),
            }
            prop_assert_eq!(patched, new);
        }

        #[test]
        fn a_patch_that_does_not_fit_is_an_error_or_a_value_and_never_a_panic(mut value in any_json(), patch in any_json()) {
            let _ = apply(&mut value, patch);
        }
    }

    #[test]
    fn a_line_of_history_and_a_changed_member_are_all_that_is_written() {
        let old = json!({"id": 1, "status": "requested", "history": [{"at": 1}], "fields": [{"name": "why"}]});
        let new = json!({"id": 1, "status": "approved", "history": [{"at": 1}, {"at": 2}], "fields": [{"name": "why"}]});
        let patch = patch_of(&old, &new).unwrap();
        assert_eq!(
            patch,
            json!({"o": {"status": {"=": "approved"}, "history": {"a": {}, "+": [{"at": 2}]}}})
        );
    }
}
