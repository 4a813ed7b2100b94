//! Decimal numbers of the configuration language. Terraform computes in decimal with far more digits than an `f64` has,
//! so that `0.1 + 0.2` is `0.3`. Here a number is an integer of up to 38 digits times a power of ten; only results that
//! do not fit fall back to `f64`. Used by the evaluator and its functions, by nothing else.

use std::cmp::Ordering;
use std::fmt;

/// Largest power of ten (either way) that is accepted: far outside of what a configuration means, and small enough
/// that writing the number out stays cheap.
const MAX_EXPONENT: i32 = 400;

/// `mantissa * 10^exponent`, without trailing zeros in the mantissa, so that equal numbers are equal in their parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number {
    mantissa: i128,
    exponent: i32,
}

impl Number {
    pub const ZERO: Self = Self {
        mantissa: 0,
        exponent: 0,
    };

    fn normal(mut mantissa: i128, mut exponent: i32) -> Self {
        if mantissa == 0 {
            return Self::ZERO;
        }
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        Self { mantissa, exponent }
    }

    /// Reads decimal text as it is written in a configuration; `None` when it is no number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (digits, exponent) = match digits.find(['e', 'E']) {
            Some(at) => (&digits[..at], digits[at + 1..].parse::<i32>().ok()?),
            None => (digits, 0),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() || digits.ends_with('.') {
            return None;
        }
        let mut mantissa: i128 = 0;
        let mut exponent = exponent;
        let mut dropping = false;
        for (place, digit) in whole.bytes().chain(fraction.bytes()).enumerate() {
            if !digit.is_ascii_digit() {
                return None;
            }
            let fractional = place >= whole.len();
            let next = mantissa
                .checked_mul(10)
                .and_then(|value| value.checked_add(i128::from(digit - b'0')));
            match next {
                Some(next) if !dropping => {
                    mantissa = next;
                    exponent = exponent.checked_sub(i32::from(fractional))?;
                }
                // Digits beyond the precision only move the point.
                _ => {
                    dropping = true;
                    exponent = exponent.checked_add(i32::from(!fractional))?;
                }
            }
        }
        if !(-MAX_EXPONENT..=MAX_EXPONENT).contains(&exponent) {
            return None;
        }
        Some(Self::normal(
            if negative { -mantissa } else { mantissa },
            exponent,
        ))
    }

    /// Reads text that is converted to a number: a point may stand at its end.
    #[must_use]
    pub fn parse_loose(text: &str) -> Option<Self> {
        let digits = text.strip_suffix('.');
        match digits.filter(|digits| digits.ends_with(|last: char| last.is_ascii_digit())) {
            Some(digits) if !digits.contains(['.', 'e', 'E']) => Self::parse(digits),
            _ => Self::parse(text),
        }
    }

    /// `None` for values that are not finite.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Self> {
        value
            .is_finite()
            .then(|| Self::parse(&format!("{value:e}")))
            .flatten()
    }

    #[must_use]
    pub fn to_f64(self) -> f64 {
        format!("{}e{}", self.mantissa, self.exponent)
            .parse()
            .unwrap_or(f64::NAN)
    }

    /// The whole number, if it is one.
    #[must_use]
    pub fn to_i128(self) -> Option<i128> {
        let power = u32::try_from(self.exponent).ok()?;
        self.mantissa.checked_mul(10i128.checked_pow(power)?)
    }

    #[must_use]
    pub fn to_i64(self) -> Option<i64> {
        self.to_i128().and_then(|value| i64::try_from(value).ok())
    }

    #[must_use]
    pub fn to_usize(self) -> Option<usize> {
        self.to_i128().and_then(|value| usize::try_from(value).ok())
    }

    #[must_use]
    pub fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    #[must_use]
    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// Both mantissas at the smaller exponent.
    fn aligned(self, other: Self) -> Option<(i128, i128, i32)> {
        let exponent = self.exponent.min(other.exponent);
        let scale = |number: Self| {
            let power = u32::try_from(number.exponent - exponent).ok()?;
            number.mantissa.checked_mul(10i128.checked_pow(power)?)
        };
        Some((scale(self)?, scale(other)?, exponent))
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        self.aligned(other)
            .and_then(|(left, right, exponent)| {
                Some(Self::normal(left.checked_add(right)?, exponent))
            })
            .or_else(|| Self::from_f64(self.to_f64() + other.to_f64()))
    }

    #[must_use]
    pub fn negated(self) -> Self {
        Self {
            mantissa: self.mantissa.saturating_neg(),
            exponent: self.exponent,
        }
    }

    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.plus(other.negated())
    }

    #[must_use]
    pub fn times(self, other: Self) -> Option<Self> {
        match self.mantissa.checked_mul(other.mantissa) {
            Some(mantissa) => Self::normal(mantissa, self.exponent + other.exponent).in_range(),
            None => Self::from_f64(self.to_f64() * other.to_f64()),
        }
    }

    fn in_range(self) -> Option<Self> {
        (-MAX_EXPONENT..=MAX_EXPONENT)
            .contains(&self.exponent)
            .then_some(self)
    }

    /// `None` when `other` is zero.
    #[must_use]
    pub fn divided_by(self, other: Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        let mut dividend = self.mantissa;
        let mut exponent = self.exponent - other.exponent;
        while dividend % other.mantissa != 0 {
            match dividend.checked_mul(10) {
                Some(next) => {
                    dividend = next;
                    exponent -= 1;
                }
                None => break,
            }
        }
        Self::normal(dividend / other.mantissa, exponent).in_range()
    }

    /// The remainder with the sign of the dividend; of a division by zero all remains. Both as in Terraform.
    #[must_use]
    pub fn modulo(self, other: Self) -> Option<Self> {
        if other.is_zero() {
            return Some(self);
        }
        match self.aligned(other) {
            Some((left, right, exponent)) => Some(Self::normal(left % right, exponent)),
            None => Self::from_f64(self.to_f64() % other.to_f64()),
        }
    }

    /// Toward negative infinity.
    #[must_use]
    pub fn floor(self) -> Self {
        if self.exponent >= 0 {
            return self;
        }
        let divisor = u32::try_from(-self.exponent)
            .ok()
            .and_then(|power| 10i128.checked_pow(power));
        let whole = match divisor {
            Some(divisor) => self.mantissa.div_euclid(divisor),
            None => -i128::from(self.is_negative()),
        };
        Self::normal(whole, 0)
    }

    #[must_use]
    pub fn ceil(self) -> Self {
        self.negated().floor().negated()
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::normal(i128::from(value), 0)
    }
}

impl From<usize> for Number {
    fn from(value: usize) -> Self {
        Self::normal(i128::try_from(value).unwrap_or(i128::MAX), 0)
    }
}

impl From<i128> for Number {
    fn from(value: i128) -> Self {
        Self::normal(value, 0)
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.aligned(*other) {
            Some((left, right, _)) => left.cmp(&right),
            None => self.to_f64().total_cmp(&other.to_f64()),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Number {
    /// Always plain decimals, never an exponent, as in Terraform.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_negative() {
            out.write_str("-")?;
        }
        let digits = self.mantissa.unsigned_abs().to_string();
        if let Ok(zeros) = usize::try_from(self.exponent) {
            return write!(out, "{digits}{}", "0".repeat(zeros));
        }
        let places = usize::try_from(-self.exponent).unwrap_or(0);
        if digits.len() > places {
            let point = digits.len() - places;
            write!(out, "{}.{}", &digits[..point], &digits[point..])
        } else {
            write!(out, "0.{}{digits}", "0".repeat(places - digits.len()))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn tenths_add_up_exactly() {
        assert_eq!(number("0.1").plus(number("0.2")), Some(number("0.3")));
    }

    #[test]
    fn numbers_are_written_without_exponents() {
        for (text, shown) in [
            ("1e3", "1000"),
            ("1.50", "1.5"),
            ("-0.05", "-0.05"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
            ("007", "7"),
            ("-0", "0"),
        ] {
            assert_eq!(number(text).to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "1.",
            "1e",
            "0x1",
            "1 ",
            "1e999999999999",
            "nan",
            "١",
        ] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }

    #[test]
    fn division_is_exact_where_it_can_be() {
        assert_eq!(number("1").divided_by(number("8")), Some(number("0.125")));
        assert_eq!(number("10").divided_by(number("2")), Some(number("5")));
        assert_eq!(number("1").divided_by(Number::ZERO), None);
        assert!(
            number("1")
                .divided_by(number("3"))
                .unwrap()
                .to_string()
                .starts_with("0.33333333333")
        );
    }

    #[test]
    fn remainders_keep_the_sign_of_the_dividend() {
        assert_eq!(number("-5").modulo(number("3")), Some(number("-2")));
        assert_eq!(number("5.5").modulo(number("2")), Some(number("1.5")));
    }

    #[test]
    fn floor_and_ceil_go_their_ways_for_negative_numbers() {
        assert_eq!(number("-1.5").floor(), number("-2"));
        assert_eq!(number("-1.5").ceil(), number("-1"));
        assert_eq!(number("1e-300").ceil(), number("1"));
    }
}
