//! Settings along the axes that a file may give once.

use medseg_volume::Dhw;
use serde::{Deserialize, Deserializer};

/// Reads one value for all axes, or one for each of `[depth, height, width]`.
pub(crate) fn one_or_three<'de, D, T>(deserializer: D) -> Result<Dhw<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Copy + Deserialize<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected one value, or three along [depth, height, width]")]
    enum OneOrThree<T> {
        One(T),
        Three([T; 3]),
    }
    Ok(match OneOrThree::deserialize(deserializer)? {
        OneOrThree::One(value) => Dhw::splat(value),
        OneOrThree::Three(values) => Dhw::from(values),
    })
}
