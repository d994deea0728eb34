//! Bounds on what is in memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use medseg_cohort::{Case, CaseError, CaseFiles, CaseSummary, Cohort, FindOptions, RunOptions, Staging, find};

use crate::support::{Place, model, quick};

/// Counts what is in memory.
#[derive(Default)]
struct Counted {
    inputs: Most,
    bytes: Most,
    outputs: Most,
}

#[derive(Default)]
struct Most {
    now: AtomicU64,
    most: AtomicU64,
}

impl Most {
    fn add(&self, by: u64) {
        let now = self.now.fetch_add(by, Ordering::SeqCst) + by;
        self.most.fetch_max(now, Ordering::SeqCst);
    }

    fn most(&self) -> u64 {
        self.most.load(Ordering::SeqCst)
    }
}

struct Input<'a>(&'a Counted, u64);

impl Drop for Input<'_> {
    fn drop(&mut self) {
        self.0.inputs.now.fetch_sub(1, Ordering::SeqCst);
        self.0.bytes.now.fetch_sub(self.1, Ordering::SeqCst);
    }
}

struct Output<'a>(&'a Counted);

impl Drop for Output<'_> {
    fn drop(&mut self) {
        self.0.outputs.now.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<'a> CaseFiles for &'a Counted {
    type Input = Input<'a>;
    type Output = Output<'a>;

    fn endings(&self) -> Vec<String> {
        vec![".txt".into()]
    }

    fn bytes(&self, case: &Case) -> u64 {
        std::fs::metadata(&case.files()[0]).unwrap().len()
    }

    fn read(&self, case: &Case) -> Result<Input<'a>, CaseError> {
        let bytes = self.bytes(case);
        self.inputs.add(1);
        self.bytes.add(bytes);
        Ok(Input(self, bytes))
    }

    fn write(&self, _case: &Case, _output: Output<'a>, staging: &Staging) -> Result<CaseSummary, CaseError> {
        std::fs::write(staging.file(".txt"), "x")?;
        std::thread::sleep(Duration::from_millis(2));
        Ok(CaseSummary::default())
    }
}

fn run(place: &Place, options: RunOptions, slow: Duration) -> Counted {
    let counted = Counted::default();
    let found = find(&[place.input()], &FindOptions::default()).unwrap();
    let cohort = Cohort::new(place.out(), model()).with_options(options);
    let report = cohort.run(&found, &&counted, |_, input| {
        std::thread::sleep(slow);
        input.0.outputs.add(1);
        Ok(Output(input.0))
    });
    assert!(report.unwrap().is_complete());
    counted
}

#[test]
fn no_more_inputs_and_outputs_wait_than_allowed() {
    for (read_ahead, readers) in [(0, 1), (1, 1), (3, 4)] {
        let place = Place::new(24);
        let options = quick().with_read_ahead(read_ahead).with_readers(readers).with_write_behind(1);
        let counted = run(&place, options, Duration::from_millis(4));
        assert!(counted.inputs.most() <= read_ahead as u64 + 1, "{}", counted.inputs.most());
        assert!(counted.outputs.most() <= 2);
        // The bound is used: reading does go ahead.
        assert!(counted.inputs.most() > u64::from(read_ahead > 0));
    }
}

#[test]
fn the_bytes_of_inputs_stay_within_the_budget_but_for_one_that_is_larger_alone() {
    let place = Place::new(12);
    place.put("site_0/large.nii", &[1; 9000]);
    let options = quick().with_read_ahead(8).with_readers(3).with_input_bytes(3000);
    let counted = run(&place, options, Duration::from_millis(2));
    assert_eq!(counted.bytes.most(), 9000, "the large one came alone");
    std::fs::remove_file(place.input().join("site_0/large.nii")).unwrap();
    let fresh = Place::new(12);
    let options = quick().with_read_ahead(8).with_readers(3).with_input_bytes(3000);
    let counted = run(&fresh, options, Duration::from_millis(2));
    assert!((1001..=3000).contains(&counted.bytes.most()), "{}", counted.bytes.most());
}
