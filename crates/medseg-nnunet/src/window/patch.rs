//! Windows of an image with a border of zeros.

use ndarray::{Array4, ArrayView4, s};

/// Copies the window that begins at voxel `start` of the padded image; `below` voxels of padding lie before the image.
pub(super) fn copy_window(image: &ArrayView4<'_, f32>, start: [usize; 3], below: [usize; 3], window: &mut Array4<f32>) {
    let (_, d, h, w) = window.dim();
    let (_, depth, height, width) = image.dim();
    let (size, shape) = ([d, h, w], [depth, height, width]);
    // Along each axis: first voxel in the image and in the window, and their number.
    let part = |axis: usize| {
        let first = start[axis].max(below[axis]);
        let end = (start[axis] + size[axis]).min(below[axis] + shape[axis]).max(first);
        (first - below[axis], first - start[axis], end - first)
    };
    let [(z, dz, nz), (y, dy, ny), (x, dx, nx)] = [part(0), part(1), part(2)];
    window.fill(0.0);
    let from = image.slice(s![.., z..z + nz, y..y + ny, x..x + nx]);
    window.slice_mut(s![.., dz..dz + nz, dy..dy + ny, dx..dx + nx]).assign(&from);
}
