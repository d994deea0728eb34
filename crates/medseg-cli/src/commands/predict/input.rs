//! Images as models take them, read without a model, so that a thread of its own can read ahead.

use std::path::{Path, PathBuf};

use medseg_nnunet::{CaseImage, ImageReader, read_case};
use medseg_transforms::all_finite;
use medseg_volume::{Geometry, ReadOptions, Volume, VolumeFile};
use ndarray::{Array4, Axis, concatenate};

use super::channels::channel_files;
use crate::CliError;
use crate::image::{self, SeriesArgs};

/// The image that a model takes.
#[derive(Clone, Copy, Debug)]
pub enum InputKind {
    /// One channel.
    Volume,
    /// Channels from files of their own, or together in one file.
    Channels(usize),
    /// Channels with the axes of nnU-Net's reader.
    NnUnet(ImageReader, usize),
}

/// Voxels in memory.
pub enum Voxels {
    Volume(Volume<f32>),
    Channels(Array4<f32>, Geometry),
    NnUnet(CaseImage),
}

impl Voxels {
    /// The lowest value of all channels; NaN counts for nothing.
    pub fn lowest(&self) -> f32 {
        fn of<D: ndarray::Dimension>(values: &ndarray::Array<f32, D>) -> f32 {
            values.iter().fold(f32::INFINITY, |lowest, value| lowest.min(*value))
        }
        match self {
            Self::Volume(volume) => of(&volume.data),
            Self::Channels(values, _) => of(values),
            Self::NnUnet(image) => of(&image.data),
        }
    }
}

/// An image that was read.
pub struct Input {
    pub voxels: Voxels,
    /// The files of its DICOM series; none for other images.
    pub series: Vec<PathBuf>,
    /// Oddities of the files.
    pub warnings: Vec<String>,
}

impl InputKind {
    /// Channels of the image.
    pub fn channels(self) -> usize {
        match self {
            Self::Volume => 1,
            Self::Channels(channels) | Self::NnUnet(_, channels) => channels,
        }
    }

    /// The files of an image that is named by its first one.
    ///
    /// # Errors
    /// A name without a number where several channels are needed.
    pub fn files(self, image: &Path) -> Result<Vec<PathBuf>, CliError> {
        if image::is_series(image) {
            return Ok(vec![image.to_path_buf()]);
        }
        channel_files(image, self.channels(), matches!(self, Self::Channels(_)))
    }

    /// Reads a DICOM series from its files, or from its folder.
    ///
    /// # Errors
    /// A series that makes no volume, and one for a model of several channels.
    pub fn read_series(self, series: &[PathBuf], choice: &SeriesArgs) -> Result<Input, CliError> {
        if self.channels() > 1 {
            let channels = self.channels();
            return Err(CliError::Failed(format!("the model takes {channels} channels, and a DICOM series is one")));
        }
        let (volume, warnings) = image::read_series_of(series, choice)?;
        let voxels = match self {
            Self::NnUnet(reader, _) => Voxels::NnUnet(finite(CaseImage::from_volume(volume, reader), &series[0])?),
            Self::Volume => Voxels::Volume(volume),
            Self::Channels(_) => Voxels::Channels(volume.data.insert_axis(Axis(0)), volume.geometry),
        };
        Ok(Input { voxels, series: series.to_vec(), warnings })
    }

    /// Reads an image from the files of its channels.
    ///
    /// # Errors
    /// A file that cannot be read, channels on different grids, an image without a finite voxel.
    pub fn read_files(self, files: &[PathBuf], choice: &SeriesArgs) -> Result<Input, CliError> {
        if let Self::NnUnet(reader, _) = self {
            let image = read_case(files, reader).map_err(|error| CliError::failed(&error))?;
            let voxels = Voxels::NnUnet(finite(image, &files[0])?);
            return Ok(Input { voxels, series: Vec::new(), warnings: Vec::new() });
        }
        if let (Self::Channels(2..), [file]) = (self, files) {
            return self.read_together(file);
        }
        let (mut volumes, mut warnings) = (Vec::new(), Vec::new());
        for file in files {
            let (volume, of_file) = image::read_volume(file, choice)?;
            volumes.push(volume);
            warnings.extend(of_file);
        }
        let voxels = match self {
            Self::Volume if volumes.len() == 1 => Voxels::Volume(volumes.swap_remove(0)),
            _ => stacked(&volumes, files)?,
        };
        Ok(Input { voxels, series: Vec::new(), warnings })
    }

    /// Reads an image whose channels are in one file.
    fn read_together(self, file: &Path) -> Result<Input, CliError> {
        let opened = VolumeFile::open(file)?;
        let (found, expected) = (opened.info().channels, self.channels());
        if found != expected {
            let file = file.display();
            return Err(CliError::Failed(format!(
                "{file} has {found} channel(s), and the model takes {expected}: give it all of them in one file, or name the \
                 first NAME_0000, with NAME_0001 and so on beside it"
            )));
        }
        let (values, geometry) = opened.channels(&ReadOptions::default())?;
        let warnings = image::warnings_of(&opened);
        Ok(Input { voxels: Voxels::Channels(values, geometry), series: Vec::new(), warnings })
    }
}

fn finite(image: CaseImage, path: &Path) -> Result<CaseImage, CliError> {
    if all_finite(&image.data) {
        return Ok(image);
    }
    Err(CliError::Failed(format!("{}: the image has voxels that are not finite numbers", path.display())))
}

/// Volumes of one grid as channels.
fn stacked(volumes: &[Volume<f32>], files: &[PathBuf]) -> Result<Voxels, CliError> {
    let first = &volumes[0];
    let same = |other: &Volume<f32>| {
        other.shape() == first.shape() && other.geometry.same_grid(&first.geometry, first.shape(), 0.01)
    };
    if let Some(number) = volumes.iter().position(|volume| !same(volume)) {
        let (file, first) = (files[number].display(), files[0].display());
        return Err(CliError::Failed(format!("{file} has another grid than {first}")));
    }
    let views: Vec<_> = volumes.iter().map(|volume| volume.data.view().insert_axis(Axis(0))).collect();
    let image = concatenate(Axis(0), &views).map_err(|error| CliError::Failed(error.to_string()))?;
    Ok(Voxels::Channels(image, first.geometry.clone()))
}
