//! Scores against MONAI and scipy, against their definitions on random masks, and their rules.

mod behaviour;
mod golden;
mod golden_json;
mod lesions;
mod oracle;
mod sheared;
mod tables;
