//! Images and labels in fewer bytes than their arrays, cut out without being unpacked as a whole.

mod image;
mod label;
mod palette;
mod sample;

use medseg_transforms::BoxDhw;
use medseg_volume::Dhw;
use ndarray::Array3;

pub use image::CompactImage;
pub use label::CompactLabel;
pub use sample::CompactSample;

/// Cuts a box out of voxels in C order; `read` copies the voxels from a position on.
fn cut<T: Copy>(shape: Dhw<usize>, region: &BoxDhw, outside: T, read: impl Fn(usize, &mut [T])) -> Array3<T> {
    let Dhw { d, h, w } = region.size;
    let mut part = Array3::from_elem((d, h, w), outside);
    let inside = region.clipped(shape);
    if inside.size.voxels() == 0 {
        return part;
    }
    let at = inside.start.zip(region.start).map(|(inner, outer)| (inner - outer) as usize);
    let start = inside.start.map(|first| first as usize);
    for (z, mut plane) in part.outer_iter_mut().skip(at.d).take(inside.size.d).enumerate() {
        for (y, mut row) in plane.outer_iter_mut().skip(at.h).take(inside.size.h).enumerate() {
            let position = ((start.d + z) * shape.h + start.h + y) * shape.w + start.w;
            if let Some(row) = row.as_slice_mut() {
                read(position, &mut row[at.w..at.w + inside.size.w]);
            }
        }
    }
    part
}
