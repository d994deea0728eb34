//! The loader: order, errors, panics, early ends, and no thread left behind.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use medseg_data::{Loader, LoaderOptions, rng_for};
use proptest::prelude::*;
use rand::RngExt;

/// A function that takes longer for some indices, so that later items are ready before earlier ones.
fn uneven(index: usize) -> f64 {
    let mut rng = rng_for(3, 0, index as u32);
    std::thread::sleep(Duration::from_micros(rng.random_range(0..400)));
    rng.random()
}

fn options(workers: usize, prefetch: usize) -> LoaderOptions {
    LoaderOptions { workers, prefetch }
}

#[test]
fn items_come_in_order_and_are_the_same_for_any_number_of_workers() {
    let expected: Vec<f64> = (0..60).map(uneven).collect();
    for (workers, prefetch) in [(0, 1), (1, 1), (2, 1), (2, 5), (8, 3), (8, 200), (3, 0)] {
        let loader = Loader::new(60, options(workers, prefetch), |n| Ok::<_, String>(uneven(n)));
        let items: Vec<f64> = loader.map(Result::unwrap).collect();
        assert_eq!(items, expected, "{workers} workers, prefetch {prefetch}");
    }
}

#[test]
fn the_items_ahead_of_the_consumer_are_bounded() {
    let started = Arc::new(AtomicUsize::new(0));
    let counter = started.clone();
    let mut loader = Loader::new(1000, options(4, 6), move |n| {
        counter.fetch_add(1, Ordering::SeqCst);
        Ok::<_, String>(n)
    });
    for taken in 1..=20 {
        loader.next().unwrap().unwrap();
        std::thread::sleep(Duration::from_millis(2));
        let ahead = started.load(Ordering::SeqCst) - taken;
        assert!(ahead <= 6, "{ahead} items ahead after {taken}");
    }
}

#[test]
fn the_workers_run_ahead_while_the_consumer_works() {
    let started = Arc::new(AtomicUsize::new(0));
    let counter = started.clone();
    let _loader = Loader::new(10, options(1, 3), move |n| {
        counter.fetch_add(1, Ordering::SeqCst);
        Ok::<_, String>(n)
    });
    let patience = (0..2000).find(|_| {
        std::thread::sleep(Duration::from_millis(1));
        started.load(Ordering::SeqCst) == 3
    });
    assert!(patience.is_some(), "only {} of 3 items were prepared ahead", started.load(Ordering::SeqCst));
}

/// An item that counts itself.
struct Counted(Arc<[AtomicUsize; 2]>);

impl Counted {
    /// `of` holds the number of items alive and the most there ever were.
    fn new(of: &Arc<[AtomicUsize; 2]>) -> Self {
        let alive = of[0].fetch_add(1, Ordering::SeqCst) + 1;
        of[1].fetch_max(alive, Ordering::SeqCst);
        Self(of.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0[0].fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn never_more_items_are_alive_than_are_prefetched_and_the_one_in_use() {
    for (workers, prefetch) in [(0, 3), (1, 0), (2, 1), (2, 4), (8, 3)] {
        let alive = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let counters = alive.clone();
        let loader = Loader::new(200, options(workers, prefetch), move |_| Ok::<_, String>(Counted::new(&counters)));
        for (taken, item) in loader.enumerate() {
            let _item = item.unwrap();
            if taken % 50 == 0 {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        let (left, most) = (alive[0].load(Ordering::SeqCst), alive[1].load(Ordering::SeqCst));
        assert!(left == 0 && most <= prefetch.max(1) + 1, "{workers} workers, prefetch {prefetch}: {most} items");
    }
}

#[test]
fn waiting_is_measured() {
    let slow = |n: usize| {
        std::thread::sleep(Duration::from_millis(20));
        Ok::<_, String>(n)
    };
    // The consumer does nothing, so it waits for nearly all of 5 · 20 ms, on whatever thread they pass.
    for workers in [0, 1] {
        let mut loader = Loader::new(5, options(workers, 2), slow);
        assert_eq!(loader.by_ref().count(), 5);
        assert!(loader.waited() >= Duration::from_millis(80), "{:?}", loader.waited());
    }
    // It works twice as long as an item takes: after the first, items are ready.
    let mut loader = Loader::new(5, options(2, 2), slow);
    for _ in loader.by_ref() {
        std::thread::sleep(Duration::from_millis(100));
    }
    // Far below the 100 ms that the preparations take, with room for a busy machine.
    assert!(loader.waited() < Duration::from_millis(90), "{:?}", loader.waited());
}

#[test]
fn a_panic_goes_on_in_the_consumer_in_its_place() {
    for workers in [0, 1, 4] {
        let alive = Arc::new(());
        let held = alive.clone();
        let mut loader = Loader::new(20, options(workers, 4), move |n| {
            let _held = &held;
            assert!(n != 7, "item seven is bad");
            Ok::<_, String>(n)
        });
        for n in 0..7 {
            assert_eq!(loader.next(), Some(Ok(n)));
        }
        let payload = catch_unwind(AssertUnwindSafe(|| loader.next())).unwrap_err();
        let message = payload.downcast_ref::<&str>().map(ToString::to_string);
        let message = message.or_else(|| payload.downcast_ref::<String>().cloned());
        assert_eq!(message.as_deref(), Some("item seven is bad"));
        drop(loader);
        assert_eq!(Arc::strong_count(&alive), 1, "a thread still holds the function");
    }
}

#[test]
fn an_empty_loader_ends_at_once() {
    let mut loader = Loader::new(0, LoaderOptions::default(), |_| Err::<(), _>("never asked"));
    assert_eq!(loader.next(), None);
    assert_eq!(loader.next(), None);
}

#[test]
fn default_options_have_a_worker() {
    let options = LoaderOptions::default();
    assert!((1..=4).contains(&options.workers) && options.prefetch == 2 * options.workers);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    /// Whatever the sizes, a failing item ends the sequence in its place, and dropping at any moment frees the function
    /// (which only joined threads do).
    #[test]
    fn failing_and_dropping_end_cleanly(
        count in 0usize..40,
        workers in 0usize..6,
        prefetch in 0usize..12,
        fails_at in prop::option::of(0usize..40),
        taken in 0usize..45,
    ) {
        let alive = Arc::new(());
        let held = alive.clone();
        let loader = Loader::new(count, options(workers, prefetch), move |n| {
            let _held = &held;
            std::thread::sleep(Duration::from_micros((n as u64 * 37) % 90));
            if Some(n) == fails_at { Err(n) } else { Ok(n) }
        });
        let items: Vec<Result<usize, usize>> = loader.take(taken).collect();
        let end = fails_at.map_or(count, |n| count.min(n + 1)).min(taken);
        let expected: Vec<_> = (0..end).map(|n| if Some(n) == fails_at { Err(n) } else { Ok(n) }).collect();
        prop_assert_eq!(items, expected);
        prop_assert_eq!(Arc::strong_count(&alive), 1);
    }
}
