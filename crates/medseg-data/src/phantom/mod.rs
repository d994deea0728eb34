//! Synthetic abdominal CTs with a liver and tumours in it, for runs without data, for tests and for benchmarks.
//!
//! Each case is another patient in another scanner: body size and shape, fat, organs, contrast, position, number of
//! slices, spacing, orientation of the voxel axes, blur and noise are drawn from a generator. The patient is described
//! by smooth solids in patient space and sampled through the scan's affine, so the anatomy is right whatever the
//! orientation. The label is 0 outside the liver, 1 in the liver with its vessels, 2 in a tumour; the liver's
//! intensity overlaps those of spleen, muscle, heart, bowel and pancreas, so that it cannot be found by a threshold.
//!
//! Case `i` comes from stream `i` of the ChaCha8 generator of the seed: it depends neither on the number of cases nor
//! on the number of threads.
//!
//! ```
//! use medseg_data::phantom::PhantomConfig;
//!
//! let config = PhantomConfig { scale: 0.5, ..PhantomConfig::default() };
//! let (image, label) = config.generate(0)?;
//! assert_eq!(image.shape(), label.shape());
//! assert!(label.data.iter().any(|&value| value == 1));
//! # Ok::<(), medseg_data::DataError>(())
//! ```

mod abdomen;
mod anatomy;
mod canvas;
mod liver;
mod orientation;
mod scan;
mod shape;
mod skeleton;
mod trunk;
mod write;

use medseg_volume::{Geometry, Volume};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::DataError;
use anatomy::Anatomy;
use canvas::Canvas;
use orientation::Orientation;
use scan::Scan;

/// What phantoms to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhantomConfig {
    /// Number of cases.
    pub cases: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Fineness of the grid, from 0.25 to 6: at 1 a case has about 56–80 slices of 72–96 × 88–112 voxels with 3–6 mm
    /// between them, at 2 twice as many along each axis with half the spacing.
    pub scale: f64,
    /// Axis codes (where the voxel axes i, j, k point, such as `LPS`) that the cases take in turn.
    pub orientations: Vec<String>,
}

impl Default for PhantomConfig {
    /// 24 cases at scale 1 in eight orientations.
    fn default() -> Self {
        let orientations = ["LPS", "RAS", "LAS", "PIR", "RPS", "LPI", "RAI", "SLA"];
        Self { cases: 24, seed: 0, scale: 1.0, orientations: orientations.map(String::from).to_vec() }
    }
}

impl PhantomConfig {
    /// Makes case `index`: the image in Hounsfield units (-1024 to 3071) and its label (0, 1 liver, 2 tumour).
    ///
    /// The index may be beyond [`cases`](Self::cases). The affine holds only numbers that a file's 32-bit header fields
    /// hold exactly, so a volume that was written and read again has the same geometry.
    ///
    /// # Errors
    /// [`DataError::Phantom`] if the scale is out of range or an axis code is none.
    pub fn generate(&self, index: usize) -> Result<(Volume<i16>, Volume<u8>), DataError> {
        let orientations = self.checked_orientations()?;
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(index as u64);
        let anatomy = Anatomy::draw(&mut rng);
        let orientation = orientations[index % orientations.len()];
        let scan = Scan::draw(&mut rng, anatomy.outline(), orientation, self.scale);
        let mut canvas = Canvas::new(scan.shape, scan.to_patient);
        anatomy.paint(&mut canvas);
        let (hu, label) = canvas.into_parts();
        let [x, y, z] = scan.to_world.0;
        let geometry = Geometry::from_affine([x, y, z, [0.0, 0.0, 0.0, 1.0]])?;
        let image = Volume::new(scan.acquire(hu, &mut rng), geometry.clone());
        Ok((image, Volume::new(label, geometry)))
    }

    /// Name of case `index`, which is also that of its files.
    pub fn case_id(index: usize) -> String {
        format!("phantom_{index:03}")
    }

    /// The orientations, if these settings make sense.
    fn checked_orientations(&self) -> Result<Vec<Orientation>, DataError> {
        let refused = |reason: String| Err(DataError::Phantom { reason });
        if !(0.25..=6.0).contains(&self.scale) {
            return refused(format!("a scale of {} is not in 0.25 to 6", self.scale));
        }
        if self.orientations.is_empty() {
            return refused("orientations is an empty list".into());
        }
        self.orientations.iter().map(|code| Orientation::parse(code)).collect()
    }
}
