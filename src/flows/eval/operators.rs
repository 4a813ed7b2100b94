//! Unary and binary operators, equality, and the choice of a conditional.

use hcl_edit::expr::{BinaryOperator, UnaryOperator};

use crate::flows::number::Number;
use crate::flows::types::{Type, convert, unify};
use crate::flows::value::Value;

/// Applies an operator to one known value.
///
/// # Errors
/// The operand has the wrong type.
pub fn unary(operator: UnaryOperator, operand: &Value) -> Result<Value, String> {
    match operator {
        UnaryOperator::Neg => Ok(number(operand)?.negated().into()),
        UnaryOperator::Not => Ok((!boolean(operand)?).into()),
    }
}

/// Applies an operator to two values; the logical ones do not come here, as they look at one side first.
///
/// # Errors
/// An operand has the wrong type, or the result does not exist.
pub fn binary(operator: BinaryOperator, left: &Value, right: &Value) -> Result<Value, String> {
    match operator {
        BinaryOperator::Eq => Ok(equal(left, right)),
        BinaryOperator::NotEq => match equal(left, right) {
            Value::Bool(same) => Ok(Value::Bool(!same)),
            unknown => Ok(unknown),
        },
        _ => {
            if let Some(unknown) = left.first_unknown().or_else(|| right.first_unknown()) {
                return Ok(Value::Unknown(unknown.clone()));
            }
            arithmetic(operator, number(left)?, number(right)?)
        }
    }
}

fn arithmetic(operator: BinaryOperator, left: Number, right: Number) -> Result<Value, String> {
    let too_large = || "the result is out of range".to_owned();
    let result = match operator {
        BinaryOperator::Plus => left.plus(right).ok_or_else(too_large)?,
        BinaryOperator::Minus => left.minus(right).ok_or_else(too_large)?,
        BinaryOperator::Mul => left.times(right).ok_or_else(too_large)?,
        BinaryOperator::Div if right.is_zero() => {
            return Err("division by zero".to_owned());
        }
        BinaryOperator::Div => left.divided_by(right).ok_or_else(too_large)?,
        BinaryOperator::Mod => left.modulo(right).ok_or_else(too_large)?,
        BinaryOperator::Less => return Ok((left < right).into()),
        BinaryOperator::LessEq => return Ok((left <= right).into()),
        BinaryOperator::Greater => return Ok((left > right).into()),
        BinaryOperator::GreaterEq => return Ok((left >= right).into()),
        BinaryOperator::Eq | BinaryOperator::NotEq | BinaryOperator::And | BinaryOperator::Or => {
            return Err("this operator takes other operands".to_owned());
        }
    };
    Ok(result.into())
}

fn equal(left: &Value, right: &Value) -> Value {
    // Nothing that an apply makes is null, so this comparison is decided without knowing the value.
    if let (Value::Null, Value::Unknown(unknown)) | (Value::Unknown(unknown), Value::Null) =
        (left, right)
    {
        return Value::Unknown(unknown.clone());
    }
    if left.is_null() || right.is_null() {
        return Value::Bool(left.is_null() && right.is_null());
    }
    match left.first_unknown().or_else(|| right.first_unknown()) {
        Some(unknown) => Value::Unknown(unknown.clone()),
        None => Value::Bool(same(left, right)),
    }
}

/// Whether two known values are the same, their types included: a tuple is never equal to a list.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::List(left), Value::List(right)) => {
            left.kind == right.kind
                && left.items.len() == right.items.len()
                && left
                    .items
                    .iter()
                    .zip(&right.items)
                    .all(|(left, right)| same(left, right))
        }
        (Value::Map(left), Value::Map(right)) => {
            left.kind == right.kind
                && left.entries.len() == right.entries.len()
                && left.entries.iter().zip(&right.entries).all(
                    |((left_key, left), (right_key, right))| {
                        left_key == right_key && same(left, right)
                    },
                )
        }
        _ => left == right,
    }
}

/// A number, also from text that is one.
///
/// # Errors
/// The value is something else.
pub fn number(value: &Value) -> Result<Number, String> {
    match convert(value, &Type::Number)? {
        Value::Number(number) => Ok(number),
        other => Err(format!("a number is required, not {}", other.kind_name())),
    }
}

/// A bool, also from text that is one.
///
/// # Errors
/// The value is something else.
pub fn boolean(value: &Value) -> Result<bool, String> {
    match convert(value, &Type::Bool)? {
        Value::Bool(value) => Ok(value),
        other => Err(format!("a bool is required, not {}", other.kind_name())),
    }
}

/// The chosen branch of a conditional, converted to what both branches have in common.
///
/// # Errors
/// The branches have nothing in common.
pub fn choose(chosen: &Value, other: &Value) -> Result<Value, String> {
    match unify(&[chosen.clone(), other.clone()]) {
        Some(mut both) if both.len() == 2 => Ok(both.swap_remove(0)),
        // Objects of different shape: Terraform refuses some of these; the chosen one is what was meant.
        _ if std::mem::discriminant(chosen) == std::mem::discriminant(other) => Ok(chosen.clone()),
        _ => Err(format!(
            "both results of a conditional must have the same type, not {} and {}",
            chosen.kind_name(),
            other.kind_name()
        )),
    }
}
