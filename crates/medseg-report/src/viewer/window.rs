//! Windows that a page offers.

use serde::Serialize;

use super::embed::Cast;

/// An intensity window by name: what is shown as black and as white.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Window {
    pub name: &'static str,
    pub low: f64,
    pub high: f64,
}

/// Usual windows of CT in Hounsfield units, as centre and width.
const CT: [(&str, f64, f64); 4] =
    [("abdomen", 40.0, 400.0), ("liver", 60.0, 160.0), ("lung", -600.0, 1500.0), ("bone", 400.0, 1800.0)];

/// The windows for an image, the one that it opens with first. `automatic` is where most of the image lies.
pub(super) fn windows(cast: &Cast, automatic: [f32; 2]) -> Vec<Window> {
    let [low, high] = automatic.map(f64::from);
    let mut windows = Vec::new();
    if cast.is_ct() {
        let window = |(name, centre, width)| Window { name, low: centre - width / 2.0, high: centre + width / 2.0 };
        windows.extend(CT.map(window));
    }
    windows.push(Window { name: "automatic", low, high });
    if cast.high > cast.low {
        windows.push(Window { name: "full range", low: cast.low, high: cast.high });
    }
    windows
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn hounsfield_units_open_in_the_abdomens_window_and_others_in_their_own() {
        let names = |image| windows(&Cast::of(&image), [1.0, 2.0]).iter().map(|w| w.name).collect::<Vec<_>>();
        let ct = ["abdomen", "liver", "lung", "bone", "automatic", "full range"];
        assert_eq!(names(array![[[-1024.0, 50.0]]]), ct);
        assert_eq!(names(array![[[0.0, 900.0]]]), ["automatic", "full range"]);
        assert_eq!(names(array![[[-1024.5, 50.0]]]), ["automatic", "full range"]);
        assert_eq!(names(array![[[3.0]]]), ["automatic"]);
        let abdomen = &windows(&Cast::of(&array![[[-1024.0, 50.0]]]), [1.0, 2.0])[0];
        assert_eq!((abdomen.low, abdomen.high), (-160.0, 240.0));
    }
}
