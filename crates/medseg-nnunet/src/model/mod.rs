//! A trained model, ready to predict.

mod memory;
mod prepared_case;
mod resampling;

use std::ops::ControlFlow;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use medseg_unet::{StagedUNet, StagedUNetConfig, UNetError, describe_staged};
use medseg_volume::{Axes, Dhw};
use ndarray::{Array4, ArrayView4, Axis};

use crate::export::{ExportGeometry, LabelRule, LogitResampling, MaskExport, ProbabilityExport};
use crate::image::{CaseImage, ImageReader, read_case, read_case_mask};
use crate::model_plan::ModelPlan;
use crate::network::{along_axes, network_config};
use crate::predict_options::PredictOptions;
use crate::preprocess::{PreprocessConfig, Preprocessed, PreviousStage, Properties, preprocess};
use crate::window::{LogitsSink, SlidingWindow, Wanted, WindowConfig, WindowJob, WindowPlan};
use crate::{
    CHECKPOINT, Fold, ModelFolder, NetworkKeys, NnUnetError, Probabilities, ResamplingFunction, Segmentation,
    separate_axis,
};

pub use prepared_case::PreparedCase;

use memory::{network_bytes, voxel_bytes};
use resampling::{image_resampling, label_resampling};

/// A model of nnU-Net v2 on a device.
///
/// ```
/// use burn::tensor::Device;
/// use medseg_nnunet::{Model, PredictOptions};
///
/// # let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/plain_2d");
/// # let (model, images) = (tests, ["case_0000.nii.gz", "case_0001.nii.gz"].map(|name| format!("{tests}/{name}")));
/// let model = Model::open(model, &Device::flex())?;
/// let segmentation = model.predict(&images, &PredictOptions::default())?;
/// assert_eq!(segmentation.mask.shape(), [45, 9, 40]);
/// # Ok::<(), medseg_nnunet::NnUnetError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Model {
    folder: ModelFolder,
    reader: ImageReader,
    network: StagedUNetConfig,
    keys: NetworkKeys,
    device: Device,
}

impl Model {
    /// Opens a model with its default folds; see [`ModelFolder::open`]. Networks are loaded when they are needed.
    ///
    /// # Errors
    /// As [`ModelFolder::open`], and plans of a network or a reader that is not supported.
    pub fn open(path: impl AsRef<Path>, device: &Device) -> Result<Self, NnUnetError> {
        Self::open_with(path, None, CHECKPOINT, device)
    }

    /// Opens these folds with checkpoints of this file name.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(
        path: impl AsRef<Path>,
        folds: Option<&[Fold]>,
        checkpoint_name: &str,
        device: &Device,
    ) -> Result<Self, NnUnetError> {
        let folder = ModelFolder::open_with(path, folds, checkpoint_name)?;
        let class = &folder.plans.image_reader_writer;
        let Some(reader) = ImageReader::from_class(class) else {
            return Err(NnUnetError::Reader { path: folder.path, class: class.clone() });
        };
        let plans = |problem| NnUnetError::plans(&folder.path.join("plans.json"), problem);
        let network = network_config(&folder.configuration.architecture, folder.in_channels(), folder.out_channels());
        let network = network.map_err(plans)?;
        network.validate()?;
        let keys = folder.network_keys();
        Ok(Self { folder, reader, network, keys, device: device.clone() })
    }

    /// The folder with the settings.
    #[must_use]
    pub fn folder(&self) -> &ModelFolder {
        &self.folder
    }

    /// The settings of the network.
    #[must_use]
    pub fn network(&self) -> &StagedUNetConfig {
        &self.network
    }

    /// The reader of the model's images.
    #[must_use]
    pub fn reader(&self) -> ImageReader {
        self.reader
    }

    /// Channels of an image.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.folder.dataset.channels.len()
    }

    /// Name of a label of the mask, if `dataset.json` has one.
    #[must_use]
    pub fn label_name(&self, label: u16) -> Option<&str> {
        let labels = &self.folder.dataset.labels;
        labels.iter().find(|named| named.values == [u32::from(label)]).map(|named| named.name.as_str())
    }

    /// Segments a case of these files, one for each channel. The mask is that of `nnUNetv2_predict -device cpu`, but for
    /// voxels in which rounding of the network's sums decides.
    ///
    /// # Errors
    /// Files that cannot be read; those of [`prepare`](Self::prepare) and [`segment`](Self::segment).
    pub fn predict<P: AsRef<Path>>(&self, images: &[P], options: &PredictOptions) -> Result<Segmentation, NnUnetError> {
        let case = self.prepare(read_case(images, self.reader)?, None)?;
        self.segment(&case, options, &mut |_, _| ControlFlow::Continue(()))
    }

    /// Brings a case to the network's grid. `previous` is the mask of a cascade's stage before, on the image's grid.
    ///
    /// # Errors
    /// Another number of channels; a mask of the stage before that is missing, of another shape, or of no use; a grid that no
    /// memory holds.
    pub fn prepare(&self, mut image: CaseImage, previous: Option<&Path>) -> Result<PreparedCase, NnUnetError> {
        let (expected, found) = (self.folder.dataset.channels.len(), image.data.dim().0);
        if found != expected {
            return Err(NnUnetError::Channels { path: self.folder.path.clone(), expected, found });
        }
        let previous = match (&self.folder.configuration.previous_stage, previous) {
            (Some(stage), None) => {
                return Err(NnUnetError::NoPrevious { path: self.folder.path.clone(), stage: stage.clone() });
            }
            (None, Some(_)) => return Err(NnUnetError::NoCascade { path: self.folder.path.clone() }),
            (_, path) => path.map(|path| read_case_mask(path, self.reader)).transpose()?,
        };
        let data = std::mem::take(&mut image.data);
        let prepared = preprocess(data, image.spacing, previous, &self.preprocessing()?)?;
        Ok(PreparedCase { prepared, region: None, geometry: image.geometry, axes: image.axes, reader: self.reader })
    }

    /// Windows, arithmetic and memory of a case's prediction.
    ///
    /// # Errors
    /// A step that is no part of the patch.
    pub fn plan(&self, case: &PreparedCase, options: &PredictOptions) -> Result<ModelPlan, NnUnetError> {
        let (_, d, h, w) = case.prepared.data.dim();
        let window = self.window(options)?;
        let (plan, patch) = (window.plan([d, h, w])?, along_axes(&self.folder.configuration.patch_size));
        let (classes, folds) = (self.folder.out_channels(), self.folder.folds.len());
        let cost = describe_staged(&self.network, patch)?;
        let touched = |start| self.touches(case, &plan, start);
        let windows = plan.windows_where(&touched).saturating_mul(folds);
        let runs = (windows as u64).saturating_mul(plan.passes_per_window() as u64);
        Ok(ModelPlan {
            grid: [d, h, w],
            patch,
            folds,
            windows,
            passes: plan.passes_per_window(),
            flops: cost.flops.saturating_mul(runs),
            image_bytes: voxel_bytes([d, h, w], case.prepared.data.dim().0),
            network_bytes: network_bytes(&cost),
            sums_bytes: plan.accumulator_bytes(classes).saturating_add(plan.fold_bytes(classes, folds)) as u64,
            probability_bytes: voxel_bytes(case.prepared.properties.full_shape, classes),
        })
    }

    /// Segments a case. `progress(done, total)` counts windows, from 0 before the first, and may stop.
    ///
    /// # Errors
    /// A checkpoint that cannot be read, scores that are not finite, or a wish of `progress` to stop.
    pub fn segment(
        &self,
        case: &PreparedCase,
        options: &PredictOptions,
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Segmentation, NnUnetError> {
        let mut export = MaskExport::new(self.geometry(&case.prepared)?, self.rule()?)?;
        self.run(case, options, &mut export, progress)?;
        Ok(case.segmentation(export.finish()?))
    }

    /// Segments a case as [`segment`](Self::segment) does, and gives the probabilities of all classes.
    ///
    /// They take [`ModelPlan::probability_bytes`]. Classes sum to 1; regions are independent of each other.
    ///
    /// # Errors
    /// As [`segment`](Self::segment).
    pub fn segment_with_probabilities(
        &self,
        case: &PreparedCase,
        options: &PredictOptions,
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<(Segmentation, Probabilities), NnUnetError> {
        let (geometry, rule) = (self.geometry(&case.prepared)?, self.rule()?);
        let mut both = (MaskExport::new(geometry.clone(), rule.clone())?, ProbabilityExport::new(geometry, rule)?);
        self.run(case, options, &mut both, progress)?;
        let (mask, values) = (case.segmentation(both.0.finish()?), both.1.finish()?);
        let back = case.axes.inverse();
        let values = if back.is_identity() { values } else { along(back, &values) };
        let names = self.folder.dataset.class_names();
        Ok((mask, Probabilities { values, names, geometry: case.geometry.clone() }))
    }

    /// Probabilities of a case `[class, depth, height, width]`, with the axes of the reader: for an
    /// [`Ensemble`](crate::Ensemble).
    ///
    /// # Errors
    /// As [`segment`](Self::segment).
    pub fn class_probabilities(
        &self,
        case: &PreparedCase,
        options: &PredictOptions,
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Array4<f32>, NnUnetError> {
        let mut export = ProbabilityExport::new(self.geometry(&case.prepared)?, self.rule()?)?;
        self.run(case, options, &mut export, progress)?;
        Ok(export.finish()?)
    }

    /// The network of a fold, with its weights.
    ///
    /// # Errors
    /// Weights that cannot be read.
    pub fn load(&self, fold: Fold) -> Result<StagedUNet, NnUnetError> {
        self.folder.load(fold, &self.network, &self.keys, &self.device)
    }

    fn window(&self, options: &PredictOptions) -> Result<SlidingWindow, NnUnetError> {
        let axes = self.folder.mirroring_axes.clone().filter(|_| options.mirroring).unwrap_or_default();
        Ok(WindowConfig::default()
            .with_step_size(options.step_size)
            .with_sums(options.sums)
            .with_mirror_axes(axes)
            .init(&self.folder.configuration.patch_size)?)
    }

    fn run(
        &self,
        case: &PreparedCase,
        options: &PredictOptions,
        sink: &mut dyn LogitsSink,
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<(), NnUnetError> {
        let folds = &self.folder.folds;
        let load = |number: usize| -> Result<_, NnUnetError> {
            let network = self.load(folds[number])?;
            Ok(move |patch: ArrayView4<'_, f32>| self.forward(&network, patch))
        };
        let (image, classes, window) = (case.prepared.data.view(), self.folder.out_channels(), self.window(options)?);
        let (_, d, h, w) = image.dim();
        let plan = window.plan([d, h, w])?;
        let (touched, background) = (|start| self.touches(case, &plan, start), self.rule()?.background());
        let wanted = Some(Wanted { window: &touched, background: &background });
        let job = WindowJob { classes, folds: folds.len(), wanted };
        window.run_folds(image, job, load, sink, progress)?;
        Ok(())
    }

    /// True for a window that touches the case's region, if it has one.
    fn touches(&self, case: &PreparedCase, plan: &WindowPlan, start: [usize; 3]) -> bool {
        let size = along_axes(&self.folder.configuration.patch_size);
        case.region.as_ref().is_none_or(|region| region.touches(plan.first_voxel(start), size))
    }

    /// Logits of one window.
    fn forward(&self, network: &StagedUNet, patch: ArrayView4<'_, f32>) -> Result<Array4<f32>, UNetError> {
        let (channels, d, h, w) = patch.dim();
        let values: Vec<f32> = match patch.as_slice() {
            Some(values) => values.to_vec(),
            None => patch.iter().copied().collect(),
        };
        let logits =
            network.forward(Tensor::from_data(TensorData::new(values, [1, channels, d, h, w]), &self.device))?;
        let [_, classes, ..] = logits.dims();
        let failed = |error: String| UNetError::Device(error);
        let values = logits.try_into_data_as::<f32>().map_err(|error| failed(format!("{error:?}")))?;
        let values = values.try_to_vec::<f32>().map_err(|error| failed(format!("{error:?}")))?;
        Array4::from_shape_vec((classes, d, h, w), values).map_err(|error| failed(error.to_string()))
    }

    /// The rule that makes labels of the network's channels.
    pub(crate) fn rule(&self) -> Result<LabelRule, NnUnetError> {
        let dataset = &self.folder.dataset;
        Ok(match dataset.regions() {
            None => LabelRule::Argmax { classes: dataset.out_channels() },
            Some(values) => {
                LabelRule::Regions { values: values.iter().map(|value| self.label(*value)).collect::<Result<_, _>>()? }
            }
        })
    }

    /// A label value as masks hold it.
    fn label<T: TryFrom<u32>>(&self, value: u32) -> Result<T, NnUnetError> {
        T::try_from(value).map_err(|_| NnUnetError::Label { path: self.folder.path.clone(), value })
    }

    fn preprocessing(&self) -> Result<PreprocessConfig, NnUnetError> {
        let (plans, configuration) = (&self.folder.plans, &self.folder.configuration);
        let previous = match configuration.previous_stage {
            None => None,
            Some(_) => {
                let labels = self.folder.dataset.foreground_labels();
                Some(PreviousStage {
                    labels: labels.into_iter().map(|value| self.label(value)).collect::<Result<_, _>>()?,
                    resampling: label_resampling(configuration.resampling_seg),
                })
            }
        };
        Ok(PreprocessConfig {
            transpose_forward: plans.transpose_forward,
            transpose_backward: plans.transpose_backward,
            spacing: configuration.spacing.clone(),
            normalizations: configuration.normalization.clone(),
            image_resampling: image_resampling(configuration.resampling_data),
            previous,
        })
    }

    /// The way from the network's grid to the image's.
    fn geometry(&self, prepared: &Preprocessed) -> Result<ExportGeometry, NnUnetError> {
        let Properties { full_shape, crop, spacing, network_spacing, transpose_backward } = prepared.properties;
        let (_, d, h, w) = prepared.data.dim();
        let separate = |force: Option<bool>| separate_axis(network_spacing, spacing, force);
        let resampling = match self.folder.configuration.resampling_probabilities {
            ResamplingFunction::Spline { order: 1, order_z, separate_z, .. }
                if order_z == 0 || separate(separate_z).is_none() =>
            {
                LogitResampling::Linear { separate: separate(separate_z) }
            }
            ResamplingFunction::Spline { order, order_z, .. } => {
                return Err(NnUnetError::LogitOrder { path: self.folder.path.clone(), order, order_z });
            }
            ResamplingFunction::Torch { separate_z, .. } => LogitResampling::Torch { separate: separate(separate_z) },
            ResamplingFunction::None => LogitResampling::Identity,
        };
        Ok(ExportGeometry {
            network: [d, h, w],
            cropped: crop.size,
            full: full_shape,
            start: crop.start,
            transpose_backward,
            resampling,
        })
    }
}

/// Classes `[class, depth, height, width]` with other axes.
fn along(axes: Axes, classes: &Array4<f32>) -> Array4<f32> {
    let shape = axes.permuted(Dhw::from((classes.dim().1, classes.dim().2, classes.dim().3)));
    let mut turned = Array4::zeros((classes.dim().0, shape.d, shape.h, shape.w));
    for (mut to, from) in turned.axis_iter_mut(Axis(0)).zip(classes.axis_iter(Axis(0))) {
        to.assign(&axes.apply(&from));
    }
    turned
}
