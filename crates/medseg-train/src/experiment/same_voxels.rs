//! The networks see the same bits of a file in training, in validation and through the bundle that a run exports.

use std::collections::HashMap;
use std::path::Path;

use medseg_bundle::BundleConfig;
use medseg_data::Case;
use medseg_transforms::{Intensity, Preprocessing};
use medseg_volume::{Axes, Dhw, Geometry, Orientation, Volume, read_image, write_image, write_label};
use ndarray::Array3;

use super::RunRequest;
use super::export::bundle_config;
use super::folder::RunRecord;
use crate::cases::{CaseSource, Preparation, Role, Samples};
use crate::config::{Experiment, ExperimentConfig, Preset};

/// A patient whose axes point to RAS, slightly oblique, with voxels of three sizes.
fn patient() -> Volume<f32> {
    let image =
        Array3::from_shape_fn((9, 12, 10), |(z, y, x)| ((z * 7919 + y * 104_729 + x * 31) % 1201) as f32 - 700.0);
    let rows = [[0.9, 0.02, 0.1, -20.0], [-0.02, 1.3, 0.2, 5.0], [-0.08, -0.3, 2.9, 60.0], [0.0, 0.0, 0.0, 1.0]];
    Volume::new(image, Geometry::from_affine(rows).unwrap())
}

/// The patient as a scanner of this orientation would store it, with a label that shows where its voxels lie.
fn stored(folder: &Path, orientation: Orientation) -> Case {
    let patient = patient();
    let axes = Axes::between(patient.geometry.orientation(), orientation);
    let geometry = patient.geometry.reoriented(patient.shape(), &axes);
    let image = Volume::new(axes.apply(&patient.data.view()), geometry);
    let file = |kind: &str| folder.join(format!("{orientation}-{kind}.nii.gz"));
    let label = image.map_data(|hu| u8::from(*hu > 0.0));
    write_image(file("image"), &image).unwrap();
    write_label(file("label"), &label).unwrap();
    Case::new(orientation.to_string(), file("image"), Some(file("label")))
}

/// The preprocessing of the bundle that a run with these settings exports, as another program reads it.
fn of_the_bundle(config: &ExperimentConfig) -> Preprocessing {
    let record = RunRecord::new(&RunRequest::new(config.clone(), None, "unused"));
    let text = serde_json::to_string(&bundle_config(&record)).unwrap();
    serde_json::from_str::<BundleConfig>(&text).unwrap().preprocessing
}

fn bits(voxels: &Array3<f32>) -> (Dhw<usize>, Vec<u32>) {
    (voxels.dim().into(), voxels.iter().map(|v| v.to_bits()).collect())
}

#[test]
fn a_file_has_the_same_bits_in_training_validation_and_prediction() {
    let folder = tempfile::tempdir().unwrap();
    let cases = ["RAS", "LPS", "PIR", "SLA", "ASL"].map(|code| stored(folder.path(), code.parse().unwrap()));
    let intensities = [
        Intensity::Window { low: -300.0, high: 300.0 },
        Intensity::ZScore { nonzero: false },
        Intensity::ZScore { nonzero: true },
        Intensity::Percentile { low: 1.0, high: 99.0 },
    ];
    for orientation in [None, Some(Orientation::RAS), Some("PIR".parse().unwrap())] {
        for spacing_mm in [None, Some(Dhw { d: 2.0, h: 1.7, w: 0.7 })] {
            for intensity in intensities {
                let mut config = Preset::Quick.config(Experiment::OneStage);
                config.fine.size = Dhw::splat(1);
                config.data.preprocessing = Preprocessing { orientation, spacing_mm, intensity };
                let exported = of_the_bundle(&config);
                let preparation = Preparation::new(&config, &config.fine, 3, HashMap::new());
                for budget in [0, usize::MAX] {
                    let samples = Samples::new(cases.to_vec(), &config.data, budget);
                    let [training, validation] = [Role::Training, Role::Validation]
                        .map(|role| CaseSource::new(cases.to_vec(), &samples, &preparation, role, budget));
                    for (index, case) in cases.iter().enumerate() {
                        let seen = exported.applied(&read_image(&case.image).unwrap());
                        assert_eq!(exported.apply(read_image(&case.image).unwrap()), seen);
                        let want = bits(&seen.data);
                        for source in [&training, &validation] {
                            let outcome = source.get(index).unwrap();
                            let trained = outcome.parts().0.unwrap();
                            assert!(
                                bits(&trained.image.index_axis(ndarray::Axis(0), 0).to_owned()) == want,
                                "{} under {:?}",
                                case.id,
                                config.data.preprocessing
                            );
                            assert_eq!(trained.label.shape(), &trained.image.shape()[1..]);
                        }
                        assert_eq!(samples.get(case).unwrap().geometry.affine(), seen.geometry.affine());
                    }
                }
            }
        }
    }
}

#[test]
fn the_patient_and_not_the_file_decides_what_a_network_sees() {
    let folder = tempfile::tempdir().unwrap();
    let preprocessing = Preprocessing::default().with_orientation(Orientation::RAS);
    let read = |code: &str| {
        let case = stored(folder.path(), code.parse().unwrap());
        let sample = preprocessing.apply_to_sample(case.read().unwrap(), crate::config::nearest_exact());
        (sample.image, sample.label)
    };
    let first = read("RAS");
    for code in ["LPS", "PIR", "SLA"] {
        assert!(read(code) == first, "{code}");
    }
    let (image, label) = first;
    assert!(image.iter().zip(label.unwrap()).all(|(v, class)| (*v > 0.5) == (class == 1)));
}
