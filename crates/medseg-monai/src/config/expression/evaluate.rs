//! Values of trees.

use super::tree::Tree;
use crate::BundleProblem;
use crate::config::{Config, Value};

/// Longest text that a concatenation makes.
const LONGEST_TEXT: usize = 1 << 16;
/// Modules whose names stand for themselves, as in `torch.float32`.
const MODULES: [&str; 4] = ["torch", "np", "numpy", "monai"];
/// Methods of modules that return the module.
const UNCHANGED: [&str; 4] = ["to", "eval", "cpu", "cuda"];

/// The evaluation of one expression.
pub(super) struct Evaluation<'a, 'b> {
    pub config: &'a Config,
    pub id: &'b str,
    pub text: &'b str,
}

type Result<T> = std::result::Result<T, BundleProblem>;

impl<'a> Evaluation<'a, '_> {
    pub fn value(&self, tree: &Tree) -> Result<Value<'a>> {
        self.config.nested(self.id, || self.of_tree(tree))
    }

    fn of_tree(&self, tree: &Tree) -> Result<Value<'a>> {
        match tree {
            Tree::Int(value) => Ok(Value::Int(*value)),
            Tree::Float(value) => Ok(Value::Float(*value)),
            Tree::Text(text) => Ok(Value::Text(text.clone())),
            Tree::Name(name) => match name.as_str() {
                "None" => Ok(Value::None),
                "True" => Ok(Value::Bool(true)),
                "False" => Ok(Value::Bool(false)),
                _ => Err(self.fail(format!("the name {name} is not known"))),
            },
            Tree::Reference(id) => self.config.referred(self.id, id),
            Tree::List(items) => Ok(Value::List(items.iter().map(|item| self.value(item)).collect::<Result<_>>()?)),
            Tree::Unary(operator, value) => self.unary(operator, self.value(value)?),
            Tree::Binary("and", left, right) => {
                let left = self.value(left)?;
                if left.truth() { self.value(right) } else { Ok(left) }
            }
            Tree::Binary("or", left, right) => {
                let left = self.value(left)?;
                if left.truth() { Ok(left) } else { self.value(right) }
            }
            Tree::Binary(operator, left, right) => self.binary(operator, self.value(left)?, self.value(right)?),
            Tree::Choice(parts) => {
                let [condition, yes, no] = parts.as_ref();
                if self.value(condition)?.truth() { self.value(yes) } else { self.value(no) }
            }
            Tree::Call(function, arguments) => self.call(function, arguments),
            Tree::Attribute(_, name) => match dotted(tree) {
                Some(symbol) if constant(&symbol).is_some() => {
                    Ok(Value::Text(constant(&symbol).unwrap_or_default().to_owned()))
                }
                Some(symbol) if MODULES.contains(&symbol.split('.').next().unwrap_or_default()) => {
                    Ok(Value::Symbol(symbol))
                }
                _ => Err(self.fail(format!("the attribute {name} is not recognised"))),
            },
            Tree::Index(of, index) => match (self.value(of)?, self.value(index)?) {
                (Value::List(mut values), Value::Int(index)) => {
                    let length = values.len() as i64;
                    let at = if index < 0 { index.checked_add(length) } else { Some(index) };
                    match at.filter(|at| (0..length).contains(at)) {
                        Some(at) => Ok(values.swap_remove(at as usize)),
                        None => Err(self.fail(format!("a list of {length} has no element {index}"))),
                    }
                }
                (of, _) => Err(self.fail(format!("an index into {} is not recognised", of.kind()))),
            },
        }
    }

    fn fail(&self, reason: impl Into<String>) -> BundleProblem {
        BundleProblem::expression(self.id, self.text, reason)
    }

    fn unary(&self, operator: &str, value: Value<'a>) -> Result<Value<'a>> {
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

    fn binary(&self, operator: &str, left: Value<'a>, right: Value<'a>) -> Result<Value<'a>> {
        match (operator, left, right) {
            ("+", Value::Text(left), Value::Text(right)) => match left.len() + right.len() <= LONGEST_TEXT {
                true => Ok(Value::Text(left + &right)),
                false => Err(BundleProblem::bound(self.id, format!("a text of more than {LONGEST_TEXT} bytes"))),
            },
            ("+", Value::List(mut left), Value::List(right)) => {
                left.iter().chain(&right).try_for_each(|_| self.config.count(self.id))?;
                left.extend(right);
                Ok(Value::List(left))
            }
            ("*", Value::List(list), Value::Int(times)) | ("*", Value::Int(times), Value::List(list)) => {
                let mut out = Vec::new();
                for _ in 0..if list.is_empty() { 0 } else { times } {
                    for value in &list {
                        self.config.count(self.id)?;
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

    fn call(&self, function: &Tree, arguments: &[Tree]) -> Result<Value<'a>> {
        if let Tree::Attribute(of, method) = function
            && UNCHANGED.contains(&method.as_str())
        {
            // The device of a network decides nothing, so the arguments are not computed.
            return match self.value(of)? {
                value @ Value::Object(_) => Ok(value),
                value => Err(self.fail(format!("{method} of {} is not recognised", value.kind()))),
            };
        }
        let name = dotted(function).ok_or_else(|| self.fail("a call of this kind is not recognised"))?;
        let values = || arguments.iter().map(|argument| self.value(argument)).collect::<Result<Vec<_>>>();
        if name == "os.path.join" {
            return self.join(&values()?);
        }
        if name == "os.path.exists" || name == "os.path.isfile" {
            return match &values()?[..] {
                [Value::Text(path)] => match self.config.exists(path) {
                    Some(exists) => Ok(Value::Bool(exists)),
                    None => Err(self.fail("it asks for a file outside the bundle")),
                },
                _ => Err(self.fail(format!("these arguments of {name} are not recognised"))),
            };
        }
        if name == "torch.device" {
            return Ok(Value::Symbol(name));
        }
        let known = ["len", "int", "float", "str", "bool", "list", "tuple", "min", "max", "abs", "range", "sum"];
        if !known.contains(&name.as_str()) {
            return Err(self.fail(format!("{name} is not among the recognised functions")));
        }
        self.function(&name, values()?)
    }

    fn function(&self, name: &str, mut values: Vec<Value<'a>>) -> Result<Value<'a>> {
        let wrong = || self.fail(format!("these arguments of {name} are not recognised"));
        if matches!(name, "min" | "max") && values.len() > 1 {
            values = vec![Value::List(values)];
        }
        if name == "range" {
            let bounds = match values[..] {
                [Value::Int(end)] => 0..end,
                [Value::Int(start), Value::Int(end)] => start..end,
                _ => return Err(wrong()),
            };
            let mut list = Vec::new();
            for value in bounds {
                self.config.count(self.id)?;
                list.push(Value::Int(value));
            }
            return Ok(Value::List(list));
        }
        if values.len() != 1 {
            return Err(wrong());
        }
        let value = values.remove(0);
        match (name, value) {
            ("len", Value::List(values)) => Ok(Value::Int(values.len() as i64)),
            ("len", Value::Text(text)) => Ok(Value::Int(text.chars().count() as i64)),
            ("len", Value::Object(node)) if node.target().is_none() => {
                Ok(Value::Int(node.raw.as_object().map_or(0, serde_json::Map::len) as i64))
            }
            ("int", value @ Value::Int(_)) | ("float", value @ Value::Float(_)) | ("str", value @ Value::Text(_)) => {
                Ok(value)
            }
            ("int", Value::Bool(value)) => Ok(Value::Int(i64::from(value))),
            ("int", Value::Float(value)) if value.abs() < 2_f64.powi(53) => Ok(Value::Int(value as i64)),
            ("int", Value::Text(text)) => text.trim().parse().map(Value::Int).map_err(|_| wrong()),
            ("float", Value::Int(value)) => Ok(Value::Float(value as f64)),
            ("float", Value::Text(text)) => match text.trim().parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(Value::Float(value)),
                _ => Err(wrong()),
            },
            ("str", Value::Int(value)) => Ok(Value::Text(value.to_string())),
            ("bool", value) => Ok(Value::Bool(value.truth())),
            ("list" | "tuple", value @ Value::List(_)) => Ok(value),
            ("abs", Value::Int(value)) => value.checked_abs().map(Value::Int).ok_or_else(wrong),
            ("abs", Value::Float(value)) => Ok(Value::Float(value.abs())),
            ("min" | "max" | "sum", Value::List(values)) => self.reduced(name, &values),
            _ => Err(wrong()),
        }
    }

    /// Least, largest or sum of numbers.
    fn reduced(&self, name: &str, values: &[Value<'a>]) -> Result<Value<'a>> {
        let mut numbers = values.iter();
        let mut total = match name {
            "sum" => Value::Int(0),
            _ => numbers.next().cloned().ok_or_else(|| self.fail(format!("{name} of nothing")))?,
        };
        for value in numbers {
            let (Some(all), Some(next)) = (total.number(), value.number()) else {
                return Err(self.fail(format!("{name} of {} is not recognised", value.kind())));
            };
            total = match name {
                "sum" => self.binary("+", total, value.clone())?,
                "min" if next < all => value.clone(),
                "max" if next > all => value.clone(),
                _ => total,
            };
        }
        match total.number() {
            Some(_) => Ok(total),
            None => Err(self.fail(format!("{name} of {} is not recognised", total.kind()))),
        }
    }

    /// `os.path.join`; an absolute part starts again, as in Python.
    fn join(&self, values: &[Value<'a>]) -> Result<Value<'a>> {
        let mut path = String::new();
        for value in values {
            let Value::Text(part) = value else {
                return Err(self.fail(format!("a path of {} is not recognised", value.kind())));
            };
            if part.starts_with('/') {
                path.clear();
            } else if !path.is_empty() && !path.ends_with('/') {
                path.push('/');
            }
            path.push_str(part);
            if path.len() > LONGEST_TEXT {
                return Err(BundleProblem::bound(self.id, format!("a text of more than {LONGEST_TEXT} bytes")));
            }
        }
        Ok(Value::Text(path))
    }
}

/// Texts that MONAI gives names.
fn constant(symbol: &str) -> Option<&'static str> {
    match symbol.strip_prefix("monai.utils.")?.trim_start_matches("enums.") {
        "CommonKeys.IMAGE" => Some("image"),
        "CommonKeys.PRED" => Some("pred"),
        "CommonKeys.LABEL" => Some("label"),
        _ => None,
    }
}

/// The dotted name of a tree that is nothing else.
fn dotted(tree: &Tree) -> Option<String> {
    match tree {
        Tree::Name(name) => Some(name.clone()),
        Tree::Attribute(of, name) => Some(format!("{}.{name}", dotted(of)?)),
        _ => None,
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
