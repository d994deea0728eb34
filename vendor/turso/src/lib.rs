//! A stand-in for `turso`, an SQL database in Rust of some four hundred thousand lines.
//!
//! `cubecl-environment` keeps compiled GPU kernels and the choices of its tuning in a database: one table, addressed by a
//! namespace and a key. This crate has the types and methods that it calls and takes the dozen statements that it sends; any
//! other is an [`Error`], which `cubecl-environment` answers by keeping its entries in memory.
//!
//! Entries lie in one file to which records are added ([`log`]). Several processes may use it at the same time. A transaction
//! is its statements one after the other: what a killed process has written stays, which does no harm to a cache.

mod connection;
mod error;
mod log;
mod statement;
mod value;

/// Kinds of transactions.
pub mod transaction {
    /// When a transaction takes the right to write; without meaning here.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum TransactionBehavior {
        /// At the first statement that writes.
        Deferred,
        /// At once.
        Immediate,
    }
}

pub use connection::{Builder, Connection, Database, Transaction};
pub use error::Error;
pub use value::{FromValue, IntoParams, Row, Rows, Value};
