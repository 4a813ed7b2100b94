//! Functions on lists and maps.

use std::collections::BTreeMap;
use std::sync::Arc;

use unicode_segmentation::UnicodeSegmentation as _;

use super::{
    Context, Function, Outcome, Unknowns, argument, list, map, number, text, texts, whole_number,
};
use crate::flows::number::Number;
use crate::flows::types::{Type, convert, unify};
use crate::flows::value::{List, ListKind, MapKind, Value, to_json};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("alltrue", 1..=1, |_, arguments| quantified(arguments, true)),
    Function::new("anytrue", 1..=1, |_, arguments| {
        quantified(arguments, false)
    }),
    Function::new("chunklist", 2..=2, chunklist).unknowns(Unknowns::Elements),
    Function::variadic("coalesce", 1, coalesce)
        .nulls()
        .unknowns(Unknowns::Own),
    Function::variadic("coalescelist", 1, coalescelist)
        .nulls()
        .unknowns(Unknowns::Elements),
    Function::new("compact", 1..=1, |_, arguments| {
        let items = list(arguments, 0)?.items.iter();
        let kept = items.filter(|item| !item.is_null() && item.as_str() != Some(""));
        convert(
            &Value::tuple(kept.cloned().collect()),
            &Type::list_of(Type::String),
        )
    }),
    Function::variadic("concat", 1, concat).unknowns(Unknowns::Elements),
    Function::new("contains", 2..=2, contains),
    Function::new("distinct", 1..=1, distinct),
    Function::new("element", 2..=2, element).unknowns(Unknowns::Elements),
    Function::new("flatten", 1..=1, |_, arguments| {
        let mut flat = Vec::new();
        flatten(argument(arguments, 0), &mut flat)?;
        Ok(Value::tuple(flat))
    })
    .unknowns(Unknowns::Elements),
    Function::new("index", 2..=2, index),
    Function::new("keys", 1..=1, |_, arguments| {
        let keys = map(arguments, 0)?.entries.keys();
        Ok(Value::list(
            ListKind::List,
            keys.map(|key| Value::from(key.as_str())).collect(),
        ))
    })
    .unknowns(Unknowns::Elements),
    Function::new("length", 1..=1, length).unknowns(Unknowns::Elements),
    Function::new("lookup", 2..=3, lookup)
        .unknowns(Unknowns::Elements)
        .nulls(),
    Function::new("matchkeys", 3..=3, matchkeys),
    Function::variadic("merge", 0, merge)
        .nulls()
        .unknowns(Unknowns::Elements),
    Function::new("one", 1..=1, one).unknowns(Unknowns::Elements),
    Function::new("range", 1..=3, range),
    Function::new("reverse", 1..=1, |_, arguments| {
        let list = list(arguments, 0)?;
        let kind = if list.kind == ListKind::Set {
            ListKind::List
        } else {
            list.kind
        };
        Ok(Value::list(
            kind,
            list.items.iter().rev().cloned().collect(),
        ))
    })
    .unknowns(Unknowns::Elements),
    Function::new("slice", 3..=3, slice).unknowns(Unknowns::Elements),
    Function::new("sort", 1..=1, |_, arguments| {
        let mut items = texts(arguments, 0)?;
        items.sort();
        Ok(Value::list(
            ListKind::List,
            items.into_iter().map(Value::String).collect(),
        ))
    }),
    Function::new("transpose", 1..=1, transpose),
    Function::new("values", 1..=1, |_, arguments| {
        let map = map(arguments, 0)?;
        let kind = if map.kind == MapKind::Map {
            ListKind::List
        } else {
            ListKind::Tuple
        };
        Ok(Value::list(kind, map.entries.values().cloned().collect()))
    })
    .unknowns(Unknowns::Elements),
    Function::new("zipmap", 2..=2, zipmap).unknowns(Unknowns::Elements),
];

fn quantified(arguments: &[Value], all: bool) -> Outcome {
    for item in &list(arguments, 0)?.items {
        let holds = match convert(item, &Type::Bool)? {
            Value::Bool(value) => value,
            // Terraform counts null as false.
            _ => false,
        };
        if holds != all {
            return Ok(Value::Bool(!all));
        }
    }
    Ok(Value::Bool(all))
}

/// A list or a tuple: the elements of a set have no order.
fn sequence(arguments: &[Value], position: usize) -> Result<&Arc<List>, String> {
    let list = list(arguments, position)?;
    if list.kind == ListKind::Set {
        return Err(format!(
            "argument {}: a list is required, not a set",
            position + 1
        ));
    }
    Ok(list)
}

fn chunklist(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let items = &list(arguments, 0)?.items;
    let size = number(arguments, 1)?
        .to_usize()
        .ok_or("argument 2: a whole number from 0 on is required")?;
    let whole = |part: &[Value]| Value::list(ListKind::List, part.to_vec());
    let chunks = if size == 0 {
        vec![whole(items)]
    } else {
        items.chunks(size).map(whole).collect()
    };
    Ok(Value::list(ListKind::List, chunks))
}

fn coalesce(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let unified = unify(arguments).ok_or("all arguments must have the same type")?;
    unified
        .into_iter()
        .find(|value| !value.is_null() && value.as_str() != Some(""))
        .ok_or_else(|| "every argument is null or an empty string".to_owned())
}

fn coalescelist(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let lists = (0..arguments.len())
        .map(|position| sequence(arguments, position))
        .collect::<Result<Vec<_>, _>>()?;
    lists
        .iter()
        .position(|list| !list.items.is_empty())
        .map(|position| argument(arguments, position).clone())
        .ok_or_else(|| "every argument is an empty list".to_owned())
}

fn concat(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let mut items = Vec::new();
    let mut typed = true;
    for position in 0..arguments.len() {
        let list = sequence(arguments, position)?;
        typed &= list.kind == ListKind::List;
        items.extend(list.items.iter().cloned());
    }
    match unify(&items).filter(|_| typed) {
        Some(items) => Ok(Value::list(ListKind::List, items)),
        None => Ok(Value::tuple(items)),
    }
}

fn contains(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let list = list(arguments, 0)?;
    let wanted = argument(arguments, 1);
    Ok(Value::Bool(list.items.contains(wanted)))
}

fn distinct(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let items = unify(&list(arguments, 0)?.items).ok_or("all elements must have the same type")?;
    let mut seen = std::collections::HashSet::new();
    let kept = items
        .into_iter()
        .filter(|item| seen.insert(to_json(item)))
        .collect();
    Ok(Value::list(ListKind::List, kept))
}

fn element(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let items = &sequence(arguments, 0)?.items;
    let position = whole_number(arguments, 1)?;
    let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
    if count == 0 {
        return Err("an empty list has no elements".to_owned());
    }
    if position < 0 {
        return Err("argument 2 must not be negative".to_owned());
    }
    let wrapped = usize::try_from(position % count).unwrap_or(0);
    items
        .get(wrapped)
        .cloned()
        .ok_or_else(|| "there is no such element".to_owned())
}

fn flatten(value: &Value, flat: &mut Vec<Value>) -> Result<(), String> {
    let Value::List(list) = value else {
        return Err(format!("a list is required, not {}", value.kind_name()));
    };
    for item in &list.items {
        match item {
            Value::List(_) => flatten(item, flat)?,
            other => flat.push(other.clone()),
        }
    }
    Ok(())
}

fn index(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let wanted = argument(arguments, 1);
    sequence(arguments, 0)?
        .items
        .iter()
        .position(|item| item == wanted)
        .map(|position| Number::from(position).into())
        .ok_or_else(|| "the value is not in the list".to_owned())
}

fn length(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let length = match argument(arguments, 0) {
        Value::List(list) => list.items.len(),
        Value::Map(map) => map.entries.len(),
        Value::String(text) => text.graphemes(true).count(),
        other => {
            return Err(format!(
                "a list, map or string is required, not {}",
                other.kind_name()
            ));
        }
    };
    Ok(Number::from(length).into())
}

fn lookup(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let map = map(arguments, 0)?;
    let key = text(arguments, 1)?;
    match (map.entries.get(&*key), arguments.get(2)) {
        (Some(value), _) => Ok(value.clone()),
        (None, Some(default)) => match map.entries.values().find(|value| !value.is_null()) {
            // All elements of a map have one type, so the default must fit it.
            Some(other) if map.kind == MapKind::Map => like(default, other),
            _ => Ok(default.clone()),
        },
        (None, None) => Err(format!(
            "there is no element {key:?}, and no default is given"
        )),
    }
}

/// A value converted to the type of another.
fn like(value: &Value, other: &Value) -> Outcome {
    let wanted = match other {
        Value::String(_) => Type::String,
        Value::Number(_) => Type::Number,
        Value::Bool(_) => Type::Bool,
        Value::List(_) => Type::list_of(Type::Any),
        Value::Map(_) => Type::map_of(Type::Any),
        Value::Null | Value::Unknown(_) => Type::Any,
    };
    convert(value, &wanted).map_err(|problem| format!("the default: {problem}"))
}

fn matchkeys(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let (values, keys) = (&list(arguments, 0)?.items, &list(arguments, 1)?.items);
    if values.len() != keys.len() {
        return Err("arguments 1 and 2 must have the same length".to_owned());
    }
    let wanted = &list(arguments, 2)?.items;
    let both: Vec<Value> = keys.iter().chain(wanted).cloned().collect();
    let both = unify(&both).ok_or("arguments 2 and 3 must have the same type")?;
    let (keys, wanted) = both.split_at(keys.len());
    let wanted: std::collections::HashSet<String> = wanted.iter().map(to_json).collect();
    let kept = values
        .iter()
        .zip(keys)
        .filter(|(_, key)| wanted.contains(&to_json(key)))
        .map(|(value, _)| value.clone())
        .collect();
    Ok(Value::list(ListKind::List, kept))
}

fn merge(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let mut entries = BTreeMap::new();
    let mut kind = if arguments.is_empty() {
        MapKind::Object
    } else {
        MapKind::Map
    };
    for (position, value) in arguments.iter().enumerate() {
        if value.is_null() {
            continue;
        }
        let map = map(arguments, position)?;
        if map.kind != MapKind::Map {
            kind = MapKind::Object;
        }
        entries.extend(
            map.entries
                .iter()
                .map(|(key, value)| (key.clone(), value.clone())),
        );
    }
    Ok(Value::map(kind, entries))
}

fn one(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    match list(arguments, 0)?.items.as_slice() {
        [] => Ok(Value::Null),
        [only] => Ok(only.clone()),
        items => Err(format!(
            "at most one element is allowed, not {}",
            items.len()
        )),
    }
}

fn range(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    /// As in Terraform.
    const MAX_ELEMENTS: usize = 1_024;
    let (start, limit) = match arguments.len() {
        1 => (Number::ZERO, number(arguments, 0)?),
        _ => (number(arguments, 0)?, number(arguments, 1)?),
    };
    let step = match arguments.len() {
        3 => number(arguments, 2)?,
        _ if limit < start => Number::from(-1i64),
        _ => Number::from(1i64),
    };
    if step.is_zero() && start != limit {
        return Err("the step must not be zero".to_owned());
    }
    if arguments.len() == 3 && step.is_negative() != (limit < start) && limit != start {
        return Err("the step leads away from the limit".to_owned());
    }
    let mut items = Vec::new();
    let mut current = start;
    while if step.is_negative() {
        current > limit
    } else {
        current < limit
    } {
        if items.len() >= MAX_ELEMENTS {
            return Err(format!("more than {MAX_ELEMENTS} elements"));
        }
        items.push(Value::Number(current));
        current = current.plus(step).ok_or("the range is too large")?;
    }
    Ok(Value::list(ListKind::List, items))
}

fn slice(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let list = sequence(arguments, 0)?;
    let position = |argument| number(arguments, argument).map(Number::to_usize);
    match (position(1)?, position(2)?) {
        (Some(start), Some(end)) if start <= end && end <= list.items.len() => {
            Ok(Value::list(list.kind, list.items[start..end].to_vec()))
        }
        _ => Err(format!(
            "the start and end must lie within the {} elements",
            list.items.len()
        )),
    }
}

fn transpose(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let mut turned: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (key, value) in &map(arguments, 0)?.entries {
        for name in texts(std::slice::from_ref(value), 0)? {
            turned
                .entry(name.to_string())
                .or_default()
                .push(Value::from(key.as_str()));
        }
    }
    let entries = turned
        .into_iter()
        .map(|(key, mut items)| {
            items.sort_by(|left, right| left.as_str().cmp(&right.as_str()));
            (key, Value::list(ListKind::List, items))
        })
        .collect();
    Ok(Value::map(MapKind::Map, entries))
}

fn zipmap(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let keys = list(arguments, 0)?;
    let values = list(arguments, 1)?;
    if keys.items.len() != values.items.len() {
        return Err(format!(
            "{} keys but {} values",
            keys.items.len(),
            values.items.len()
        ));
    }
    if let Some(unknown) = argument(arguments, 0).first_unknown() {
        return Ok(Value::Unknown(unknown.clone()));
    }
    let kind = if values.kind == ListKind::List {
        MapKind::Map
    } else {
        MapKind::Object
    };
    let entries = texts(arguments, 0)?
        .iter()
        .zip(&values.items)
        .map(|(key, value)| (key.to_string(), value.clone()))
        .collect();
    Ok(Value::map(kind, entries))
}
