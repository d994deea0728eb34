//! Division of work between threads. The order of every sum is the same for any number of them.

use std::ops::Range;

/// True if every thread finds enough of so many tasks.
pub(crate) fn many(tasks: usize) -> bool {
    tasks >= 4 * rayon::current_num_threads()
}

/// Ranges of `count` things, a few for each thread.
pub(crate) fn ranges(count: usize) -> Vec<Range<usize>> {
    let parts = (2 * rayon::current_num_threads()).min(count);
    (0..parts).map(|part| part * count / parts..(part + 1) * count / parts).collect()
}
