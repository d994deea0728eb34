//! Reports of folders made by hand.

mod page;
mod viewer;
