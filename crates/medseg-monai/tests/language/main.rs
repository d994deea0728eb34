//! The configuration language: forms that are read, and hostile ones.

mod expressions;
mod hostile;
mod random;
mod refusals;
mod settings;
mod yaml;
