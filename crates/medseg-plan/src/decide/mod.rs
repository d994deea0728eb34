//! Rules from facts to settings, one file a setting.

pub(crate) mod clean;
pub(crate) mod grid;
pub(crate) mod intensity;
pub(crate) mod mirror;
pub(crate) mod network;
pub(crate) mod patch;
pub(crate) mod recipe;
pub(crate) mod stages;
