//! The masks of the fixtures: those of nnU-Net with all rules, and others without one of them.

use burn::tensor::Device;
use medseg_nnunet::{Model, read_case, read_case_mask};
use medseg_volume::read_label;
use ndarray::Array3;

use super::FIXTURES;
use super::chain::{Case, Oracle};
use super::rule::{Rule, Rules};
use crate::fixture;

/// Rules, and for each fixture the least voxels that differ without them: about half of those found.
const LEAST: [(Rule, [usize; FIXTURES.len()]); 23] = [
    (Rule::HalfSums, [5, 15, 40, 0, 14]),
    (Rule::WindowOrder, [1, 0, 0, 0, 0]),
    (Rule::GaussianMaximum, [10, 50, 100, 3, 35]),
    (Rule::HalfGaussian, [50, 25, 20, 0, 30]),
    (Rule::GaussianCentre, [300, 100, 150, 20, 125]),
    (Rule::EvenStarts, [0, 0, 650, 140, 0]),
    (Rule::CroppedImage, [16000, 17000, 9800, 5000, 8200]),
    (Rule::MaskedStatistics, [5000, 5500, 2400, 1150, 850]),
    (Rule::FilledHoles, [150, 200, 65, 0, 13]),
    (Rule::LargestShare, [0, 0, 0, 0, 500]),
    (Rule::LabelledRegion, [0, 0, 0, 0, 3400]),
    (Rule::PopulationDeviation, [0, 0, 0, 0, 2]),
    (Rule::Mirroring, [5400, 10700, 5000, 1000, 4700]),
    (Rule::CubicImages, [800, 1700, 0, 320, 700]),
    (Rule::SplineToBorder, [0, 35, 0, 5, 15]),
    (Rule::SeparateAxis, [1700, 0, 0, 0, 0]),
    (Rule::ClippedSplines, [85, 230, 0, 35, 215]),
    (Rule::ResampledLogits, [2000, 3500, 0, 450, 1900]),
    (Rule::AveragedLogits, [1000, 800, 13, 170, 800]),
    (Rule::UpsampledFirst, [6200, 16200, 8000, 1900, 7400]),
    (Rule::PaddingAfter, [0, 4900, 0, 0, 0]),
    (Rule::LastRegion, [0, 0, 3300, 0, 0]),
    (Rule::HalfLogits, [1, 4, 0, 0, 0]),
];

/// Voxels of a fixture in which the oracle's mask differs from nnU-Net's: with all rules, and without each one.
fn differing(name: &str) -> (usize, Vec<usize>) {
    let folder = fixture(name);
    let model = Model::open(&folder, &Device::flex()).unwrap();
    let images = ["case_0000.nii.gz", "case_0001.nii.gz"].map(|file| folder.join(file));
    let image = read_case(&images, model.reader()).unwrap();
    let previous = Some(folder.join("previous.nii.gz")).filter(|path| path.is_file());
    let previous = previous.map(|path| read_case_mask(path, model.reader()).unwrap());
    let case = Case { image: image.data, spacing: image.spacing, previous };
    let expected: Array3<u8> = read_label(folder.join("mask.nii.gz")).unwrap().data;
    let mut oracle = Oracle::new(&model);
    let mut count = |broken| {
        let mask = oracle.mask(&case, 0.5, Rules { broken });
        assert_eq!(mask.dim(), expected.dim(), "{name}");
        mask.iter().zip(&expected).filter(|(a, b)| a != b).count()
    };
    (count(None), LEAST.map(|(rule, _)| count(Some(rule))).to_vec())
}

#[test]
fn every_rule_decides_voxels_of_the_fixtures() {
    let found = std::thread::scope(|scope| {
        let fixtures = FIXTURES.map(|name| scope.spawn(move || differing(name)));
        fixtures.map(|fixture| fixture.join().unwrap())
    });
    let name = |rule: Rule| format!("{rule:?}");
    println!("Voxels that differ in {FIXTURES:?}");
    println!("{:20} {:?}", "all rules", found.each_ref().map(|(all, _)| *all));
    for (row, (rule, _)) in LEAST.into_iter().enumerate() {
        println!("{:20} {:?}", name(rule), found.each_ref().map(|(_, without)| without[row]));
    }
    for (column, (all, without)) in found.iter().enumerate() {
        assert_eq!(*all, 0, "{}: voxels that differ with all rules", FIXTURES[column]);
        for ((rule, least), count) in LEAST.iter().zip(without) {
            assert!(*count >= least[column], "{} without {rule:?}: {count} voxels differ", FIXTURES[column]);
        }
    }
    for (rule, least) in LEAST {
        assert!(least.iter().any(|least| *least > 0), "no fixture shows {rule:?}");
    }
}
