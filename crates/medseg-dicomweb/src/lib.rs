#![doc = include_str!("../README.md")]

mod access;
mod address;
mod client;
mod error;
mod fetch;
mod json;
pub mod multipart;
mod options;
mod part10;
mod search;
mod store;
mod uid;

pub use access::{Access, CA, CERTIFICATE, KEY, PASSWORD, TOKEN, USER};
pub use client::Client;
pub use error::{DicomWebError, FailedInstance};
pub use fetch::Fetched;
pub use options::ClientOptions;
pub use search::SeriesEntry;
pub use store::StoredInstance;
