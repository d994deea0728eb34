//! The memory of a process that goes round more cases than fit its budget, as the system measures it.

#![cfg(target_os = "linux")]

use medseg_data::{CachedDataset, Case, CompactImage};
use ndarray::Array3;

const MEBIBYTE: usize = 1 << 20;
const CASES: usize = 48;
const BUDGET: usize = 32 * MEBIBYTE;

/// The most memory this process has held so far, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// A voxel of a case, with too many different values for less than 4 bytes each.
fn voxel(case: usize, position: usize) -> f32 {
    (case * MEBIBYTE + position) as f32
}

#[test]
fn all_cases_are_usable_within_the_budget() {
    let cases: Vec<Case> = (0..CASES).map(|n| Case::unlabelled(format!("{n}.nii")).unwrap()).collect();
    // 4 MiB each: 192 MiB in all.
    let prepare = |case: &Case| {
        let number: usize = case.id.parse()?;
        let image = Array3::from_shape_fn((64, 128, 128), |(z, y, x)| voxel(number, (z * 128 + y) * 128 + x));
        Ok::<_, std::num::ParseIntError>(CompactImage::new(&image.view()))
    };
    let data = CachedDataset::new(cases, BUDGET, prepare, CompactImage::bytes);
    let before = peak();
    data.fill(2, &mut |_| ()).unwrap();
    for _ in 0..2 {
        for index in 0..CASES {
            let image = data.get(index).unwrap().to_array();
            assert_eq!(image[[63, 127, 127]], voxel(index, MEBIBYTE - 1));
        }
    }
    let grown = peak() - before;
    assert_eq!((data.kept_cases(), data.kept_bytes()), (8, BUDGET));
    // The budget, and what two threads need for a case each (its array, its packed form, the numbering between them), with
    // what the allocator keeps back.
    let limit = BUDGET + 2 * 24 * MEBIBYTE;
    assert!(grown <= limit, "{} MiB", grown / MEBIBYTE);
}
