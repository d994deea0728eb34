//! Settings of the phantoms, and one phantom made of them.

use medseg_volume::{Geometry, Orientation, Volume};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::PhantomError;
use crate::anatomy::Anatomy;
use crate::canvas::Canvas;
use crate::scan::Scan;

/// Settings of a set of phantoms.
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
    /// Directions of the voxel axes i, j, k, such as `LPS`, that the cases take in turn.
    pub orientations: Vec<Orientation>,
}

impl Default for PhantomConfig {
    /// 24 cases at scale 1 in eight orientations.
    fn default() -> Self {
        let orientations = ["LPS", "RAS", "LAS", "PIR", "RPS", "LPI", "RAI", "SLA"];
        let orientations = orientations.iter().filter_map(|code| code.parse().ok()).collect();
        Self { cases: 24, seed: 0, scale: 1.0, orientations }
    }
}

impl PhantomConfig {
    /// Makes case `index`: the image in Hounsfield units (-1024 to 3071) and its label (0, 1 liver, 2 tumour).
    ///
    /// The index may be beyond [`cases`](Self::cases). The affine holds only numbers that a file's 32-bit header fields
    /// hold exactly, so a volume that was written and read again has the same geometry.
    ///
    /// # Errors
    /// [`PhantomError::Config`] if the scale is out of range or there is no orientation.
    pub fn generate(&self, index: usize) -> Result<(Volume<i16>, Volume<u8>), PhantomError> {
        self.validate()?;
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(index as u64);
        let anatomy = Anatomy::draw(&mut rng);
        let orientation = self.orientations[index % self.orientations.len()];
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
    #[must_use]
    pub fn case_id(index: usize) -> String {
        format!("phantom_{index:03}")
    }

    /// Refuses settings from which no phantom can be made.
    ///
    /// # Errors
    /// [`PhantomError::Config`] if the scale is out of range or there is no orientation.
    pub fn validate(&self) -> Result<(), PhantomError> {
        let refused = |reason: String| Err(PhantomError::Config(reason));
        if !(0.25..=6.0).contains(&self.scale) {
            return refused(format!("a scale of {} is not in 0.25 to 6", self.scale));
        }
        if self.orientations.is_empty() {
            return refused("orientations is an empty list".into());
        }
        Ok(())
    }
}
