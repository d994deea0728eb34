//! Operators.

use super::evaluate::{Evaluation, LONGEST_TEXT, Result};
use crate::BundleProblem;
use crate::config::Value;
use crate::config::resolve::BYTES;

impl<'a> Evaluation<'a, '_> {
    pub(super) fn unary(&self, operator: &str, value: Value<'a>) -> Result<Value<'a>> {
        match (operator, value) {
            ("not", value) => Ok(Value::Bool(!value.truth())),
            ("-", Value::Int(value)) => {
                value.checked_neg().map(Value::Int).ok_or_else(|| self.fail("a number is too large"))
            }
            ("-", Value::Float(value)) => Ok(Value::Float(-value)),
            ("+", value @ (Value::Int(_) | Value::Float(_))) => Ok(value),
            (_, value) => Err(self.fail(format!("the sign of {} is not recognised", value.kind()))),
        }
    }

    pub(super) fn binary(&self, operator: &str, left: Value<'a>, right: Value<'a>) -> Result<Value<'a>> {
        match (operator, left, right) {
            ("+", Value::Text(left), Value::Text(right)) => match left.len() + right.len() <= LONGEST_TEXT {
                true => Ok(Value::Text(left + &right)),
                false => Err(BundleProblem::bound(self.id, format!("a text of more than {LONGEST_TEXT} bytes"))),
            },
            ("+", Value::List(mut left), Value::List(right)) => {
                self.config.count(self.id, left.len().saturating_add(right.len()))?;
                left.extend(right);
                Ok(Value::List(left))
            }
            ("*", Value::List(list), Value::Int(times)) | ("*", Value::Int(times), Value::List(list)) => {
                let mut out = Vec::new();
                for _ in 0..if list.is_empty() { 0 } else { times } {
                    for value in &list {
                        self.config.count(self.id, size(value))?;
                        out.push(value.clone());
                    }
                }
                Ok(Value::List(out))
            }
            ("==", left, right) => Ok(Value::Bool(equal(&left, &right))),
            ("!=", left, right) => Ok(Value::Bool(!equal(&left, &right))),
            (operator, Value::Int(left), Value::Int(right)) => self.whole(operator, left, right),
            (operator, left, right) => match (left.number(), right.number()) {
                (Some(left), Some(right)) => self.number(operator, left, right),
                _ => Err(self.fail(format!("{} {operator} {} is not recognised", left.kind(), right.kind()))),
            },
        }
    }

    fn whole(&self, operator: &str, left: i64, right: i64) -> Result<Value<'a>> {
        let value = match operator {
            "<" => return Ok(Value::Bool(left < right)),
            ">" => return Ok(Value::Bool(left > right)),
            "<=" => return Ok(Value::Bool(left <= right)),
            ">=" => return Ok(Value::Bool(left >= right)),
            "/" => return self.number("/", left as f64, right as f64),
            "+" => left.checked_add(right),
            "-" => left.checked_sub(right),
            "*" => left.checked_mul(right),
            "**" if right < 0 => return self.number("**", left as f64, right as f64),
            "**" => u32::try_from(right).ok().and_then(|right| left.checked_pow(right)),
            "//" | "%" if right == 0 => return Err(self.fail("it divides by zero")),
            "//" => floored(left, right),
            "%" => floored(left, right)
                .and_then(|times| times.checked_mul(right))
                .and_then(|whole| left.checked_sub(whole)),
            _ => return Err(self.fail(format!("{operator} is not recognised"))),
        };
        value.map(Value::Int).ok_or_else(|| self.fail("a number is too large"))
    }

    fn number(&self, operator: &str, left: f64, right: f64) -> Result<Value<'a>> {
        let value = match operator {
            "<" => return Ok(Value::Bool(left < right)),
            ">" => return Ok(Value::Bool(left > right)),
            "<=" => return Ok(Value::Bool(left <= right)),
            ">=" => return Ok(Value::Bool(left >= right)),
            "+" => left + right,
            "-" => left - right,
            "*" => left * right,
            "/" | "//" | "%" if right == 0.0 => return Err(self.fail("it divides by zero")),
            "/" => left / right,
            "//" => (left / right).floor(),
            "%" => left - (left / right).floor() * right,
            "**" => left.powf(right),
            _ => return Err(self.fail(format!("{operator} is not recognised"))),
        };
        match value.is_finite() {
            true => Ok(Value::Float(value)),
            false => Err(self.fail("its value is not finite")),
        }
    }
}

/// Values of a value, as [`Config::count`](crate::config::Config) takes them.
fn size(value: &Value<'_>) -> usize {
    match value {
        Value::List(values) => values.iter().map(size).fold(1, usize::saturating_add),
        Value::Text(text) | Value::Symbol(text) => 1 + text.len() / BYTES,
        Value::Object(node) => 1 + node.id.len() / BYTES,
        _ => 1,
    }
}

fn equal(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left.number(), right.number()) {
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    }
}

/// Python's `//`.
fn floored(left: i64, right: i64) -> Option<i64> {
    let quotient = left.checked_div(right)?;
    let exact = quotient.checked_mul(right)? == left;
    if exact || (left < 0) == (right < 0) { Some(quotient) } else { quotient.checked_sub(1) }
}
