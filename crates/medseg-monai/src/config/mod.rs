//! The configuration language of MONAI's bundles, without Python.

mod component;
mod expression;
mod identifier;
mod macros;
mod node;
mod resolve;
mod text;
mod value;

pub(crate) use component::{Component, single, whole};
pub(crate) use expression::channel_labels;
pub(crate) use node::Node;
pub(crate) use resolve::Config;
pub(crate) use value::Value;
