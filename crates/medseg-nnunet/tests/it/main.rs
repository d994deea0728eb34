//! The chain, step by step, against values of nnU-Net.

mod export;
mod halves;
mod postprocessing;
mod window;
mod window_properties;
