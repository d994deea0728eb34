//! The work of a sliding window.

/// The networks of a prediction, and the windows that they see.
#[derive(Clone, Copy)]
pub struct WindowJob<'a> {
    /// Number of the networks' output channels.
    pub classes: usize,
    /// Number of networks whose logits are averaged.
    pub folds: usize,
    /// The windows that the networks see; all if `None`.
    pub wanted: Option<Wanted<'a>>,
}

/// A choice of windows. The others count as background, which costs no pass; so a voxel of which every window is wanted has
/// the logits of a whole prediction.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// True for a window with this first voxel of the padded image.
    pub window: &'a dyn Fn([usize; 3]) -> bool,
    /// Logits of the background, one for each class.
    pub background: &'a [f32],
}
