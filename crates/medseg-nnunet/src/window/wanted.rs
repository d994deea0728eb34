//! Windows that are left out.

/// The windows that the network sees. The others count as background, which costs no pass.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// True for a window with this first voxel of the padded image.
    pub window: &'a dyn Fn([usize; 3]) -> bool,
    /// Logits of the background.
    pub background: &'a [f32],
}
