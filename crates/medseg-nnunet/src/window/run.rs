//! Prediction of a whole image, window by window.

use std::ops::ControlFlow;

use half::f16;
use ndarray::{Array4, ArrayView4, Zip};

use super::accumulator::Accumulator;
use super::folds::FoldSum;
use super::mirror::{flip_into, subsets};
use super::patch::copy_window;
use super::sink::{BoxError, LogitsSink};
use super::sums::Sum;
use super::{Sums, WindowConfig, WindowError, WindowJob, WindowPlan, gaussian};

/// nnU-Net's sliding window over an image [channel, depth, height, width].
///
/// The image is padded with zeros to the patch. Windows follow each other with the first axis slowest.
/// Each window's logits are weighted by the [Gaussian](gaussian) and added in f16; the sums are divided by those of the weights.
/// A patch of two sizes is a 2D configuration: every slice of the first axis for itself.
///
/// The result does not depend on the number of threads.
///
/// ```
/// use std::ops::ControlFlow;
/// use medseg_nnunet::window::{WholeLogits, WindowConfig};
/// use ndarray::{Array4, ArrayView4};
///
/// let window = WindowConfig::default().init(&[4, 8, 8])?;
/// let image = Array4::<f32>::ones((1, 7, 10, 6));
/// // A network that returns its input times 2.
/// let network = |patch: ArrayView4<f32>| Ok::<_, std::io::Error>(&patch * 2.0);
/// let mut logits = WholeLogits::default();
/// window.run(image.view(), 1, network, &mut logits, |_, _| ControlFlow::Continue(()))?;
/// let logits = logits.finish().map_err(|e| e.to_string()).unwrap();
/// assert_eq!(logits.dim(), (1, 7, 10, 6));
/// assert!(logits.iter().all(|value| value.to_f32() == 2.0));
/// # Ok::<(), medseg_nnunet::window::WindowError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SlidingWindow {
    patch: Vec<usize>,
    config: WindowConfig,
    /// Sets of axes to mirror, as axes of a window [channel, depth, height, width].
    mirrors: Vec<Vec<usize>>,
    /// Weights of the patch in C order.
    gaussian: Vec<f32>,
}

impl SlidingWindow {
    pub(super) fn new(patch: &[usize], config: WindowConfig) -> Result<Self, WindowError> {
        let first = 4 - patch.len();
        let axes: Vec<usize> = config.mirror_axes.iter().map(|axis| axis + first).collect();
        let gaussian = gaussian(patch).iter().map(|weight| weight.to_f32()).collect();
        Ok(Self { patch: patch.to_vec(), mirrors: subsets(&axes), gaussian, config })
    }

    /// Windows and memory for an image of a shape, before anything is allocated.
    ///
    /// # Errors
    /// [`WindowError::ImageShape`] for an axis without voxels, or of more than 2^20.
    pub fn plan(&self, shape: [usize; 3]) -> Result<WindowPlan, WindowError> {
        WindowPlan::new(shape, &self.patch, &self.config)
    }

    /// Predicts logits with one network. See [`run_folds`](Self::run_folds).
    ///
    /// # Errors
    /// As [`run_folds`](Self::run_folds).
    pub fn run<N, E, S>(
        &self,
        image: ArrayView4<'_, f32>,
        classes: usize,
        network: N,
        sink: &mut S,
        progress: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<(), WindowError>
    where
        N: FnMut(ArrayView4<'_, f32>) -> Result<Array4<f32>, E>,
        E: Into<BoxError>,
        S: LogitsSink + ?Sized,
    {
        let mut network = Some(network);
        let load = |_| network.take().ok_or_else(|| BoxError::from("the network is used up"));
        self.run_folds(image, WindowJob { classes, folds: 1, wanted: None }, load, sink, progress)
    }

    /// Predicts the mean logits of the networks of several folds, each added and divided in f16.
    ///
    /// `image` is [channel, depth, height, width] after preprocessing.
    /// `load(fold)` returns a network: a function from a window [channel, depth, height, width] to its logits
    /// [class, depth, height, width]. Windows of a 2D configuration have depth 1. A network is dropped before the next is loaded.
    /// `sink` receives the logits slice by slice. `progress(done, total)` counts the windows of all folds and may stop the run.
    ///
    /// One fold needs [`WindowPlan::accumulator_bytes`] for its sums. Several folds also need [`WindowPlan::fold_bytes`],
    /// because a fold is added as a whole.
    ///
    /// # Errors
    /// [`WindowError::OutputShape`] or [`WindowError::NotFinite`] for the network's output, [`WindowError::Memory`],
    /// [`WindowError::Cancelled`], [`WindowError::Setting`] for a job without classes or folds or with another number of
    /// background logits, and the errors of network, `load` and sink.
    pub fn run_folds<L, F, N, E, S>(
        &self,
        image: ArrayView4<'_, f32>,
        job: WindowJob<'_>,
        load: L,
        sink: &mut S,
        progress: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<(), WindowError>
    where
        L: FnMut(usize) -> Result<N, F>,
        F: Into<BoxError>,
        N: FnMut(ArrayView4<'_, f32>) -> Result<Array4<f32>, E>,
        E: Into<BoxError>,
        S: LogitsSink + ?Sized,
    {
        match self.config.sums {
            Sums::Half => self.predict::<f16, _, _, _, _, _>(image, job, load, sink, progress),
            Sums::Fast => self.predict::<f32, _, _, _, _, _>(image, job, load, sink, progress),
        }
    }

    fn predict<T, L, F, N, E, S>(
        &self,
        image: ArrayView4<'_, f32>,
        job: WindowJob<'_>,
        mut load: L,
        sink: &mut S,
        mut progress: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<(), WindowError>
    where
        T: Sum,
        L: FnMut(usize) -> Result<N, F>,
        F: Into<BoxError>,
        N: FnMut(ArrayView4<'_, f32>) -> Result<Array4<f32>, E>,
        E: Into<BoxError>,
        S: LogitsSink + ?Sized,
    {
        let WindowJob { classes, folds, wanted } = job;
        if classes == 0 || folds == 0 {
            let (setting, expected) = ("classes, folds", "must be at least 1");
            return Err(WindowError::Setting { setting, value: format!("{classes}, {folds}"), expected });
        }
        let (channels, depth, height, width) = image.dim();
        let plan = self.plan([depth, height, width])?;
        let [d, h, w] = plan.patch;
        let mut window = Array4::zeros((channels, d, h, w));
        let is_wanted = |start| wanted.is_none_or(|wanted| (wanted.window)(start));
        let of_fold = plan.windows_where(&is_wanted);
        let background = wanted.map_or(&[][..], |wanted| wanted.background);
        if wanted.is_some() && background.len() != classes {
            let (setting, expected) = ("background", "must have a logit for each class");
            return Err(WindowError::Setting { setting, value: format!("{background:?}"), expected });
        }
        let mut left_out = Vec::new();
        if of_fold < plan.windows() {
            background.iter().for_each(|logit| left_out.extend(std::iter::repeat_n(*logit, d * h * w)));
        }
        let total = folds.saturating_mul(of_fold);
        let mut done = 0;
        let mut count = |add: usize| {
            done += add;
            progress(done, total).is_break().then_some(WindowError::Cancelled { done, total }).map_or(Ok(()), Err)
        };
        count(0)?;
        let mut sums = Accumulator::<T>::new(&plan, classes, self.gaussian.clone())?;
        let mut average = FoldSum::new(folds, sink);
        for fold in 0..folds {
            let mut network = load(fold).map_err(|source| WindowError::Load { fold, source: source.into() })?;
            average.begin(fold);
            let mut finished = 0;
            for (group, z) in plan.starts[0].iter().enumerate() {
                for y in &plan.starts[1] {
                    for x in &plan.starts[2] {
                        let start = [*z, *y, *x];
                        if !is_wanted(start) {
                            sums.add(start, &left_out);
                            continue;
                        }
                        copy_window(&image, start, plan.below, &mut window);
                        let at = At { fold, start, expected: [classes, d, h, w] };
                        let logits = self.mirrored(&window, &mut network, at)?;
                        let logits = logits.as_standard_layout();
                        let finite = logits.as_slice().is_some_and(|logits| sums.add(start, logits));
                        if !finite {
                            return Err(WindowError::NotFinite { fold, start });
                        }
                        count(1)?;
                    }
                }
                let end = plan.starts[0].get(group + 1).copied().unwrap_or(plan.padded[0]);
                for slice in finished..end {
                    match slice.checked_sub(plan.below[0]).filter(|at| *at < depth) {
                        None => sums.skip(slice),
                        Some(at) => {
                            let not_finite = WindowError::NotFiniteSlice { fold, slice: at };
                            average.slice(at, sums.take(slice).ok_or(not_finite)?)?;
                        }
                    }
                }
                finished = end;
            }
        }
        Ok(())
    }

    /// Mean logits of a window over the sets of mirrored axes.
    fn mirrored<N, E>(&self, window: &Array4<f32>, network: &mut N, at: At) -> Result<Array4<f32>, WindowError>
    where
        N: FnMut(ArrayView4<'_, f32>) -> Result<Array4<f32>, E>,
        E: Into<BoxError>,
    {
        let mut sum = at.call(network, window.view())?;
        if self.mirrors.is_empty() {
            return Ok(sum);
        }
        let mut flipped = Array4::zeros(window.dim());
        for axes in &self.mirrors {
            flip_into(window, axes, flipped.view_mut());
            let logits = at.call(network, flipped.view())?;
            let mut logits = logits.view();
            axes.iter().for_each(|axis| logits.invert_axis(ndarray::Axis(*axis)));
            Zip::from(&mut sum).and(logits).par_for_each(|sum, value| *sum += value);
        }
        let passes = (self.mirrors.len() + 1) as f32;
        sum.par_mapv_inplace(|sum| sum / passes);
        Ok(sum)
    }
}

/// Place of a window, for messages.
#[derive(Clone, Copy)]
struct At {
    fold: usize,
    start: [usize; 3],
    expected: [usize; 4],
}

impl At {
    fn call<N, E>(self, network: &mut N, window: ArrayView4<'_, f32>) -> Result<Array4<f32>, WindowError>
    where
        N: FnMut(ArrayView4<'_, f32>) -> Result<Array4<f32>, E>,
        E: Into<BoxError>,
    {
        let Self { fold, start, expected } = self;
        let logits = network(window).map_err(|source| WindowError::Network { fold, start, source: source.into() })?;
        let (c, d, h, w) = logits.dim();
        let found = [c, d, h, w];
        if found == expected { Ok(logits) } else { Err(WindowError::OutputShape { start, found, expected }) }
    }
}
