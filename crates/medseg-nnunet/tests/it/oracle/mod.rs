//! A second implementation of the chain, one voxel after another, whose rules can be broken: a check of the fixtures and
//! of the crate.

mod chain;
mod decision;
mod dice;
mod fixtures;
mod grid;
mod halves;
mod intensities;
mod labels;
mod logits;
mod masks;
mod networks;
mod random;
mod region;
mod rule;
mod settings;
mod spline;
mod windows;

/// The models of the fixtures.
const FIXTURES: [&str; 5] = ["plain_aniso", "res_iso_transposed", "plain_regions", "plain_2d", "cascade"];
