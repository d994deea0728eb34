//! Types that cross threads.

use medseg_bundle::{Bundle, BundleConfig, BundleError, Prediction, PredictionPlan};

#[test]
fn bundles_and_their_results_are_send_and_sync() {
    fn crosses<T: Send + Sync>() {}
    crosses::<(Bundle, BundleConfig, BundleError, Prediction, PredictionPlan)>();
}
