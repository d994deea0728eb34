//! Settings of a JSON object, with errors that say where they stand.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::problem::PlansProblem;

/// The settings of an object. Those that nobody asks for are ignored.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    at: String,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// The settings of the outermost object, or of one that `at` names.
    pub(super) fn new(at: &str, map: &'a Map<String, Value>) -> Self {
        Self { at: at.to_owned(), map }
    }

    /// Full name of a setting.
    pub(super) fn name(&self, key: &str) -> String {
        if self.at.is_empty() { key.to_owned() } else { format!("{}.{key}", self.at) }
    }

    /// Names of all settings.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.map.keys().map(String::as_str)
    }

    /// The error of a setting that should be something else.
    pub(super) fn expected(&self, key: &str, expected: impl Into<String>) -> PlansProblem {
        PlansProblem::Value { setting: self.name(key), expected: expected.into() }
    }

    /// The error of a name that is not supported.
    pub(super) fn unsupported(&self, key: &str, name: &str, supported: &'static str) -> PlansProblem {
        PlansProblem::Unsupported { setting: self.name(key), name: name.chars().take(120).collect(), supported }
    }

    /// A setting, `null` or not.
    pub(super) fn any(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key)
    }

    /// A setting that is there and not `null`.
    pub(super) fn optional(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// A setting that must be there.
    pub(super) fn required(&self, key: &str) -> Result<&'a Value, PlansProblem> {
        self.optional(key).ok_or_else(|| PlansProblem::Missing { setting: self.name(key) })
    }

    /// An object that must be there.
    pub(super) fn object(&self, key: &str) -> Result<Fields<'a>, PlansProblem> {
        let map = self.required(key)?.as_object().ok_or_else(|| self.expected(key, "an object"))?;
        Ok(Fields { at: self.name(key), map })
    }

    /// An object that may be absent or `null`.
    pub(super) fn optional_object(&self, key: &str) -> Result<Option<Fields<'a>>, PlansProblem> {
        self.optional(key).map(|_| self.object(key)).transpose()
    }

    /// A text that must be there.
    pub(super) fn text(&self, key: &str) -> Result<&'a str, PlansProblem> {
        self.required(key)?.as_str().ok_or_else(|| self.expected(key, "a text"))
    }

    /// A text that may be absent or `null`.
    pub(super) fn optional_text(&self, key: &str) -> Result<Option<&'a str>, PlansProblem> {
        self.optional(key).map(|_| self.text(key)).transpose()
    }

    /// The last component of a dotted Python name.
    pub(super) fn class(&self, key: &str) -> Result<&'a str, PlansProblem> {
        let name = self.text(key)?;
        Ok(name.rsplit('.').next().unwrap_or(name))
    }

    /// A truth value, or that of an absent or `null` setting.
    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool, PlansProblem> {
        match self.optional(key) {
            None => Ok(default),
            Some(value) => value.as_bool().ok_or_else(|| self.expected(key, "true or false")),
        }
    }

    /// A finite number.
    pub(super) fn number(&self, key: &str) -> Result<f64, PlansProblem> {
        self.required(key)?.as_f64().ok_or_else(|| self.expected(key, "a number"))
    }

    /// A whole number of a range.
    pub(super) fn whole(&self, key: &str, range: &RangeInclusive<usize>) -> Result<usize, PlansProblem> {
        whole(self.required(key)?, range).ok_or_else(|| self.expected(key, numbers(range)))
    }

    /// A list that must be there.
    pub(super) fn list(&self, key: &str) -> Result<&'a [Value], PlansProblem> {
        self.required(key)?.as_array().map(Vec::as_slice).ok_or_else(|| self.expected(key, "a list"))
    }

    /// Whole numbers of a range, in a list.
    pub(super) fn whole_list(&self, key: &str, range: &RangeInclusive<usize>) -> Result<Vec<usize>, PlansProblem> {
        let values = self.list(key)?.iter().map(|value| whole(value, range)).collect::<Option<_>>();
        values.ok_or_else(|| self.expected(key, format!("a list of {}", numbers(range))))
    }

    /// A whole number for each of `length` stages: a list, or one number for all.
    pub(super) fn stages(
        &self,
        key: &str,
        length: usize,
        range: &RangeInclusive<usize>,
    ) -> Result<Vec<usize>, PlansProblem> {
        let values = match self.required(key)? {
            Value::Array(values) if values.len() == length => values.iter().map(|value| whole(value, range)).collect(),
            value => whole(value, range).map(|value| vec![value; length]),
        };
        values.ok_or_else(|| self.expected(key, format!("{length} {}, or one for all", numbers(range))))
    }

    /// Whole numbers for each axis of each stage; a number stands for all axes, and one alone for all stages too.
    pub(super) fn stages_and_axes(
        &self,
        key: &str,
        stages: usize,
        axes: usize,
        range: &RangeInclusive<usize>,
    ) -> Result<Vec<Vec<usize>>, PlansProblem> {
        let per_axis = |value: &Value| match value {
            Value::Array(values) if values.len() == axes => values.iter().map(|value| whole(value, range)).collect(),
            value => whole(value, range).map(|value| vec![value; axes]),
        };
        let values = match self.required(key)? {
            Value::Array(values) if values.len() == stages => values.iter().map(per_axis).collect(),
            value => whole(value, range).map(|value| vec![vec![value; axes]; stages]),
        };
        values.ok_or_else(|| self.expected(key, format!("{stages} lists of {axes} {}", numbers(range))))
    }
}

/// A whole number of a range. Python may have written it with a point.
fn whole(value: &Value, range: &RangeInclusive<usize>) -> Option<usize> {
    let number = match value.as_u64() {
        Some(number) => number,
        None => value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..9e15).contains(number))? as u64,
    };
    usize::try_from(number).ok().filter(|number| range.contains(number))
}

fn numbers(range: &RangeInclusive<usize>) -> String {
    format!("whole numbers from {} to {}", range.start(), range.end())
}
