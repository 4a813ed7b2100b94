//! Type constraints of variables and attributes, and conversion to them as Terraform converts: numbers and bools become
//! strings and back, tuples become lists, objects drop what their type does not name.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::number::Number;
use super::value::{List, ListKind, Map, MapKind, Value, to_json};

/// A type constraint.
#[derive(Debug, Clone)]
pub enum Type {
    Any,
    Bool,
    Number,
    String,
    List(Box<Type>),
    Set(Box<Type>),
    Map(Box<Type>),
    Tuple(Vec<Type>),
    Object(BTreeMap<String, Field>),
}

/// An attribute of an object type.
#[derive(Debug, Clone)]
pub struct Field {
    pub field_type: Type,
    /// `Some` when it may be left out; the value is used then.
    pub optional: Option<Value>,
}

impl Type {
    #[must_use]
    pub fn list_of(element: Self) -> Self {
        Self::List(Box::new(element))
    }

    #[must_use]
    pub fn map_of(element: Self) -> Self {
        Self::Map(Box::new(element))
    }

    /// The type as it would be written, for errors.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Any => "any".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Number => "number".to_owned(),
            Self::String => "string".to_owned(),
            Self::List(element) => format!("list({})", element.describe()),
            Self::Set(element) => format!("set({})", element.describe()),
            Self::Map(element) => format!("map({})", element.describe()),
            Self::Tuple(_) => "tuple".to_owned(),
            Self::Object(_) => "object".to_owned(),
        }
    }

    fn mismatch(&self, value: &Value) -> String {
        let wanted = match self {
            Self::Any => "any value",
            Self::Bool => "a bool",
            Self::Number => "a number",
            Self::String => "a string",
            Self::List(_) => "a list",
            Self::Set(_) => "a set",
            Self::Map(_) => "a map",
            Self::Tuple(_) => "a tuple",
            Self::Object(_) => "an object",
        };
        format!("{wanted} is required, not {}", value.kind_name())
    }
}

/// Converts a value to a type.
///
/// # Errors
/// What does not fit, with the element it is in.
pub fn convert(value: &Value, wanted: &Type) -> Result<Value, String> {
    match (wanted, value) {
        (_, Value::Null | Value::Unknown(_)) | (Type::Any, _) => Ok(value.clone()),
        (Type::Bool, Value::Bool(_))
        | (Type::Number, Value::Number(_))
        | (Type::String, Value::String(_)) => Ok(value.clone()),
        (Type::String, Value::Number(_) | Value::Bool(_)) => {
            Ok(value.to_text().map_or(Value::Null, Value::String))
        }
        (Type::Bool, Value::String(text)) => match &**text {
            "true" | "1" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => Err(format!(
                "a bool is required; write true or false without quotes, not {text:?}"
            )),
        },
        (Type::Number, Value::String(text)) => Number::parse_loose(text)
            .map(Value::Number)
            .ok_or_else(|| format!("a number is required, not {text:?}")),
        (Type::List(element), Value::List(list)) => {
            Ok(Value::list(ListKind::List, elements(list, element)?))
        }
        (Type::Set(element), Value::List(list)) => Ok(set_of(elements(list, element)?)),
        (Type::Map(element), Value::Map(map)) => {
            Ok(Value::map(MapKind::Map, entries(map, element)?))
        }
        (Type::Object(fields), Value::Map(map)) => object(map, fields),
        (Type::Tuple(types), Value::List(list)) if types.len() == list.items.len() => {
            let items = list
                .items
                .iter()
                .zip(types)
                .enumerate()
                .map(|(index, (item, wanted))| {
                    convert(item, wanted).map_err(|problem| format!("element {index}: {problem}"))
                })
                .collect::<Result<_, _>>()?;
            Ok(Value::tuple(items))
        }
        (Type::Tuple(types), Value::List(list)) => Err(format!(
            "a tuple of {} elements is required, not of {}",
            types.len(),
            list.items.len()
        )),
        _ => Err(wanted.mismatch(value)),
    }
}

fn elements(list: &List, element: &Type) -> Result<Vec<Value>, String> {
    if matches!(element, Type::Any) {
        return unify(&list.items)
            .ok_or_else(|| "all elements of a list must have the same type".to_owned());
    }
    list.items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            convert(item, element).map_err(|problem| format!("element {index}: {problem}"))
        })
        .collect()
}

fn entries(map: &Map, element: &Type) -> Result<BTreeMap<String, Value>, String> {
    if matches!(element, Type::Any) {
        let values: Vec<Value> = map.entries.values().cloned().collect();
        let values = unify(&values)
            .ok_or_else(|| "all elements of a map must have the same type".to_owned())?;
        return Ok(map.entries.keys().cloned().zip(values).collect());
    }
    map.entries
        .iter()
        .map(|(key, item)| {
            let item =
                convert(item, element).map_err(|problem| format!("element {key:?}: {problem}"))?;
            Ok((key.clone(), item))
        })
        .collect()
}

fn object(map: &Map, fields: &BTreeMap<String, Field>) -> Result<Value, String> {
    let mut result = BTreeMap::new();
    for (name, field) in fields {
        let value = match (map.entries.get(name), &field.optional, &map.kind) {
            (Some(value), Some(default), _) if value.is_null() => {
                convert(default, &field.field_type)
            }
            (Some(value), _, _) => convert(value, &field.field_type),
            (None, _, MapKind::Open(unknown)) => {
                Ok(Value::Unknown(unknown.step(&format!(".{name}"))))
            }
            (None, Some(default), _) => convert(default, &field.field_type),
            (None, None, _) => return Err(format!("attribute {name:?} is required")),
        };
        let value = value.map_err(|problem| format!("attribute {name:?}: {problem}"))?;
        result.insert(name.clone(), value);
    }
    Ok(Value::object(result))
}

/// A set: without doubles, in Terraform's order (numbers by size, texts by bytes).
#[must_use]
pub fn set_of(mut items: Vec<Value>) -> Value {
    if let Some(unknown) = items.iter().find_map(Value::first_unknown) {
        return Value::Unknown(unknown.clone());
    }
    // Keys are made once: writing a large element for every comparison would be quadratic.
    let mut keyed: Vec<(Arc<str>, Value)> = items
        .drain(..)
        .map(|item| (to_json(&item).into(), item))
        .collect();
    keyed.sort_by(|(left_key, left), (right_key, right)| match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.cmp(right),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Null, Value::Null) => Ordering::Equal,
        _ => left_key.cmp(right_key),
    });
    keyed.dedup_by(|left, right| left.1 == right.1);
    Value::list(
        ListKind::Set,
        keyed.into_iter().map(|(_, item)| item).collect(),
    )
}

/// Brings values to one type as the elements of a list must have; `None` when there is none.
#[must_use]
pub fn unify(values: &[Value]) -> Option<Vec<Value>> {
    let mut known = values
        .iter()
        .filter(|value| !matches!(value, Value::Null | Value::Unknown(_)));
    let Some(first) = known.next() else {
        return Some(values.to_vec());
    };
    let same = values.iter().all(|value| {
        matches!(value, Value::Null | Value::Unknown(_))
            || std::mem::discriminant(value) == std::mem::discriminant(first)
    });
    match first {
        Value::Bool(_) | Value::Number(_) | Value::String(_) if same => Some(values.to_vec()),
        // A number and a bool have only text in common, and only where there is text already.
        Value::Bool(_) | Value::Number(_) | Value::String(_)
            if values.iter().any(|value| value.as_str().is_some()) =>
        {
            values
                .iter()
                .map(|value| convert(value, &Type::String).ok())
                .collect()
        }
        Value::List(_) if same => unify_lists(values),
        Value::Map(_) if same => unify_maps(values),
        _ => None,
    }
}

fn unify_lists(values: &[Value]) -> Option<Vec<Value>> {
    let flat: Vec<Value> = values
        .iter()
        .filter_map(|value| match value {
            Value::List(list) => Some(list.items.iter().cloned()),
            _ => None,
        })
        .flatten()
        .collect();
    let mut unified = unify(&flat)?.into_iter();
    values
        .iter()
        .map(|value| match value {
            Value::List(list) => Some(Value::list(
                list.kind,
                unified.by_ref().take(list.items.len()).collect(),
            )),
            _ => Some(value.clone()),
        })
        .collect()
}

fn unify_maps(values: &[Value]) -> Option<Vec<Value>> {
    let maps: Vec<&Arc<Map>> = values
        .iter()
        .filter_map(|value| match value {
            Value::Map(map) => Some(map),
            _ => None,
        })
        .collect();
    let same_keys = maps
        .windows(2)
        .all(|pair| pair[0].entries.keys().eq(pair[1].entries.keys()));
    if same_keys && maps.iter().all(|map| map.kind != MapKind::Map) {
        return unify_objects(values);
    }
    let flat: Vec<Value> = maps
        .iter()
        .flat_map(|map| map.entries.values().cloned())
        .collect();
    let mut unified = unify(&flat)?.into_iter();
    values
        .iter()
        .map(|value| match value {
            Value::Map(map) => Some(Value::map(
                MapKind::Map,
                map.entries
                    .keys()
                    .cloned()
                    .zip(unified.by_ref().take(map.entries.len()))
                    .collect(),
            )),
            _ => Some(value.clone()),
        })
        .collect()
}

/// Objects with the same attributes unify attribute by attribute.
fn unify_objects(values: &[Value]) -> Option<Vec<Value>> {
    let mut results: Vec<BTreeMap<String, Value>> = vec![BTreeMap::new(); values.len()];
    let keys: Vec<String> = values
        .iter()
        .find_map(|value| match value {
            Value::Map(map) => Some(map.entries.keys().cloned().collect()),
            _ => None,
        })
        .unwrap_or_default();
    for key in keys {
        let column: Vec<Value> = values
            .iter()
            .map(|value| match value {
                Value::Map(map) => map.entries.get(&key).cloned().unwrap_or(Value::Null),
                _ => Value::Null,
            })
            .collect();
        for (result, item) in results.iter_mut().zip(unify(&column)?) {
            result.insert(key.clone(), item);
        }
    }
    Some(
        values
            .iter()
            .zip(results)
            .map(|(value, entries)| match value {
                Value::Map(map) => Value::map(map.kind.clone(), entries),
                _ => value.clone(),
            })
            .collect(),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn object(pairs: &[(&str, Value)]) -> Value {
        Value::object(
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.clone()))
                .collect(),
        )
    }

    fn shown(value: &Value) -> String {
        to_json(value)
    }

    #[test]
    fn numbers_and_bools_become_strings_and_back() {
        let five = Value::Number(Number::from(5i64));
        assert_eq!(shown(&convert(&five, &Type::String).unwrap()), "\"5\"");
        assert_eq!(
            shown(&convert(&Value::from("5.0"), &Type::Number).unwrap()),
            "5"
        );
        assert_eq!(
            shown(&convert(&Value::from("false"), &Type::Bool).unwrap()),
            "false"
        );
        assert!(
            convert(&Value::from("yes"), &Type::Bool)
                .unwrap_err()
                .contains("yes")
        );
    }

    #[test]
    fn object_types_drop_extra_attributes_and_fill_optional_ones() {
        let fields = BTreeMap::from([
            (
                "a".to_owned(),
                Field {
                    field_type: Type::String,
                    optional: None,
                },
            ),
            (
                "b".to_owned(),
                Field {
                    field_type: Type::Number,
                    optional: Some(Value::from("7")),
                },
            ),
        ]);
        let value = object(&[("a", Value::Bool(true)), ("c", Value::Null)]);
        let converted = convert(&value, &Type::Object(fields.clone())).unwrap();
        assert_eq!(shown(&converted), r#"{"a":"true","b":7}"#);
        let problem = convert(&object(&[]), &Type::Object(fields)).unwrap_err();
        assert!(problem.contains("\"a\" is required"), "{problem}");
    }

    #[test]
    fn sets_are_sorted_and_without_doubles() {
        let ten_and_nine = vec![
            Value::Number(Number::from(10i64)),
            Value::Number(Number::from(9i64)),
            Value::Number(Number::from(10i64)),
        ];
        assert_eq!(shown(&set_of(ten_and_nine)), "[9,10]");
    }

    #[test]
    fn lists_of_mixed_values_become_strings() {
        let mixed = Value::tuple(vec![Value::from("a"), Value::Bool(true)]);
        let list = convert(&mixed, &Type::list_of(Type::Any)).unwrap();
        assert_eq!(shown(&list), r#"["a","true"]"#);
        let bad = Value::tuple(vec![Value::from("a"), Value::tuple(vec![])]);
        assert!(convert(&bad, &Type::list_of(Type::Any)).is_err());
    }

    #[test]
    fn errors_name_the_element() {
        let value = object(&[("k", Value::tuple(vec![]))]);
        let problem = convert(&value, &Type::map_of(Type::String)).unwrap_err();
        assert_eq!(problem, "element \"k\": a string is required, not a tuple");
    }
}
