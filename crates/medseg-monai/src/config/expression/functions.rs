//! Functions that expressions may call.

use super::evaluate::{Evaluation, LONGEST_TEXT, Result, dotted};
use super::tree::Tree;
use crate::BundleProblem;
use crate::config::Value;

/// Methods of modules that return the module.
const UNCHANGED: [&str; 4] = ["to", "eval", "cpu", "cuda"];

impl<'a> Evaluation<'a, '_> {
    pub(super) fn call(&self, function: &Tree, arguments: &[Tree]) -> Result<Value<'a>> {
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
                self.config.count(self.id, 1)?;
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
