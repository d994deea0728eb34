//! The chain, step by step, against values of nnU-Net.

mod bad_input;
mod golden;
mod images;
mod properties;
