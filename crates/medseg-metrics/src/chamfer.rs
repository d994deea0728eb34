//! City-block and chessboard distances by two raster passes.

/// City-block or chessboard steps from every non-zero voxel of `from` to the nearest non-zero voxel of `to`.
///
/// Two raster passes over a 3×3×3 neighbourhood, which is exact for these two metrics (Rosenfeld and Pfaltz, 1966).
/// Voxel size plays no part. `None` where `to` is empty.
pub(crate) fn steps_between(from: &[u8], to: &[u8], dims: [usize; 3], diagonal: bool) -> Vec<Option<u32>> {
    let mut steps: Vec<u32> = to.iter().map(|&v| if v != 0 { 0 } else { u32::MAX }).collect();
    let before = earlier_neighbours(diagonal);
    let after: Vec<[isize; 3]> = before.iter().map(|offset| offset.map(|o| -o)).collect();
    for index in 0..steps.len() {
        relax(&mut steps, index, dims, &before);
    }
    for index in (0..steps.len()).rev() {
        relax(&mut steps, index, dims, &after);
    }
    let reached = |&steps: &u32| (steps != u32::MAX).then_some(steps);
    from.iter().zip(&steps).filter(|(v, _)| **v != 0).map(|(_, steps)| reached(steps)).collect()
}

/// Offsets of the neighbours that come first in C order: across faces, or with `diagonal` across edges and corners too.
fn earlier_neighbours(diagonal: bool) -> Vec<[isize; 3]> {
    let mut offsets = Vec::new();
    for index in 0..13_isize {
        let offset = [index / 9 - 1, index / 3 % 3 - 1, index % 3 - 1];
        if diagonal || offset.iter().map(|o| o.abs()).sum::<isize>() == 1 {
            offsets.push(offset);
        }
    }
    offsets
}

fn relax(steps: &mut [u32], index: usize, dims: [usize; 3], offsets: &[[isize; 3]]) {
    let position = [index / (dims[1] * dims[2]), index / dims[2] % dims[1], index % dims[2]];
    for offset in offsets {
        let mut neighbour = 0;
        let mut inside = true;
        for axis in 0..3 {
            let at = position[axis].wrapping_add_signed(offset[axis]);
            inside &= at < dims[axis];
            neighbour = neighbour * dims[axis] + at.min(dims[axis] - 1);
        }
        if inside {
            steps[index] = steps[index].min(steps[neighbour].saturating_add(1));
        }
    }
}
