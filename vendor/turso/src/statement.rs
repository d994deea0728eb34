//! The statements of `cubecl-environment` 0.11.

use crate::{Error, Value};

/// A statement with its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Statement {
    /// Nothing to do: the file has no tables.
    Nothing,
    MetaGet(String),
    MetaSet(String, String),
    /// Removes all entries, not what is said about the file.
    Drop,
    /// Adds an entry, over those that `over` says.
    Insert {
        namespace: String,
        key: Vec<u8>,
        value: Vec<u8>,
        origin: u8,
        over: Over,
    },
    Get(String, Vec<u8>),
    Scan(String),
    Purge(String),
    PurgeKey(String, Vec<u8>),
    Summary,
}

/// Entries that an insertion may replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// One that was imported, by a local one.
    Imported,
    /// Any.
    Any,
}

/// Of an entry that was copied from elsewhere; one made here has 0.
pub(crate) const IMPORTED: u8 = 1;

impl Statement {
    /// Of a text with single spaces between its words.
    ///
    /// # Errors
    /// If the text, or the number or type of its values, is not one of those known.
    pub(crate) fn parse(sql: &str, params: Vec<Value>) -> Result<Self, Error> {
        let words = sql.split_whitespace().collect::<Vec<_>>().join(" ");
        let unknown = || Error::Error(format!("this stand-in for turso does not know the statement: {words}"));
        let mut values = params.into_iter();
        let mut next = || values.next().ok_or_else(unknown);
        let statement = match words.as_str() {
            "CREATE TABLE IF NOT EXISTS meta ( k TEXT PRIMARY KEY, v TEXT NOT NULL )"
            | "CREATE TABLE IF NOT EXISTS entries ( namespace TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, \
               origin INTEGER NOT NULL, PRIMARY KEY (namespace, key) )" => Self::Nothing,
            "SELECT v FROM meta WHERE k = ?1" => Self::MetaGet(text(next()?)?),
            "INSERT INTO meta (k, v) VALUES (?1, ?2) ON CONFLICT(k) DO UPDATE SET v = excluded.v" => {
                Self::MetaSet(text(next()?)?, text(next()?)?)
            }
            "DROP TABLE IF EXISTS entries" => Self::Drop,
            "SELECT value FROM entries WHERE namespace = ?1 AND key = ?2" => Self::Get(text(next()?)?, blob(next()?)?),
            "SELECT key, value, origin FROM entries WHERE namespace = ?1" => Self::Scan(text(next()?)?),
            "DELETE FROM entries WHERE namespace = ?1" => Self::Purge(text(next()?)?),
            "DELETE FROM entries WHERE namespace = ?1 AND key = ?2" => Self::PurgeKey(text(next()?)?, blob(next()?)?),
            "SELECT namespace, COUNT(*), SUM(length(key) + length(value)) FROM entries GROUP BY namespace ORDER BY namespace" => {
                Self::Summary
            }
            other => {
                let over = insertion(other).ok_or_else(unknown)?;
                let (namespace, key, value) = (text(next()?)?, blob(next()?)?, blob(next()?)?);
                Self::Insert { namespace, key, value, origin: number(next()?)?, over }
            }
        };
        match values.next() {
            None => Ok(statement),
            Some(_) => Err(unknown()),
        }
    }
}

/// Entries that a statement of this text, if it is an insertion, may replace.
fn insertion(words: &str) -> Option<Over> {
    const UPDATE: &str = "INSERT INTO entries (namespace, key, value, origin) VALUES (?1, ?2, ?3, ?4) \
                          ON CONFLICT(namespace, key) DO UPDATE SET value = excluded.value, origin = excluded.origin";
    match words.strip_prefix(UPDATE)? {
        "" => Some(Over::Any),
        " WHERE entries.origin = 1 AND excluded.origin = 0" => Some(Over::Imported),
        _ => None,
    }
}

fn text(value: Value) -> Result<String, Error> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(Error::Error(format!("{other:?} is no text"))),
    }
}

fn blob(value: Value) -> Result<Vec<u8>, Error> {
    match value {
        Value::Blob(bytes) => Ok(bytes),
        other => Err(Error::Error(format!("{other:?} is not made of bytes"))),
    }
}

fn number(value: Value) -> Result<u8, Error> {
    match value {
        Value::Integer(number) => Ok(u8::from(number != 0)),
        other => Err(Error::Error(format!("{other:?} is no number"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_do_not_matter_and_other_statements_are_refused() {
        let get = Statement::parse("SELECT v\n   FROM meta WHERE k = ?1", vec!["a".into()]);
        assert_eq!(get, Ok(Statement::MetaGet("a".into())));
        for (sql, params) in [
            ("SELECT v FROM meta", vec![]),
            ("DROP TABLE meta", vec![]),
            ("SELECT v FROM meta WHERE k = ?1", vec![]),
            ("SELECT v FROM meta WHERE k = ?1", vec!["a".into(), "b".into()]),
            ("SELECT v FROM meta WHERE k = ?1", vec![Value::Integer(1)]),
            ("INSERT INTO entries (namespace, key, value, origin) VALUES (?1, ?2, ?3, 2)", vec![]),
        ] {
            assert!(Statement::parse(sql, params).is_err(), "{sql}");
        }
    }
}
