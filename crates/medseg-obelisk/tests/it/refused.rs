//! Files that are no weights of this network are refused with their names.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use medseg_obelisk::{ObeliskError, import};

use crate::{imported, weights};

/// The error of an import, whose text names every one of `what`.
#[track_caller]
fn refused(files: &[&Path], what: &[&str]) -> ObeliskError {
    let error = import(files, &Device::flex()).map(|_| ()).expect_err("it is imported");
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    assert!(what.iter().all(|what| text.contains(what)) && !text.contains('\n'), "{text} does not name {what:?}");
    error
}

/// A copy of a file with these bytes instead of those, everywhere.
fn changed(folder: &Path, name: &str, from: &[u8], to: &[u8]) -> PathBuf {
    assert_eq!(from.len(), to.len());
    let mut bytes = fs::read(weights(name)).unwrap();
    let places: Vec<usize> = (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at..at + to.len()].copy_from_slice(to));
    let path = folder.join("changed.pth");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn no_file_is_refused() {
    assert!(matches!(refused(&[], &["no file"]), ObeliskError::NoFile));
}

#[test]
fn files_that_are_not_there_or_no_files_of_pytorch_are_named() {
    let folder = tempfile::tempdir().unwrap();
    refused(&[&folder.path().join("none.pth")], &["none.pth"]);
    refused(&[folder.path()], &[&folder.path().display().to_string()]);
    for (name, content) in [("empty.pth", ""), ("text.pth", "weights"), ("zip.pth", "PK\u{3}\u{4}")] {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        refused(&[&path], &[name]);
    }
    // The second file counts as much as the first.
    refused(&[&weights("tiny"), &folder.path().join("none.pth")], &["none.pth"]);
}

#[test]
fn weights_of_another_network_are_refused() {
    let error = refused(&[&weights("other_network")], &["other_network.pth", "conv77U.weight"]);
    assert!(matches!(error, ObeliskError::OtherNetwork { .. }));
    refused(&[&weights("wrong_shape")], &["wrong_shape.pth", "conv44.weight", "[1, 2, 3, 3, 3]", "[1, 1, 3, 3, 3]"]);
}

#[test]
fn missing_and_additional_tensors_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let rename = |from: &str, to: &str| changed(folder.path(), "tiny", from.as_bytes(), to.as_bytes());
    imported(&["tiny"]);
    refused(
        &[&rename("batch33.running_var", "batch33.running_vra")],
        &["changed.pth", "there is no batch33.running_var"],
    );
    refused(&[&rename("conv6U.bias", "conv6U.bais")], &["changed.pth", "there is no conv6U.bias"]);
    refused(&[&rename("conv7U.weight", "conv8U.weight")], &["changed.pth", "there is no conv7U.weight"]);
    // The counters of the batches are not read; every other key that is left over is another network's.
    let counter = "batch7U.num_batches_tracked";
    refused(&[&rename(counter, "batch7U.num_batches_trackde")], &["changed.pth", "has no batch7U.num_batches_trackde"]);
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    refused(&[&weights("not_a_number")], &["not_a_number.pth", "batch6bU.running_var", "NaN"]);
}

#[test]
fn files_with_different_channels_make_no_bundle() {
    let files = [weights("fold1_old"), weights("tiny")];
    let error = refused(&[&files[0], &files[1]], &["tiny.pth", "channels"]);
    assert!(matches!(error, ObeliskError::OtherNetwork { .. }));
    refused(&[&files[1], &files[0]], &["fold1_old.pth", "channels"]);
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["tiny", "fold1_new"] {
        let bytes = fs::read(weights(name)).unwrap();
        let path = folder.path().join("short.pth");
        let lengths = (1..bytes.len()).step_by(997).chain([bytes.len() - 1, bytes.len() - 8]);
        for length in lengths {
            fs::write(&path, &bytes[..length]).unwrap();
            refused(&[&path], &["short.pth"]);
        }
    }
}
