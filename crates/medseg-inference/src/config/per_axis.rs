//! A number for each axis, in files one number where all three are equal.

use medseg_volume::Dhw;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum PerAxis {
    All(f64),
    Each(Dhw<f64>),
}

pub(super) fn serialize<S: Serializer>(values: &Dhw<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    let all = *values == Dhw::splat(values.d);
    if all { PerAxis::All(values.d) } else { PerAxis::Each(*values) }.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Dhw<f64>, D::Error> {
    Ok(match PerAxis::deserialize(deserializer)? {
        PerAxis::All(value) => Dhw::splat(value),
        PerAxis::Each(values) => values,
    })
}
