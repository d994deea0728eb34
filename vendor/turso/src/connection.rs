//! The database and connections to it, as `turso` has them.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::log::{Entry, Log};
use crate::statement::Statement;
use crate::transaction::TransactionBehavior;
use crate::{Error, IntoParams, Row, Rows, Value};

/// Opens a database.
#[derive(Clone, Debug)]
pub struct Builder {
    path: PathBuf,
    read_only: bool,
}

impl Builder {
    /// Of the file at `path`.
    #[must_use]
    pub fn new_local(path: &str) -> Self {
        Self { path: path.into(), read_only: false }
    }

    /// If the file is only read, it must exist.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Without effect: several processes may always use the file.
    #[must_use]
    pub fn experimental_multiprocess_wal(self, _: bool) -> Self {
        self
    }

    /// Without effect.
    #[must_use]
    pub fn experimental_vacuum(self, _: bool) -> Self {
        self
    }

    /// The database.
    ///
    /// # Errors
    /// If the file cannot be opened or another process writes it for long.
    pub async fn build(self) -> Result<Database, Error> {
        let log = Log::open(&self.path, self.read_only)?;
        Ok(Database { log: Arc::new(Mutex::new(log)) })
    }
}

/// An open file.
#[derive(Clone, Debug)]
pub struct Database {
    log: Arc<Mutex<Log>>,
}

impl Database {
    /// A connection; all of a database share the file.
    ///
    /// # Errors
    /// None here.
    pub fn connect(&self) -> Result<Connection, Error> {
        Ok(Connection { log: Arc::clone(&self.log) })
    }
}

/// A connection to a database.
#[derive(Debug)]
pub struct Connection {
    log: Arc<Mutex<Log>>,
}

impl Connection {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets how long a writer waits for another process.
    ///
    /// # Errors
    /// None here.
    pub fn busy_timeout(&self, patience: Duration) -> Result<(), Error> {
        self.log().patience = patience;
        Ok(())
    }

    /// Without effect, and without rows.
    ///
    /// # Errors
    /// None here.
    pub async fn pragma_query(&self, _: &str, _: impl FnMut(&Row) -> Result<(), Error>) -> Result<(), Error> {
        Ok(())
    }

    /// Runs a statement that changes something; the number of entries that it wrote.
    ///
    /// # Errors
    /// If the statement is not known, or the file cannot be written.
    pub async fn execute(&self, sql: &str, params: impl IntoParams) -> Result<u64, Error> {
        let mut log = self.log();
        match Statement::parse(sql, params.into_params())? {
            Statement::Nothing => {}
            Statement::MetaSet(key, value) => log.set_meta(&key, &value)?,
            Statement::Drop => log.drop_entries()?,
            Statement::Purge(namespace) => log.purge(&namespace)?,
            Statement::PurgeKey(namespace, key) => log.purge_key(&namespace, &key)?,
            Statement::Insert { namespace, key, value, origin, over } => {
                return Ok(log.insert(&namespace, &key, Entry { value, origin }, over)?.into());
            }
            other => return Err(Error::Error(format!("{other:?} is a question"))),
        }
        Ok(0)
    }

    /// Runs a statement that asks for something.
    ///
    /// # Errors
    /// If the statement is not known.
    pub async fn query(&self, sql: &str, params: impl IntoParams) -> Result<Rows, Error> {
        let mut log = self.log();
        let rows: Vec<Vec<Value>> = match Statement::parse(sql, params.into_params())? {
            Statement::MetaGet(key) => log.meta(&key).into_iter().map(|value| vec![value.into()]).collect(),
            Statement::Get(namespace, key) => {
                log.get(&namespace, &key).into_iter().map(|entry| vec![entry.value.clone().into()]).collect()
            }
            Statement::Scan(namespace) => {
                let columns = |(key, entry): (&Vec<u8>, &Entry)| {
                    vec![key.clone().into(), entry.value.clone().into(), i64::from(entry.origin).into()]
                };
                log.scan(&namespace).map(columns).collect()
            }
            Statement::Summary => {
                log.summary().into_iter().map(|(name, n, bytes)| vec![name.into(), n.into(), bytes.into()]).collect()
            }
            other => return Err(Error::Error(format!("{other:?} is no question"))),
        };
        Ok(Rows { rows: rows.into_iter().map(|columns| Row { columns }).collect() })
    }

    /// Several statements in a row.
    ///
    /// # Errors
    /// None here.
    pub async fn transaction_with_behavior(&mut self, _: TransactionBehavior) -> Result<Transaction<'_>, Error> {
        Ok(Transaction { connection: self })
    }
}

/// Several statements in a row. Each takes effect at once.
#[derive(Debug)]
pub struct Transaction<'a> {
    connection: &'a Connection,
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Transaction<'_> {
    /// Ends it.
    ///
    /// # Errors
    /// None here.
    pub async fn commit(self) -> Result<(), Error> {
        Ok(())
    }
}
