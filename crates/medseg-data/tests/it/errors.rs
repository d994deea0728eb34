//! Texts of errors name their case once, whoever names it.

use std::error::Error;

use medseg_data::{CachedDataset, Case, ChannelFault, DataError, case_reason};
use medseg_transforms::TransformError;
use medseg_volume::error_chain;

type Boxed = Box<dyn Error + Send + Sync>;

/// An error of another crate that names the case, or passes its source's message on.
#[derive(Debug, thiserror::Error)]
enum Foreign {
    #[error("case {id}")]
    Case { id: String, source: Box<Foreign> },
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Transform(#[from] TransformError),
    #[error("{0}")]
    Text(&'static str),
}

const ID: &str = "c1";

fn in_case(source: TransformError) -> TransformError {
    TransformError::Case { id: ID.into(), source: Box::new(source) }
}

fn in_step(source: TransformError) -> TransformError {
    TransformError::Step { number: 0, transform: "Spacing".into(), source: Box::new(source) }
}

fn prepare(source: impl Into<Boxed>) -> DataError {
    DataError::Prepare { case: ID.into(), source: source.into() }
}

fn foreign(source: impl Into<Foreign>) -> Foreign {
    Foreign::Case { id: ID.into(), source: Box::new(source.into()) }
}

/// Every way to an error whose text is `case c1: ...`, with its reason.
fn errors() -> Vec<(Boxed, &'static str)> {
    let (no_label, step) = ("the sample has no label", "step 1 (Spacing): the sample has no label");
    let channels = |source| DataError::Channels { case: ID.into(), source };
    let missing = || channels(ChannelFault::Missing { path: "c1_0001.nii".into() });
    let several = || channels(ChannelFault::Several { channels: 2 });
    let surplus = || channels(ChannelFault::Surplus { path: "c1_0001.nii".into(), channels: 1 });
    vec![
        (TransformError::NoLabel.into(), no_label),
        (in_case(TransformError::NoLabel).into(), no_label),
        (in_case(in_case(TransformError::NoLabel)).into(), no_label),
        (in_case(in_step(in_case(TransformError::NoLabel))).into(), step),
        (in_step(in_case(TransformError::NoLabel)).into(), step),
        (prepare(TransformError::NoLabel).into(), no_label),
        (prepare(in_case(TransformError::NoLabel)).into(), no_label),
        (prepare(prepare(TransformError::NoLabel)).into(), no_label),
        (foreign(TransformError::NoLabel).into(), no_label),
        (foreign(in_case(TransformError::NoLabel)).into(), no_label),
        (foreign(prepare("gone")).into(), "gone"),
        (prepare(foreign(prepare("gone"))).into(), "gone"),
        (foreign(foreign(Foreign::Text("bad"))).into(), "bad"),
        (missing().into(), "the channel c1_0001.nii is missing"),
        (foreign(missing()).into(), "the channel c1_0001.nii is missing"),
        (surplus().into(), "c1_0001.nii is one channel too many: the data set has 1"),
        (several().into(), "it has 2 channels where one can be used"),
    ]
}

#[test]
fn a_cache_names_the_case_once() {
    for index in 0..errors().len() {
        let prepare = move |_: &Case| Err::<u8, Boxed>(errors().remove(index).0);
        let data = CachedDataset::new(vec![Case::new(ID, "c1.nii", None)], 0, prepare, |_| 1);
        let error = data.get(0).unwrap_err();
        assert_eq!(error_chain(&error), format!("case {ID}: {}", errors()[index].1), "{error:?}");
        assert_eq!(case_reason(ID, &error), errors()[index].1, "{error:?}");
    }
}

#[test]
fn a_reason_has_no_name_of_its_case_but_those_of_others() {
    for (error, reason) in errors() {
        assert_eq!(case_reason(ID, &*error), reason);
    }
    let other = TransformError::Case { id: "c12".into(), source: Box::new(TransformError::NoLabel) };
    assert_eq!(case_reason(ID, &prepare(other)), "case c12: the sample has no label");
}
