//! Functions on numbers.

use super::{Context, Function, Outcome, argument, list, number, text, whole_number};
use crate::flows::number::Number;
use crate::flows::types::{Type, convert};
use crate::flows::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("abs", 1..=1, |_, arguments| {
        let value = number(arguments, 0)?;
        Ok(if value.is_negative() {
            value.negated()
        } else {
            value
        }
        .into())
    }),
    Function::new("ceil", 1..=1, |_, arguments| {
        Ok(number(arguments, 0)?.ceil().into())
    }),
    Function::new("floor", 1..=1, |_, arguments| {
        Ok(number(arguments, 0)?.floor().into())
    }),
    Function::new("log", 2..=2, |_, arguments| {
        let (value, base) = (number(arguments, 0)?, number(arguments, 1)?);
        float(value.to_f64().ln() / base.to_f64().ln())
    }),
    Function::variadic("max", 1, |_, arguments| extreme(arguments, true)),
    Function::variadic("min", 1, |_, arguments| extreme(arguments, false)),
    Function::new("parseint", 2..=2, parseint),
    Function::new("pow", 2..=2, pow),
    Function::new("signum", 1..=1, |_, arguments| {
        let value = Number::from(whole_number(arguments, 0)?);
        let sign = if value.is_zero() {
            0i64
        } else if value.is_negative() {
            -1
        } else {
            1
        };
        Ok(Number::from(sign).into())
    }),
    Function::new("sum", 1..=1, sum),
];

fn float(value: f64) -> Outcome {
    Number::from_f64(value)
        .map(Value::Number)
        .ok_or_else(|| "the result is not a number".to_owned())
}

fn extreme(arguments: &[Value], largest: bool) -> Outcome {
    let numbers = (0..arguments.len())
        .map(|position| number(arguments, position))
        .collect::<Result<Vec<_>, _>>()?;
    let chosen = if largest {
        numbers.iter().max()
    } else {
        numbers.iter().min()
    };
    chosen
        .map(|number| Value::Number(*number))
        .ok_or_else(|| "takes at least one number".to_owned())
}

fn parseint(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    if let Value::Number(_) = argument(arguments, 0) {
        return Err("argument 1: a string is required, not a number".to_owned());
    }
    let digits = text(arguments, 0)?;
    let base = whole_number(arguments, 1)?;
    let radix = u32::try_from(base)
        .ok()
        .filter(|base| (2..=62).contains(base))
        .ok_or_else(|| format!("argument 2: a base from 2 to 62 is required, not {base}"))?;
    let bad = || format!("{digits:?} is not a whole number of base {radix}");
    let (negative, body) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    if body.is_empty() {
        return Err(bad());
    }
    let mut value: i128 = 0;
    for letter in body.chars() {
        // Up to base 36 letters count without regard to case; above, capitals follow the small ones.
        let digit = match letter {
            '0'..='9' => u32::from(letter) - u32::from('0'),
            'a'..='z' => u32::from(letter) - u32::from('a') + 10,
            'A'..='Z' if radix <= 36 => u32::from(letter) - u32::from('A') + 10,
            'A'..='Z' => u32::from(letter) - u32::from('A') + 36,
            _ => return Err(bad()),
        };
        if digit >= radix {
            return Err(bad());
        }
        value = value
            .checked_mul(i128::from(radix))
            .and_then(|value| value.checked_add(i128::from(digit)))
            .ok_or_else(|| format!("{digits:?} is too large"))?;
    }
    Ok(Number::from(if negative { -value } else { value }).into())
}

fn pow(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let (base, exponent) = (number(arguments, 0)?, number(arguments, 1)?);
    if let (Some(base), Some(power)) = (base.to_i128(), exponent.to_i64()) {
        let exact = u32::try_from(power)
            .ok()
            .and_then(|power| base.checked_pow(power));
        if let Some(exact) = exact {
            return Ok(Number::from(exact).into());
        }
    }
    float(base.to_f64().powf(exponent.to_f64()))
}

fn sum(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let items = &list(arguments, 0)?.items;
    if items.is_empty() {
        return Err("cannot add up an empty list".to_owned());
    }
    let mut total = Number::ZERO;
    for item in items {
        match convert(item, &Type::Number)? {
            Value::Number(number) => {
                total = total.plus(number).ok_or("the sum is out of range")?;
            }
            _ => {
                return Err(format!(
                    "a list of numbers is required, not {}",
                    argument(arguments, 0).kind_name()
                ));
            }
        }
    }
    Ok(total.into())
}
