//! Operations on tensors: against golden values of PyTorch, against Burn's own operations, and at the edges.

mod channel_map;
mod conv;
mod norm_pool_upsample;
mod numbers;
