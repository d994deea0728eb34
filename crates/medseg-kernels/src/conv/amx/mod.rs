//! Direct convolutions of stride 1 in bf16 on tiles: AMX, on Linux.
//!
//! A tile instruction multiplies a tile of weights, `[16 output channels][16 words]`, with one of inputs, `[16
//! words][16 positions]`, and adds the products up in f32; a word holds two channels, see [`words`](super::words). A core
//! makes sixteen times as many products of bf16 a cycle so as of f32 by vectors, hence the sums of the definition are
//! faster than Winograd's, and round less.
//!
//! # Layout of the work
//! The input is packed once, `[plane][row][word][position]`. So the 16 rows of a tile of inputs are read straight from
//! there: consecutive words of one row and, at the next taps along the height, of the rows that follow. The taps along
//! the width have sums of their own for the same tile of inputs, and meet, a position apart, where they are added and
//! written: a tile that begins within a cache line takes six times as long to read. Nothing is copied a tap.
//!
//! Of large maps a task makes a few rows of every plane, one plane after the other, and holds as many packed planes as
//! the kernel reaches over. Small maps have many channels: they are packed whole, and tasks divide the output channels.

mod forward;
mod input;
mod layout;
mod rows;
#[cfg(test)]
mod tests;
mod tiles;
mod weights;

pub(crate) use forward::{convolve, suits};
pub(crate) use tiles::available;
pub(crate) use weights::Weights;
