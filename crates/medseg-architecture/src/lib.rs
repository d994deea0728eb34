#![doc = include_str!("../README.md")]

mod architecture;
mod block;
mod cost;
mod error;
mod graph;
mod layer;
pub mod networks;
mod parameters;
mod shapes;
mod stage;

pub use architecture::Architecture;
pub use block::{Block, Step};
pub use cost::Cost;
pub use error::ArchitectureError;
pub use graph::{Graph, Node, Operation};
pub use layer::Layer;
pub use parameters::{Parameter, ParameterRole};
pub use stage::{Branch, Join, Stage, StageBlock};
