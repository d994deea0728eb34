//! The network on any shape, with any settings.

mod cost;
mod deep_supervision;
mod dropout;
mod gradients;
mod half;
pub mod networks;
mod norms;
mod settings;
mod shapes;
mod threads;
mod training;

/// Burn's generator is one for the whole process: tests that draw from it take turns.
pub static GENERATOR: std::sync::Mutex<()> = std::sync::Mutex::new(());
