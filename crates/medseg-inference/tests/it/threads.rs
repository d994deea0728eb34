//! Types that cross threads.

use medseg_inference::{
    Cascade, CascadeConfig, CascadeOutput, InferenceError, Located, PlanCost, PostProcessing, SlidingWindow,
    SlidingWindowConfig, WindowPlan,
};

#[test]
fn settings_engines_and_results_are_send_and_sync() {
    fn crosses<T: Send + Sync>() {}
    crosses::<(SlidingWindowConfig, SlidingWindow, WindowPlan, PlanCost)>();
    crosses::<(CascadeConfig, Cascade, Located, CascadeOutput)>();
    crosses::<(PostProcessing, InferenceError)>();
}
