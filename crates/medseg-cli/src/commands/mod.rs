//! One file a subcommand: its options and what it does.

pub mod calibrate;
pub mod completions;
pub mod convert;
pub mod devices;
pub mod export;
pub mod import;
pub mod inspect;
pub mod man;
pub mod metrics;
pub mod plan;
pub mod predict;
pub mod prepare;
pub mod report;
pub mod table;
pub mod train;
pub mod view;
