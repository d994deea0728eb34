//! The disk cache: what is found, what is not, damage, the budget, and data sets on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use medseg_data::{CachedDataset, Case, CompactSample, DiskCache};
use medseg_transforms::Sample;
use medseg_volume::{Dhw, Geometry, error_chain};
use ndarray::Array3;
use tempfile::{TempDir, tempdir};

/// Cases whose images are files of some bytes.
fn cases(folder: &Path, count: usize) -> Vec<Case> {
    let case = |n: usize| {
        let image = folder.join(format!("{n}.nii"));
        fs::write(&image, [n as u8]).unwrap();
        Case::unlabelled(image).unwrap()
    };
    (0..count).map(case).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.file_name().is_none_or(|name| name != "hashes.json"));
    files.sort();
    files
}

fn opened(folder: &TempDir, budget: u64) -> Arc<DiskCache> {
    Arc::new(DiskCache::open(folder.path().join("cache"), budget).unwrap())
}

/// A data set whose items are 1000 bytes made of the file's, and the number of its preparations.
fn dataset(cases: &[Case], memory: usize, disk: &Arc<DiskCache>) -> (CachedDataset<Vec<u8>>, Arc<AtomicUsize>) {
    let prepared = Arc::new(AtomicUsize::new(0));
    let counter = prepared.clone();
    let prepare = move |case: &Case| {
        counter.fetch_add(1, Ordering::SeqCst);
        fs::read(&case.image).map(|bytes| vec![bytes[0]; 1000])
    };
    (CachedDataset::new(cases.to_vec(), memory, prepare, Vec::len).on_disk(disk.clone(), "v1"), prepared)
}

fn check(data: &CachedDataset<Vec<u8>>) {
    for index in 0..data.len() {
        assert_eq!(*data.get(index).unwrap(), vec![index as u8; 1000]);
    }
}

#[test]
fn the_second_run_prepares_nothing_whatever_fits_the_memory() {
    let folder = tempdir().unwrap();
    let cases = cases(folder.path(), 6);
    for (run, memory) in [(0, 0), (1, 2500), (2, usize::MAX), (3, 0)] {
        let (data, prepared) = dataset(&cases, memory, &opened(&folder, 1 << 20));
        data.fill(2, &mut |_| ()).unwrap();
        check(&data);
        assert_eq!(prepared.load(Ordering::SeqCst), if run == 0 { 6 } else { 0 });
        assert!(data.kept_bytes() <= memory && data.stats().disk_error.is_none());
    }
}

#[test]
fn whatever_changes_the_result_changes_the_key_and_nothing_else_does() {
    let folder = tempdir().unwrap();
    let [image, label, moved] = ["a.nii", "b.nii", "c.nii"].map(|name| folder.path().join(name));
    fs::write(&image, b"image").unwrap();
    fs::write(&label, b"label").unwrap();
    let case = Case::new("a", &image, Some(label.clone()));
    let disk = opened(&folder, 1 << 20);
    let first = disk.key(&case, &(1, "window")).unwrap();
    assert_eq!(disk.key(&case, &(1, "window")).unwrap(), first);
    assert_ne!(disk.key(&case, &(2, "window")).unwrap(), first);
    assert_ne!(disk.key(&Case { id: "b".into(), ..case.clone() }, &(1, "window")).unwrap(), first);
    assert_ne!(disk.key(&Case { label: None, ..case.clone() }, &(1, "window")).unwrap(), first);
    for file in [&image, &label] {
        let file = fs::File::options().write(true).open(file).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(5)).unwrap();
    }
    fs::copy(&image, &moved).unwrap();
    assert_eq!(disk.key(&Case { image: moved.clone(), ..case.clone() }, &(1, "window")).unwrap(), first);
    for file in [&image, &label] {
        let before = disk.key(&case, &()).unwrap();
        let (bytes, time) = (fs::read(file).unwrap(), fs::metadata(file).unwrap().modified().unwrap());
        fs::write(file, b"other").unwrap();
        fs::File::options().write(true).open(file).unwrap().set_modified(time).unwrap();
        assert_ne!(disk.key(&case, &()).unwrap(), before);
        fs::write(file, bytes).unwrap();
        assert_eq!(disk.key(&case, &()).unwrap(), before);
    }
    fs::write(&moved, b"channel").unwrap();
    let two = case.clone().with_channels([&moved]);
    let before = disk.key(&two, &()).unwrap();
    assert_ne!(before, disk.key(&case, &()).unwrap());
    fs::write(&moved, b"changed").unwrap();
    assert_ne!(disk.key(&two, &()).unwrap(), before);
    fs::remove_file(&image).unwrap();
    assert!(error_chain(&disk.key(&case, &()).unwrap_err()).contains("a.nii"));
}

/// Every byte of an entry changed, and every length cut off: the item is prepared anew, never wrong, and never a panic.
#[test]
fn damage_anywhere_is_found_and_made_good() {
    let folder = tempdir().unwrap();
    let cases = cases(folder.path(), 1);
    let disk = opened(&folder, 1 << 20);
    let geometry = Geometry::from_spacing(Dhw { d: 2.0, h: 1.0, w: 1.0 }).unwrap();
    let image = Array3::from_shape_fn((2, 3, 4), |(z, y, x)| (z + y * x) as f32);
    let label = Some(image.mapv(|v| u8::from(v > 3.0)));
    let item = CompactSample::new(&Sample::new("0", image, label, geometry));
    let key = disk.key(&cases[0], &"settings").unwrap();
    disk.store(&key, &item).unwrap();
    let path = entries(disk.folder()).remove(0);
    let whole = fs::read(&path).unwrap();
    assert_eq!(disk.load::<CompactSample>(&key), Some(item));
    for at in 0..whole.len() {
        for change in [1, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            fs::write(&path, bytes).unwrap();
            assert_eq!(disk.load::<CompactSample>(&key), None, "byte {at}");
        }
        fs::write(&path, &whole[..at]).unwrap();
        assert_eq!(disk.load::<CompactSample>(&key), None, "cut at {at}");
    }
    fs::write(&path, [&whole[..], &[0]].concat()).unwrap();
    assert_eq!(disk.load::<CompactSample>(&key), None);
    fs::write(&path, &whole).unwrap();
    assert!(disk.load::<Vec<u8>>(&key).is_none(), "another type");

    let (data, _) = dataset(&cases, 0, &disk);
    check(&data);
    let path = entries(disk.folder()).into_iter().find(|path| fs::read(path).unwrap().len() > 1000).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(&path, bytes).unwrap();
    let (data, prepared) = dataset(&cases, 0, &disk);
    check(&data);
    assert_eq!((data.stats().damaged, prepared.load(Ordering::SeqCst)), (1, 1));
    check(&data);
    assert_eq!((data.stats().from_disk, prepared.load(Ordering::SeqCst)), (1, 1));
}

#[test]
fn the_budget_holds_and_old_entries_make_room_but_not_those_of_this_run() {
    let folder = tempdir().unwrap();
    let all = cases(folder.path(), 8);
    // An entry has 1000 bytes and its key.
    let budget = 5 * 1600;
    let disk = opened(&folder, budget);
    let (data, prepared) = dataset(&all, 0, &disk);
    data.fill(3, &mut |_| ()).unwrap();
    let kept = entries(disk.folder()).len();
    assert!((5..8).contains(&kept) && disk.bytes().unwrap() <= budget);
    check(&data);
    assert_eq!(prepared.load(Ordering::SeqCst), 8 + 8 - kept, "entries of this run were removed");

    // Another run with other settings takes the room of the entries that were used longest ago.
    let disk = opened(&folder, budget);
    let prepare = |case: &Case| fs::read(&case.image).map(|bytes| vec![bytes[0]; 1000]);
    let other = CachedDataset::new(all[..2].to_vec(), 0, prepare, Vec::len).on_disk(disk.clone(), "v2");
    check(&other);
    check(&other);
    assert_eq!((other.stats().prepared, other.stats().from_disk), (2, 2));
    assert!(disk.bytes().unwrap() <= budget);
    let none = opened(&folder, 100);
    assert!(!none.store(&none.key(&all[0], &"new").unwrap(), &vec![0u8; 1000]).unwrap());
}

#[test]
fn a_disk_that_fails_costs_time_and_is_told_of() {
    let folder = tempdir().unwrap();
    let cases = cases(folder.path(), 2);
    let disk = opened(&folder, 1 << 20);
    fs::remove_dir(disk.folder()).unwrap();
    let (data, prepared) = dataset(&cases, 0, &disk);
    check(&data);
    check(&data);
    assert_eq!(prepared.load(Ordering::SeqCst), 4);
    assert!(data.stats().disk_error.unwrap().contains("cache"));
    assert!(DiskCache::open(folder.path().join("0.nii"), 1).unwrap_err().to_string().contains("0.nii"));
}

#[test]
fn what_a_killed_process_left_is_removed_and_other_files_are_not() {
    let folder = tempdir().unwrap();
    let cache = folder.path().join("cache");
    fs::create_dir(&cache).unwrap();
    for (name, hours) in
        [(".writing-1.part", 2), (".writing-2.part", 0), ("notes.txt", 9), ("film.part", 9), ("of-another.item", 9)]
    {
        let file = fs::File::create(cache.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3600 * hours)).unwrap();
    }
    DiskCache::open(&cache, 0).unwrap();
    let left = [".writing-2.part", "film.part", "notes.txt", "of-another.item"];
    assert_eq!(entries(&cache), left.map(|name| cache.join(name)));
}

#[test]
fn a_file_that_changes_while_it_is_prepared_is_prepared_again() {
    let folder = tempdir().unwrap();
    let cases = cases(folder.path(), 1);
    let disk = opened(&folder, 1 << 20);
    let prepare = |case: &Case| {
        let read = fs::read(&case.image)?;
        fs::write(&case.image, b"changed")?;
        Ok::<_, std::io::Error>(read)
    };
    let data = CachedDataset::new(cases.clone(), 0, prepare, Vec::len).on_disk(disk.clone(), "v1");
    assert_eq!(*data.get(0).unwrap(), [0]);
    let read = |case: &Case| fs::read(&case.image);
    let data = CachedDataset::new(cases, 0, read, Vec::len).on_disk(disk, "v1");
    assert_eq!(*data.get(0).unwrap(), b"changed");
}

#[test]
fn threads_and_users_share_one_folder() {
    let folder = tempdir().unwrap();
    let cases = cases(folder.path(), 10);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (folder, cases) = (&folder, &cases);
            scope.spawn(move || {
                let (data, _) = dataset(cases, 0, &opened(folder, 1 << 20));
                check(&data);
                check(&data);
            });
        }
    });
    assert_eq!(entries(&folder.path().join("cache")).len(), 10);
}
