//! Whole experiments, small ones; those that kill a process are in `resume.rs`.

mod bad_input;
mod channels;
mod configs;
mod described;
mod folds;
mod identity;
mod options;
mod outputs;
mod ranks;
mod support;
mod threads;
