//! Functions on sets, and conversions between types.

use std::sync::Arc;

use super::{Context, Function, Outcome, Unknowns, argument, list};
use crate::flows::types::{Type, convert, set_of, unify};
use crate::flows::value::{List, ListKind, MAX_WEIGHT, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("setintersection", 1, |_, arguments| {
        combine(arguments, |left, right| {
            left.iter()
                .filter(|item| right.contains(item))
                .cloned()
                .collect()
        })
    }),
    Function::variadic("setunion", 1, |_, arguments| {
        combine(arguments, |left, right| {
            left.iter().chain(right).cloned().collect()
        })
    }),
    Function::new("setsubtract", 2..=2, |_, arguments| {
        combine(arguments, |left, right| {
            left.iter()
                .filter(|item| !right.contains(item))
                .cloned()
                .collect()
        })
    }),
    Function::variadic("setproduct", 2, product),
    Function::new("tobool", 1..=1, |_, arguments| {
        convert(argument(arguments, 0), &Type::Bool)
    })
    .nulls(),
    Function::new("tonumber", 1..=1, |_, arguments| {
        convert(argument(arguments, 0), &Type::Number)
    })
    .nulls(),
    Function::new("tostring", 1..=1, |_, arguments| {
        convert(argument(arguments, 0), &Type::String)
    })
    .nulls(),
    Function::new("tolist", 1..=1, |_, arguments| {
        convert(argument(arguments, 0), &Type::list_of(Type::Any))
    })
    .nulls()
    .unknowns(Unknowns::Elements),
    Function::new("toset", 1..=1, |_, arguments| {
        convert(argument(arguments, 0), &Type::Set(Box::new(Type::Any)))
    })
    .nulls(),
    Function::new("tomap", 1..=1, |_, arguments| {
        convert(argument(arguments, 0), &Type::map_of(Type::Any))
    })
    .nulls()
    .unknowns(Unknowns::Elements),
    Function::new("sensitive", 1..=1, same)
        .nulls()
        .unknowns(Unknowns::Own),
    Function::new("nonsensitive", 1..=1, same)
        .nulls()
        .unknowns(Unknowns::Own),
    Function::new("ephemeralasnull", 1..=1, same)
        .nulls()
        .unknowns(Unknowns::Own),
    Function::new("issensitive", 1..=1, |_, _| Ok(Value::Bool(false))).nulls(),
];

fn same(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    Ok(argument(arguments, 0).clone())
}

/// Elements of all arguments brought to one type, as sets.
fn sets(arguments: &[Value]) -> Result<Vec<Vec<Value>>, String> {
    let lists = (0..arguments.len())
        .map(|position| list(arguments, position))
        .collect::<Result<Vec<&Arc<List>>, _>>()?;
    let all: Vec<Value> = lists
        .iter()
        .flat_map(|list| list.items.iter().cloned())
        .collect();
    let mut unified = unify(&all)
        .ok_or("all elements must have the same type")?
        .into_iter();
    Ok(lists
        .iter()
        .map(|list| unified.by_ref().take(list.items.len()).collect())
        .collect())
}

fn combine(arguments: &[Value], step: impl Fn(&[Value], &[Value]) -> Vec<Value>) -> Outcome {
    /// Comparisons: every element with every other.
    const MAX_COMPARISONS: usize = 4_000_000;
    let mut sets = sets(arguments)?.into_iter();
    let mut result = sets.next().unwrap_or_default();
    for set in sets {
        if result.len().saturating_mul(set.len()) > MAX_COMPARISONS {
            return Err("these sets are too large".to_owned());
        }
        result = step(&result, &set);
    }
    Ok(set_of(result))
}

fn product(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let lists = (0..arguments.len())
        .map(|position| list(arguments, position))
        .collect::<Result<Vec<&Arc<List>>, _>>()?;
    let size = lists
        .iter()
        .try_fold(1u64, |size, list| size.checked_mul(list.items.len() as u64))
        .and_then(|size| size.checked_mul(lists.len() as u64));
    if size.is_none_or(|size| size > MAX_WEIGHT) {
        return Err("the product is too large".to_owned());
    }
    let columns = lists
        .iter()
        .map(|list| unify(&list.items).unwrap_or_else(|| list.items.clone()));
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for items in columns {
        rows = rows
            .iter()
            .flat_map(|row| {
                items.iter().map(|item| {
                    let mut row = row.clone();
                    row.push(item.clone());
                    row
                })
            })
            .collect();
    }
    let rows: Vec<Value> = rows.into_iter().map(Value::tuple).collect();
    Ok(if lists.iter().all(|list| list.kind == ListKind::Set) {
        set_of(rows)
    } else {
        Value::list(ListKind::List, rows)
    })
}
