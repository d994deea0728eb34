//! A case: one image and, if there is one, its label.

use std::path::{Path, PathBuf};

use medseg_transforms::Sample;
use medseg_volume::{
    Dhw, Geometry, LabelChoice, ReadOptions, Volume, VolumeFile, read_image, read_info, read_label_of,
};
use ndarray::{Array4, Axis, stack};
use serde::{Deserialize, Serialize};

use crate::check::check_channels;
use crate::names::case_id;
use crate::{ChannelFault, DataError};

/// One image with its label, by their files.
///
/// ```
/// use medseg_data::Case;
/// let case = Case::new("liver_1", "ct.nii.gz", Some("liver.nii.gz".into()));
/// assert_eq!(case.images().count(), 1);
/// let case = case.with_channels(["pet.nii.gz"]);
/// assert_eq!(case.images().count(), 2);
/// assert!(case.single_image().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Case {
    /// Name of the image's file without its ending, and without its channel's number.
    pub id: String,
    /// The image's file, or that of its first channel.
    pub image: PathBuf,
    /// The files of the further channels, in order; empty for most images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<PathBuf>,
    /// The label's file; `None` for a case that is only predicted.
    pub label: Option<PathBuf>,
}

impl Case {
    /// A case whose image is one file.
    #[must_use]
    pub fn new(id: impl Into<String>, image: impl Into<PathBuf>, label: Option<PathBuf>) -> Self {
        Self { id: id.into(), image: image.into(), channels: Vec::new(), label }
    }

    /// The case of one image without a label.
    ///
    /// # Errors
    /// If the file's name is not valid Unicode. The file itself is not looked at.
    pub fn unlabelled(image: impl Into<PathBuf>) -> Result<Self, DataError> {
        let image = image.into();
        Ok(Self::new(case_id(&image)?, image, None))
    }

    /// Sets the files of the channels after the first.
    #[must_use]
    pub fn with_channels<P: Into<PathBuf>>(mut self, channels: impl IntoIterator<Item = P>) -> Self {
        self.channels = channels.into_iter().map(Into::into).collect();
        self
    }

    /// The files of all channels, in order.
    pub fn images(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&self.image).chain(&self.channels).map(PathBuf::as_path)
    }

    /// The image's file, if it is the only one: for users of one channel, who must not pass the others over.
    ///
    /// # Errors
    /// [`DataError::Channels`].
    pub fn single_image(&self) -> Result<&Path, DataError> {
        match self.channels.len() {
            0 => Ok(&self.image),
            further => {
                let source = ChannelFault::Several { channels: 1 + further };
                Err(DataError::Channels { case: self.id.clone(), source })
            }
        }
    }

    /// Channels of the image: its files, or those that a single file holds, whose header is read.
    ///
    /// # Errors
    /// [`DataError::Prepare`] naming the case, if the header cannot be read.
    pub fn channel_count(&self) -> Result<usize, DataError> {
        match self.channels.len() {
            0 => self.channels_of_file().map_err(|error| error.in_case(self)),
            further => Ok(1 + further),
        }
    }

    /// Channels in the first file.
    fn channels_of_file(&self) -> Result<usize, DataError> {
        Ok(read_info(&self.image)?.channels)
    }

    /// Reads the first channel of the image, as the file has it: for pictures and statistics.
    ///
    /// # Errors
    /// [`DataError::Prepare`] naming the case, if the file cannot be read.
    pub fn first_channel(&self) -> Result<Volume<f32>, DataError> {
        let read = || {
            if self.channels_of_file()? == 1 {
                return Ok(read_image(&self.image)?);
            }
            let (mut all, geometry) = VolumeFile::open(&self.image)?.channels(&ReadOptions::default())?;
            all.slice_axis_inplace(Axis(0), (..1).into());
            Ok(Volume::new(all.index_axis_move(Axis(0), 0).as_standard_layout().into_owned(), geometry))
        };
        read().map_err(|error: DataError| error.in_case(self))
    }

    /// Reads image and label into memory, with the intensities and label values of the files, on the image's grid. The
    /// image is `[channel, depth, height, width]`, out of a file for each channel or one file with a fourth axis.
    ///
    /// # Errors
    /// [`DataError::Prepare`] naming the case, if a file cannot be read, image and label have different shapes, a label
    /// value is not from 0 to 255, or two channels differ in shape or, by more than
    /// [`GRID_TOLERANCE_MM`](crate::GRID_TOLERANCE_MM), in their grids. The grids of image and label are compared by
    /// [`check_case`](crate::check_case).
    pub fn read(&self) -> Result<Sample, DataError> {
        self.read_with(&LabelChoice::All)
    }

    /// [`read`](Self::read) with those label values that are wanted; all others become 0, the background.
    ///
    /// # Errors
    /// As [`read`](Self::read), with the label values that [`LabelChoice`] refuses.
    ///
    /// ```
    /// use medseg_data::Case;
    /// use medseg_volume::{Dhw, Geometry, LabelChoice, Volume, WriteOptions, write_image, write_volume};
    /// # let folder = tempfile::tempdir()?;
    /// # let file = |name: &str| folder.path().join(name);
    /// let geometry = Geometry::from_spacing(Dhw::splat(1.0))?;
    /// write_image(file("ct.nii"), &Volume::new(ndarray::array![[[0.0, 70.0, 60.0]]], geometry.clone()))?;
    /// let label = Volume::new(ndarray::array![[[0_i16, 1, 1000]]], geometry);
    /// write_volume(file("liver.nii"), &label, &WriteOptions::default())?;
    ///
    /// let case = Case::new("a", file("ct.nii"), Some(file("liver.nii")));
    /// assert!(case.read().is_err()); // 1000 is no u8
    /// let liver = case.read_with(&LabelChoice::only(&[1]))?.label;
    /// assert_eq!(liver, Some(ndarray::array![[[0, 1, 0]]]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_with(&self, labels: &LabelChoice) -> Result<Sample, DataError> {
        self.read_files(labels).map_err(|error| error.in_case(self))
    }

    fn read_files(&self, labels: &LabelChoice) -> Result<Sample, DataError> {
        check_channels(self, crate::GRID_TOLERANCE_MM)?;
        let (first, geometry) = self.read_first_file()?;
        let (_, d, h, w) = first.dim();
        let shape = Dhw { d, h, w };
        let label = self.label.as_deref().map(|path| read_label_of(path, labels)).transpose()?;
        if let (Some(path), Some(label)) = (&self.label, &label)
            && label.shape() != shape
        {
            return Err(DataError::GridMismatch {
                image: self.image.clone(),
                label: path.clone(),
                difference: format!("{shape} against {} voxels", label.shape()),
            });
        }
        let label = label.map(|label| label.data);
        if self.channels.is_empty() {
            return Ok(Sample { id: self.id.clone(), image: first, label, geometry });
        }
        let mut channels = vec![first.index_axis_move(Axis(0), 0)];
        for path in &self.channels {
            channels.push(read_image(path)?.data);
        }
        let views: Vec<_> = channels.iter().map(|channel| channel.view()).collect();
        // Shapes were compared by their headers, but a file may have been replaced meanwhile.
        let image = stack(Axis(0), &views).map_err(|_| self.replaced(&channels))?;
        Ok(Sample { id: self.id.clone(), image, label, geometry })
    }

    /// All channels of the only file, or the one of the first file.
    fn read_first_file(&self) -> Result<(Array4<f32>, Geometry), DataError> {
        if self.channels.is_empty() && self.channels_of_file()? > 1 {
            return Ok(VolumeFile::open(&self.image)?.channels(&ReadOptions::default())?);
        }
        let Volume { data, geometry } = read_image(&self.image)?;
        Ok((data.insert_axis(Axis(0)), geometry))
    }

    fn replaced(&self, channels: &[ndarray::Array3<f32>]) -> DataError {
        let other = channels.iter().position(|channel| channel.dim() != channels[0].dim()).unwrap_or(0);
        DataError::ChannelMismatch {
            first: self.image.clone(),
            other: self.images().nth(other).unwrap_or(&self.image).to_path_buf(),
            difference: "their shapes changed while they were read".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_of_one_image_has_the_name_of_its_file() {
        let case = Case::unlabelled("folder/scan.nii.gz").unwrap();
        assert_eq!((case.id.as_str(), case.label), ("scan", None));
        assert_eq!(Case::unlabelled("folder/scan_0000.nrrd").unwrap().id, "scan_0000");
    }

    #[test]
    fn a_case_without_channels_is_stored_as_it_was_before_there_were_any() {
        let case = Case::new("a", "a.nii", None);
        let text = serde_json::to_string(&case).unwrap();
        assert_eq!(text, r#"{"id":"a","image":"a.nii","label":null}"#);
        assert_eq!(serde_json::from_str::<Case>(&text).unwrap(), case);
        let case = case.with_channels(["b.nii"]);
        assert_eq!(serde_json::from_str::<Case>(&serde_json::to_string(&case).unwrap()).unwrap(), case);
    }

    #[test]
    fn channels_of_one_file_are_read_as_those_of_files_of_their_own() {
        use medseg_volume::{WriteOptions, write_channels, write_image, write_label};

        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let geometry = Geometry::from_spacing(Dhw { d: 3.0, h: 1.0, w: 2.0 }).unwrap();
        let both = Array4::from_shape_fn((2, 3, 4, 5), |(c, z, y, x)| (c * 1000 + z * 100 + y * 10 + x) as f32);
        write_channels(file("both.nii.gz"), &both, &geometry, &WriteOptions::default()).unwrap();
        for (number, channel) in both.outer_iter().enumerate() {
            let volume = Volume::new(channel.to_owned(), geometry.clone());
            write_image(file(&format!("{number}.nii.gz")), &volume).unwrap();
        }
        let label = Volume::new(ndarray::Array3::<u8>::ones((3, 4, 5)), geometry.clone());
        write_label(file("label.nii.gz"), &label).unwrap();
        let together = Case::new("a", file("both.nii.gz"), Some(file("label.nii.gz")));
        let apart = Case::new("a", file("0.nii.gz"), Some(file("label.nii.gz"))).with_channels([file("1.nii.gz")]);
        for case in [&together, &apart] {
            let sample = case.read().unwrap();
            assert_eq!((sample.image, sample.label), (both.clone(), Some(label.data.clone())));
            assert_eq!(case.channel_count().unwrap(), 2);
            assert_eq!(case.first_channel().unwrap().data, both.index_axis(Axis(0), 0));
        }
        let one = Case::new("a", file("0.nii.gz"), None);
        assert_eq!((one.channel_count().unwrap(), one.first_channel().unwrap().data.dim()), (1, (3, 4, 5)));
        assert!(Case::new("a", file("none.nii"), None).channel_count().unwrap_err().to_string().contains('a'));
    }
}
