//! Cases of a step that share the threads give the bits that they give one after another.

use std::fs;

use medseg_report::RunFolder;
use medseg_train::Experiment;

use crate::support::{history, request, run, tiny, write_cases};

#[test]
fn weights_and_history_do_not_depend_on_the_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    write_cases(&data);
    let mut config = tiny(Experiment::OneStage);
    config.fine.network.as_unet_mut().unwrap().dropout = 0.0;
    // Four training cases: a step of three and one of one.
    config.fine.gradient.accumulate = 3;
    config.fine.crops.by_class = true;
    let results = [1, 2, 5].map(|threads| {
        let out = folder.path().join(format!("out{threads}"));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(&request(config.clone(), &data, &out))).unwrap();
        let stage = RunFolder::new(&out).stage("one_stage");
        (fs::read(stage.best_weights()).unwrap(), history(stage.path()))
    });
    assert!(results[0].0 == results[1].0 && results[0].0 == results[2].0);
    assert_eq!(results[0].1, results[1].1);
    assert_eq!(results[0].1, results[2].1);
}
