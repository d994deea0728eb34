//! The sources of medseg-ops that need no Burn.

#![allow(dead_code, unused_imports, reason = "what Burn's side uses is not here")]

#[path = "../../src/large_pages.rs"]
mod large_pages;
#[path = "../../src/recycled.rs"]
mod recycled;
#[path = "../../src/vectorised.rs"]
mod vectorised;

#[path = "."]
mod upsample {
    #[path = "../../src/upsample/axis.rs"]
    pub(crate) mod axis;
}

#[path = "."]
mod conv {
    #[path = "../../src/conv/kernel/mod.rs"]
    mod kernel;
}
