//! Values that statements take and rows that they give.

use std::collections::VecDeque;

use crate::Error;

/// A value in a row, or one that a statement is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// A number.
    Integer(i64),
}

macro_rules! values {
    ($($from:ty => $variant:ident),* $(,)?) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}

values! {
    &str => Text,
    String => Text,
    Vec<u8> => Blob,
    i64 => Integer,
}

/// Types that a column of a row can be read as.
pub trait FromValue: Sized {
    /// The value as this type, if it is of it.
    fn from_value(value: Value) -> Option<Self>;
}

macro_rules! from_values {
    ($($into:ty => $variant:ident),* $(,)?) => {
        $(impl FromValue for $into {
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::$variant(value) => Some(value),
                    _ => None,
                }
            }
        })*
    };
}

from_values! {
    String => Text,
    Vec<u8> => Blob,
    i64 => Integer,
}

/// Tuples of values for a statement.
pub trait IntoParams {
    /// The values in their order.
    fn into_params(self) -> Vec<Value>;
}

impl IntoParams for () {
    fn into_params(self) -> Vec<Value> {
        Vec::new()
    }
}

macro_rules! tuples {
    ($(($($value:ident: $kind:ident),+)),* $(,)?) => {
        $(impl<$($kind: Into<Value>),+> IntoParams for ($($kind,)+) {
            fn into_params(self) -> Vec<Value> {
                let ($($value,)+) = self;
                vec![$($value.into()),+]
            }
        })*
    };
}

tuples!((a: A), (a: A, b: B), (a: A, b: B, c: C), (a: A, b: B, c: C, d: D));

/// A row of an answer.
#[derive(Clone, Debug)]
pub struct Row {
    pub(crate) columns: Vec<Value>,
}

impl Row {
    /// The value of a column, counted from 0.
    ///
    /// # Errors
    /// If there is no such column, or it is of another type.
    pub fn get<T: FromValue>(&self, column: usize) -> Result<T, Error> {
        let value = self.columns.get(column).cloned().and_then(T::from_value);
        value.ok_or_else(|| Error::Error(format!("column {column} is missing or of another type")))
    }
}

/// The rows of an answer.
#[derive(Debug)]
pub struct Rows {
    pub(crate) rows: VecDeque<Row>,
}

impl Rows {
    /// The next row, if there is one.
    ///
    /// # Errors
    /// None here.
    pub async fn next(&mut self) -> Result<Option<Row>, Error> {
        Ok(self.rows.pop_front())
    }
}
