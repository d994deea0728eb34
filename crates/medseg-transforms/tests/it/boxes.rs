//! Boxes: the foreground's, cutting out, padding and putting back.

use medseg_transforms::{BoxDhw, CropForeground, PadMethod, SpatialPad, crop, flip, foreground_box, paste, rotate90};
use medseg_volume::Dhw;
use ndarray::Array3;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn triple(rng: &mut ChaCha8Rng, range: std::ops::Range<i16>) -> Dhw<isize> {
    Dhw::from(std::array::from_fn(|_| rng.random_range(range.clone()).into()))
}

fn sizes(rng: &mut ChaCha8Rng, range: std::ops::Range<i16>) -> Dhw<usize> {
    triple(rng, range).map(|v| v as usize)
}

/// Voxels numbered from 1.
fn numbered(shape: Dhw<usize>) -> Array3<u32> {
    let mut n = 0;
    Array3::from_shape_simple_fn(shape.to_array(), || {
        n += 1;
        n
    })
}

/// A box inside, across or beside the volume.
fn region(rng: &mut ChaCha8Rng) -> BoxDhw {
    BoxDhw { start: triple(rng, -8..12), size: sizes(rng, 0..12) }
}

#[test]
fn a_crop_has_the_voxels_of_its_box_and_the_filling_elsewhere() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..1000 {
        let (volume, region) = (numbered(sizes(&mut rng, 0..9)), region(&mut rng));
        let part = crop(&volume.view(), &region, 0);
        assert_eq!(Dhw::from(part.dim()), region.size);
        for (at, value) in part.indexed_iter() {
            let source = Dhw::from(at).zip(region.start).map(|(v, start)| (v as isize + start) as usize);
            // Indices below 0 have become large ones.
            assert_eq!(*value, volume.get(source.to_array()).copied().unwrap_or(0), "{region:?}");
        }
    }
}

#[test]
fn pasting_undoes_cropping_and_touches_nothing_else() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..1000 {
        let (volume, region) = (numbered(sizes(&mut rng, 0..9)), region(&mut rng));
        let part = crop(&volume.view(), &region, 0);
        let mut same = volume.clone();
        paste(&mut same, &part.view(), &region);
        assert_eq!(same, volume);
        let mut empty = Array3::zeros(volume.dim());
        paste(&mut empty, &part.view(), &region);
        let inside = region.clipped(volume.dim().into());
        assert_eq!(empty.iter().filter(|v| **v != 0).count(), inside.size.voxels(), "{region:?}");
        assert!(empty.iter().zip(&volume).all(|(got, want)| *got == 0 || got == want));
    }
}

#[test]
#[should_panic(expected = "size of its box")]
fn a_part_of_another_size_is_not_pasted() {
    let region = BoxDhw { start: Dhw::splat(0), size: Dhw::splat(2) };
    paste(&mut Array3::<u8>::zeros((4, 4, 4)), &Array3::zeros((2, 2, 3)).view(), &region);
}

#[test]
fn the_foregrounds_box_is_its_lowest_and_highest_index_and_the_margin() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for _ in 0..500 {
        let density = rng.random_range(0.0..0.1);
        let volume = Array3::from_shape_simple_fn(sizes(&mut rng, 0..12).to_array(), || rng.random_bool(density));
        let margin = sizes(&mut rng, 0..15);
        let (mut low, mut high) = ([isize::MAX; 3], [isize::MIN; 3]);
        for (at, _) in volume.indexed_iter().filter(|(_, v)| **v) {
            for (axis, index) in <[usize; 3]>::from(at).into_iter().enumerate() {
                low[axis] = low[axis].min(index as isize);
                high[axis] = high[axis].max(index as isize);
            }
        }
        let got = foreground_box(&volume.view(), |v| *v, margin);
        if !volume.iter().any(|v| *v) {
            assert_eq!(got, None);
            continue;
        }
        let got = got.unwrap();
        let m = margin.map(|v| v as isize).to_array();
        assert_eq!(got.start.to_array(), std::array::from_fn(|axis| low[axis] - m[axis]));
        assert_eq!(got.end().to_array(), std::array::from_fn(|axis| high[axis] + 1 + m[axis]));
        let clipped = got.clipped(volume.dim().into());
        let lengths: [usize; 3] = volume.dim().into();
        assert_eq!(clipped.start.to_array(), std::array::from_fn(|axis| (low[axis] - m[axis]).max(0)));
        let ends = std::array::from_fn(|axis| (high[axis] + 1 + m[axis]).min(lengths[axis] as isize));
        assert_eq!(clipped.end().to_array(), ends);
    }
}

#[test]
fn a_margin_beyond_all_bounds_takes_the_whole_volume() {
    let volume = Array3::<u8>::ones((3, 4, 5));
    for margin in [1 << 40, isize::MAX as usize, usize::MAX] {
        let region = foreground_box(&volume.view(), |v| *v > 0, Dhw::splat(margin)).unwrap();
        assert_eq!(region.clipped(volume.dim().into()), BoxDhw::whole(volume.dim().into()));
        let transform = CropForeground { margin: Dhw::splat(margin), allow_smaller: true, ..CropForeground::default() };
        assert_eq!(transform.region(&volume.view(), |v| *v > 0), Some(BoxDhw::whole(volume.dim().into())));
    }
}

#[test]
fn padding_is_undone_by_cropping_its_inner_box() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for _ in 0..300 {
        let shape = sizes(&mut rng, 0..9);
        for method in [PadMethod::Symmetric, PadMethod::End] {
            let (volume, pad) = (numbered(shape), SpatialPad::new(sizes(&mut rng, 0..12)).with_method(method));
            let padded = pad.apply(&volume.view(), 0);
            let wanted = shape.zip(pad.size).map(|(length, size)| length.max(size));
            assert_eq!(Dhw::from(padded.dim()), wanted);
            let inner = BoxDhw { start: pad.padding(shape).map(|(before, _)| before as isize), size: shape };
            assert_eq!(crop(&padded.view(), &inner, 0), volume);
        }
    }
}

#[test]
fn two_flips_and_four_quarter_turns_are_none() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for _ in 0..100 {
        let volume = numbered(sizes(&mut rng, 0..7));
        let axes = Dhw::from(std::array::from_fn(|_| rng.random()));
        assert_eq!(flip(&flip(&volume.view(), axes).view(), axes), volume);
        for plane in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)] {
            let times = rng.random_range(-9..9);
            let turned = rotate90(&volume.view(), times, plane);
            assert_eq!(rotate90(&turned.view(), -times, plane), volume);
            assert_eq!(rotate90(&volume.view(), times + 4, plane), turned);
            assert_eq!(rotate90(&volume.view(), -times, (plane.1, plane.0)), turned);
        }
    }
}
