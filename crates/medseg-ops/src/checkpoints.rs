//! What operations hold of their inputs for the backward pass.
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
pub(crate) enum Source<B: Backend> {
    /// What a gradient goes back to.
    Node(NodeId),
    /// What none goes back to.
    Constant(FloatTensor<B>),
}

impl<B: Backend> Source<B> {
    pub(crate) fn of<C: CheckpointStrategy>(x: &FloatTensor<Autodiff<B, C>>) -> Self {
        if x.is_tracked() { Self::Node(x.id()) } else { Self::Constant(x.primitive().clone()) }
    }

    pub(crate) fn get(&self, states: &mut BackwardStates) -> FloatTensor<B> {
        match self {
            Self::Node(id) => states.get_state::<FloatTensor<B>>(id),
            Self::Constant(x) => x.clone(),
        }
    }
}

/// The inputs that Burn has to be told of: those that a gradient goes back to, and the first `first` in any case, since a
/// result is saved, not computed again, where none goes back to one of them.
pub(crate) fn parents<B: Backend, C: CheckpointStrategy>(
    inputs: &[FloatTensor<Autodiff<B, C>>],
    first: usize,
) -> impl Iterator<Item = &FloatTensor<Autodiff<B, C>>> {
    inputs.iter().enumerate().filter(move |(number, x)| *number < first || x.is_tracked()).map(|(_, x)| x)
}

/// What was asked for by its node.
pub(crate) fn retrieved<B: Backend>(checkpointer: &mut Checkpointer, id: NodeId) -> FloatTensor<B> {
    checkpointer.retrieve_node_output::<FloatTensor<B>>(id)
}
