//! Tests of the transforms as their users call them.

mod bad_input;
mod body;
mod boxes;
mod components;
mod golden;
mod intensity;
mod intensity_golden;
mod intensity_random;
mod inverse;
mod labels;
mod morphology;
mod padding;
mod preprocessing;
mod random_crop;
mod resize;
mod spatial_golden;
mod spatial_properties;
mod stored;
mod threads;
