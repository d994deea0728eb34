//! The content of a file as a number.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use medseg_volume::{Volume, read_image};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

/// Numbers that are hashed at a time.
const BLOCK: usize = 1 << 14;

/// The content of a volume's file: XXH3 (128 bits) over shape, affine and voxel values.
///
/// Two files of one content have the same voxels at the same places, whatever their names, compression or remarks. A file
/// that is no readable volume is hashed byte by byte. The hash finds changes and accidents; it does not withstand someone
/// who looks for two files of one hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentHash(String);

impl ContentHash {
    /// Reads a file and hashes its content.
    ///
    /// # Errors
    /// The system's, if the file cannot be read.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        match read_image(path) {
            Ok(volume) => Ok(Self::of_volume(&volume)),
            Err(_) => Self::of_bytes(&mut File::open(path)?),
        }
    }

    /// Hashes a volume.
    #[must_use]
    pub fn of_volume(volume: &Volume<f32>) -> Self {
        let mut hash = Xxh3::new();
        hash.update(b"volume");
        volume.shape().to_array().into_iter().for_each(|length| hash.update(&(length as u64).to_le_bytes()));
        volume.geometry.affine().as_flattened().iter().for_each(|value| hash.update(&value.to_le_bytes()));
        let data = volume.data.as_standard_layout();
        let mut bytes = Vec::with_capacity(BLOCK * 4);
        for block in data.as_slice().unwrap_or_default().chunks(BLOCK) {
            bytes.clear();
            bytes.extend(block.iter().flat_map(|value| value.to_le_bytes()));
            hash.update(&bytes);
        }
        Self::from(&hash)
    }

    fn of_bytes(file: &mut File) -> io::Result<Self> {
        let mut hash = Xxh3::new();
        hash.update(b"bytes");
        let mut block = vec![0; BLOCK * 4];
        loop {
            match file.read(&mut block) {
                Ok(0) => return Ok(Self::from(&hash)),
                Ok(read) => hash.update(&block[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn from(hash: &Xxh3) -> Self {
        Self(format!("{:032x}", hash.digest128()))
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use medseg_volume::{Dhw, Geometry, write_image};
    use ndarray::Array3;

    use super::*;

    #[test]
    fn voxels_and_places_count_and_names_and_compression_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let written = |name: &str, value: f32, spacing: f64| {
            let mut data = Array3::from_elem((3, 4, 5), 1.0_f32);
            data[[2, 3, 4]] = value;
            let geometry = Geometry::from_spacing(Dhw { d: spacing, h: 1.0, w: 1.0 }).unwrap();
            write_image(path(name), &Volume::new(data, geometry)).unwrap();
            ContentHash::of_file(&path(name)).unwrap()
        };
        let first = written("a.nii.gz", 2.0, 1.5);
        assert_eq!(first, written("b.nii", 2.0, 1.5));
        assert_ne!(first, written("b.nii", 2.5, 1.5));
        assert_ne!(first, written("b.nii", 2.0, 1.25));
    }

    #[test]
    fn a_file_that_is_no_volume_is_hashed_by_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nii");
        let mut hashes = Vec::new();
        for bytes in [b"".as_slice(), b"one", b"two", &[7; 200_000]] {
            std::fs::write(&path, bytes).unwrap();
            hashes.push(ContentHash::of_file(&path).unwrap());
        }
        hashes.dedup();
        assert_eq!(hashes.len(), 4);
        assert!(
            ContentHash::of_file(folder.path()).is_err() && ContentHash::of_file(&folder.path().join("b")).is_err()
        );
    }
}
