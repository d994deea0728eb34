//! Inputs of operations, saved for backward by value or by node.
//!
//! With gradient checkpointing Burn does not keep what cheap operations make, if those that need it later ask for it by its
//! node, not by its value, and the operation says how to make it again.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::state::BackwardStates;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend};

/// An input of an operation that can be computed again.
#[derive(Clone, Debug)]
pub(crate) enum SavedInput<B: Backend> {
    /// A tensor that a gradient goes back to.
    Node(NodeId),
    /// A tensor that no gradient goes back to.
    Constant(FloatTensor<B>),
}

impl<B: Backend> SavedInput<B> {
    pub(crate) fn new<C: CheckpointStrategy>(x: &FloatTensor<Autodiff<B, C>>) -> Self {
        if x.is_tracked() { Self::Node(x.id()) } else { Self::Constant(x.primitive().clone()) }
    }

    pub(crate) fn get(&self, states: &mut BackwardStates) -> FloatTensor<B> {
        match self {
            Self::Node(id) => states.get_state::<FloatTensor<B>>(id),
            Self::Constant(x) => x.clone(),
        }
    }
}

/// Inputs to register with autodiff: every tracked one, and at least the first `min`. Burn only recomputes a result
/// that has a tracked parent.
pub(crate) fn parents<B: Backend, C: CheckpointStrategy>(
    inputs: &[FloatTensor<Autodiff<B, C>>],
    min: usize,
) -> impl Iterator<Item = &FloatTensor<Autodiff<B, C>>> {
    inputs.iter().enumerate().filter(move |(number, x)| *number < min || x.is_tracked()).map(|(_, x)| x)
}

/// The tensor that its node recomputes.
pub(crate) fn retrieved<B: Backend>(checkpointer: &mut Checkpointer, id: NodeId) -> FloatTensor<B> {
    checkpointer.retrieve_node_output::<FloatTensor<B>>(id)
}
