//! The cache: what it keeps, what it prepares anew, and its errors.

use medseg_volume::error_chain;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use medseg_data::{CachedDataset, Case};

fn cases(count: usize) -> Vec<Case> {
    (0..count).map(|n| Case::unlabelled(format!("{n}.nii")).unwrap()).collect()
}

/// Items of 100 bytes, and a counter of the preparations.
fn counted(count: usize, budget: usize) -> (CachedDataset<Vec<u8>>, Arc<AtomicUsize>) {
    let prepared = Arc::new(AtomicUsize::new(0));
    let counter = prepared.clone();
    let prepare = move |case: &Case| {
        counter.fetch_add(1, Ordering::SeqCst);
        std::thread::yield_now();
        case.id.parse().map(|n: u8| vec![n; 100])
    };
    (CachedDataset::new(cases(count), budget, prepare, Vec::len), prepared)
}

#[test]
fn items_within_the_budget_are_prepared_once_and_the_others_each_time() {
    let (data, prepared) = counted(5, 350);
    for round in 0..4 {
        for index in 0..5 {
            assert_eq!(*data.get(index).unwrap(), vec![index as u8; 100]);
        }
        assert_eq!(prepared.load(Ordering::SeqCst), 5 + 2 * round);
        assert_eq!((data.kept_bytes(), data.kept_cases()), (300, 3));
    }
    assert!(Arc::ptr_eq(&data.get(0).unwrap(), &data.get(0).unwrap()));
    assert!(!Arc::ptr_eq(&data.get(4).unwrap(), &data.get(4).unwrap()));
}

#[test]
fn the_extreme_budgets_keep_nothing_and_everything() {
    let (nothing, prepared) = counted(3, 0);
    let (everything, prepared_once) = counted(3, usize::MAX);
    for _ in 0..2 {
        for index in 0..3 {
            assert_eq!(nothing.get(index).unwrap(), everything.get(index).unwrap());
        }
    }
    assert_eq!((nothing.kept_cases(), prepared.load(Ordering::SeqCst)), (0, 6));
    assert_eq!((everything.kept_cases(), prepared_once.load(Ordering::SeqCst)), (3, 3));
}

#[test]
fn threads_that_ask_at_once_share_one_preparation() {
    let (data, prepared) = counted(8, 8 * 100);
    std::thread::scope(|scope| {
        for start in 0..6 {
            let data = &data;
            scope.spawn(move || {
                for n in 0..8 {
                    let index = (n + start) % 8;
                    assert_eq!(data.get(index).unwrap()[0], index as u8);
                }
            });
        }
    });
    assert_eq!(prepared.load(Ordering::SeqCst), 8);
    assert_eq!(data.kept_bytes(), 800);
}

#[test]
fn an_error_names_the_case_and_the_next_call_tries_again() {
    let tries = AtomicUsize::new(0);
    let prepare = move |_: &Case| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => Err("the disc is not there"),
        _ => Ok(7u8),
    };
    let data = CachedDataset::new(vec![Case::unlabelled("liver_7.nii").unwrap()], 10, prepare, |_| 1);
    let message = error_chain(&data.get(0).unwrap_err());
    assert_eq!(message, "case liver_7: the disc is not there");
    assert_eq!(*data.get(0).unwrap(), 7);
    assert_eq!(data.kept_bytes(), 1);
}

#[test]
fn a_panic_in_the_preparation_names_the_case_and_does_not_lock_it() {
    let tries = AtomicUsize::new(0);
    let prepare = move |_: &Case| {
        let before = tries.fetch_add(1, Ordering::SeqCst);
        assert!(before > 0, "the first of {} tries", before + 2);
        Ok::<_, String>(1u8)
    };
    let data = CachedDataset::new(cases(1), 10, prepare, |_| 1);
    assert_eq!(error_chain(&data.get(0).unwrap_err()), "case 0: panicked: the first of 2 tries");
    assert_eq!(*data.get(0).unwrap(), 1);
}

#[test]
fn filling_keeps_what_fits_and_tells_of_each_case() {
    for threads in [0, 1, 2, 8] {
        let (data, prepared) = counted(20, 20 * 100);
        let mut seen = Vec::new();
        data.fill(threads, &mut |progress| seen.push((progress.done, progress.cases))).unwrap();
        assert_eq!(seen, (1..=20).map(|done| (done, 20)).collect::<Vec<_>>());
        assert_eq!((data.kept_cases(), data.kept_bytes(), prepared.load(Ordering::SeqCst)), (20, 2000, 20));
        data.fill(threads, &mut |_| ()).unwrap();
        assert_eq!((prepared.load(Ordering::SeqCst), data.stats().from_memory), (20, 20));
    }
    // What does not fit is not prepared in vain, but for one case a thread.
    let (data, prepared) = counted(20, 550);
    data.fill(2, &mut |_| ()).unwrap();
    assert!(data.kept_cases() == 5 && prepared.load(Ordering::SeqCst) <= 7);
    assert_eq!(*data.get(19).unwrap(), vec![19; 100]);
    counted(0, 0).0.fill(3, &mut |_| panic!("no case")).unwrap();
}

#[test]
fn filling_ends_with_the_error_of_the_first_case_that_fails() {
    for threads in [1, 2, 8] {
        let prepare = |case: &Case| match case.id.as_str() {
            // The later one fails sooner.
            "3" => {
                std::thread::sleep(Duration::from_millis(5));
                Err("bad")
            }
            "5" => Err("worse"),
            _ => Ok(()),
        };
        let data = CachedDataset::new(cases(50), 50, prepare, |_| 1);
        assert_eq!(error_chain(&data.fill(threads, &mut |_| ()).unwrap_err()), "case 3: bad");
        assert!(data.kept_cases() < 49);
    }
}

/// Whoever asks, and however much is kept: the items are those that a fresh preparation gives.
#[test]
fn the_bytes_alive_are_those_kept_and_one_item_a_thread() {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    struct Item(usize);
    impl Drop for Item {
        fn drop(&mut self) {
            ALIVE.fetch_sub(100, Ordering::SeqCst);
        }
    }
    let prepare = |case: &Case| {
        let alive = ALIVE.fetch_add(100, Ordering::SeqCst) + 100;
        MOST.fetch_max(alive, Ordering::SeqCst);
        case.id.parse().map(Item)
    };
    let (threads, budget) = (4, 1050);
    let data = CachedDataset::new(cases(40), budget, prepare, |_| 100);
    std::thread::scope(|scope| {
        for start in 0..threads {
            let data = &data;
            scope.spawn(move || {
                for n in 0..120 {
                    let index = (7 * n + start) % 40;
                    assert_eq!(data.get(index).unwrap().0, index);
                }
            });
        }
    });
    assert_eq!(data.kept_bytes(), 1000);
    let most = MOST.load(Ordering::SeqCst);
    assert!(most <= budget + threads * 100, "{most} bytes");
    drop(data);
    assert_eq!(ALIVE.load(Ordering::SeqCst), 0);
}

#[test]
fn a_dataset_may_be_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&counted(1, 1).0);
}
