//! All integration tests in one binary.

mod files;
mod shapes;
mod smoothing;
