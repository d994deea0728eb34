//! Convolutions: against golden values of PyTorch, against Burn's own, as networks use them, and at the edges.

mod agreement;
mod checkpointing;
mod compare;
mod edges;
mod fused;
mod golden;
mod gradients;
mod threads;
mod views;
