//! The chain, step by step, against values of nnU-Net.
