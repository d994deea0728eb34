//! The configuration language of MONAI's bundles, without Python.

mod component;
mod expression;
mod identifier;
mod node;
mod resolve;
mod value;

pub(crate) use component::{Component, single, whole};
pub(crate) use node::Node;
pub(crate) use resolve::Config;
pub(crate) use value::Value;
