//! The difference between two JSON values, small where little has changed: a run grows by a line of history and changes a
//! member or two, and need not be written anew each time. Pure.
//!
//! A patch is an object with one of these members: `=` (the new value), `o` (an object: patches by member; with `-` the
//! members that are gone), `a` (an array: patches by index; with `+` the elements that were appended). Arrays that became
//! shorter are written anew.

use serde_json::{Map, Value, json};

/// What makes `new` of `old`; `None` when they are equal.
#[must_use]
pub fn difference(old: &Value, new: &Value) -> Option<Value> {
    if old == new {
        return None;
    }
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let mut patches = Map::new();
            for (name, value) in new {
                // A member that is new has no value before; every value differs from none.
                let patch = match old.get(name) {
                    Some(old) => difference(old, value),
                    None => Some(json!({ "=": value })),
                };
                if let Some(patch) = patch {
                    patches.insert(name.clone(), patch);
                }
            }
            let gone: Vec<&String> = old.keys().filter(|name| !new.contains_key(*name)).collect();
            let mut patch = Map::new();
            patch.insert("o".into(), Value::Object(patches));
            if !gone.is_empty() {
                patch.insert("-".into(), json!(gone));
            }
            Some(Value::Object(patch))
        }
        (Value::Array(old), Value::Array(new)) if new.len() >= old.len() => {
            let mut patches = Map::new();
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                if let Some(patch) = difference(old, new) {
                    patches.insert(index.to_string(), patch);
                }
            }
            let mut patch = Map::new();
            patch.insert("a".into(), Value::Object(patches));
            if new.len() > old.len() {
                patch.insert("+".into(), Value::Array(new[old.len()..].to_vec()));
            }
            Some(Value::Object(patch))
        }
        _ => Some(json!({ "=": new })),
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

    use super::*;

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
            match difference(&old, &new) {
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
        let patch = difference(&old, &new).unwrap();
        assert_eq!(
            patch,
            json!({"o": {"status": {"=": "approved"}, "history": {"a": {}, "+": [{"at": 2}]}}})
        );
    }
}
