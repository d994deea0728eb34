//! Values on a grid, before they are written.

use super::Datatype;
use crate::{Dhw, Geometry};

/// Values on a grid, as a header describes them.
pub(crate) struct Grid<'a> {
    pub datatype: Datatype,
    pub shape: Dhw<usize>,
    pub channels: usize,
    pub geometry: &'a Geometry,
}
