//! Tests against a server on this machine that the tests themselves play.

mod fetch;
mod mutations;
mod refusals;
mod search;
mod server;
mod store;
