//! Pages of volumes: what they hold, how large they are, and that no name gets out of its place.

use std::fs;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use medseg_phantom::PhantomConfig;
use medseg_report::{ReportError, ViewerMask, ViewerOptions, ViewerPage, write_viewer};
use medseg_volume::{Affine, Dhw, Geometry, LabelChoice, ReadOptions, Volume, VolumeFile, read_image, write_image};
use ndarray::{Array3, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// Axes turned, swapped and sheared; every number is an f32, as NIfTI-1 holds them.
const AFFINE: Affine = [[0.0, -0.75, 0.0, 90.5], [0.5, 0.0, 0.25, -30.0], [0.0, 0.0, 2.5, 410.0], [0.0, 0.0, 0.0, 1.0]];

const HOSTILE: &str = "</script><script>document.title='broken'</script><!--<script>\"'&<img src=x onerror=alert(1)>";

fn geometry() -> Geometry {
    Geometry::from_affine(AFFINE).unwrap()
}

fn noise(shape: [usize; 3], value: impl Fn(i32) -> f32) -> Volume<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    Volume::new(Array3::from_shape_fn(shape, |_| value(random.random_range(-1000..1000))), geometry())
}

/// A box of a label.
fn cuboid(image: &Volume<f32>, low: [usize; 3], high: [usize; 3], label: u8) -> Volume<u8> {
    let mut mask = Array3::zeros(image.data.dim());
    mask.slice_mut(s![low[0]..high[0], low[1]..high[1], low[2]..high[2]]).fill(label);
    image.with_data(mask)
}

/// The text of the element of this id.
fn element<'a>(html: &'a str, id: &str) -> &'a str {
    let start = html.find(&format!("id=\"{id}\">")).unwrap_or_else(|| panic!("no {id}"));
    html[start..].split_once('>').unwrap().1.split("</script>").next().unwrap()
}

/// The unpacked NIfTI file of a volume on the page; 0 is the image.
fn file(page: &ViewerPage, at: usize) -> Vec<u8> {
    let packed = STANDARD.decode(element(page.html(), &format!("volume-{at}"))).unwrap();
    let mut bytes = Vec::new();
    GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    bytes
}

fn image_on(page: &ViewerPage) -> Volume<f32> {
    VolumeFile::from_bytes(file(page, 0)).unwrap().image(&ReadOptions::default()).unwrap()
}

fn mask_on(page: &ViewerPage, at: usize) -> Volume<u8> {
    let file = VolumeFile::from_bytes(file(page, at)).unwrap();
    file.label_of(&LabelChoice::All, &ReadOptions::default()).unwrap()
}

#[test]
fn the_page_holds_the_voxels_and_the_affine_that_were_given() {
    for (step, code, bits) in [(1.0, 4, 16), (0.37, 4, 16)] {
        let image = noise([5, 6, 7], |v| v as f32 * step);
        let mask = cuboid(&image, [1, 2, 0], [3, 6, 5], 7);
        let empty = image.map_data(|_| 0);
        let masks = [ViewerMask::new("a", &mask), ViewerMask::new("b", &empty)];
        let page = ViewerPage::new(&image, &masks, &ViewerOptions::default()).unwrap();
        assert!(page.reduction().is_whole());
        let held = image_on(&page);
        assert_eq!(held.geometry.affine(), AFFINE);
        // 65536 steps over the range of 2000 steps; whole numbers exactly.
        let tolerance = if step == 1.0 { 0.0 } else { 0.51 * 2000.0 * step / 65535.0 };
        assert!(held.data.iter().zip(&image.data).all(|(a, b)| (a - b).abs() <= tolerance));
        let header = file(&page, 0);
        assert_eq!((header[70], header[72]), (code, bits));
        for (at, mask) in [(1, &mask), (2, &empty)] {
            assert_eq!(mask_on(&page, at), *mask);
        }
    }
    // Whole numbers up to 255 take a byte each.
    let image = noise([5, 6, 7], |v| (v.rem_euclid(256)) as f32);
    let page = ViewerPage::new(&image, &[], &ViewerOptions::default()).unwrap();
    assert_eq!((file(&page, 0)[70], image_on(&page).data), (2, image.data));
}

#[test]
fn nothing_of_a_files_header_but_the_affine_is_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doe_jane.nii");
    write_image(&path, &noise([3, 4, 5], |v| v as f32)).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[148..156].copy_from_slice(b"DOE JANE");
    fs::write(&path, bytes).unwrap();
    let image = read_image(&path).unwrap();
    assert_eq!(image.geometry.nifti_fields().unwrap().description(), "DOE JANE");
    let mask = image.map_data(|v| u8::from(*v > 0.0));
    let target = folder.path().join("page.html");
    let masks = [ViewerMask::new("mask", &mask)];
    write_viewer(&target, &image, &masks, &ViewerOptions::default()).unwrap();
    let text = fs::read_to_string(&target).unwrap();
    let page = ViewerPage::new(&image, &masks, &ViewerOptions::default()).unwrap();
    assert!(text == page.html(), "the same page again, byte by byte");
    for at in [0, 1] {
        assert!(!file(&page, at).windows(3).any(|w| w == b"DOE"));
        assert!(file(&page, at)[148..228].iter().all(|b| *b == 0));
    }
    assert!(!text.contains("doe_jane") && !text.contains(folder.path().to_str().unwrap()));
}

/// Every element's start with its attributes, in order; fails where an element is not closed in its turn.
fn elements(html: &str) -> Vec<String> {
    let (mut open, mut found, mut rest) = (Vec::new(), Vec::new(), html);
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let (tag, after) = rest.split_once('>').expect("a tag that ends");
        rest = after;
        let name = |tag: &str| tag.split_whitespace().next().unwrap_or_default().to_lowercase();
        if tag.starts_with('!') {
            assert_eq!(tag, "!doctype html");
        } else if let Some(end) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(end.to_string()), "before {}", &rest[..rest.len().min(80)]);
        } else {
            found.push(tag.to_string());
            match name(tag).as_str() {
                "meta" | "input" | "img" | "br" => {}
                raw @ ("script" | "style") => {
                    let end = format!("</{raw}");
                    rest = &rest[rest.to_lowercase().find(&end).expect("an end")..];
                    open.push(raw.to_string());
                }
                other => open.push(other.to_string()),
            }
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
    found
}

#[test]
fn the_page_is_balanced_and_no_name_gets_out_of_its_place() {
    let image = noise([4, 5, 6], |v| v as f32);
    let mask = cuboid(&image, [0, 0, 0], [2, 2, 2], 1);
    let page = |name: &str| {
        let options = ViewerOptions::default().with_title(name);
        let labels = [(1, name.to_string())].into();
        ViewerPage::new(&image, &[ViewerMask::new(name, &mask).with_label_names(&labels)], &options).unwrap()
    };
    let (plain, hostile) = (page("plain"), page(HOSTILE));
    let found = elements(plain.html());
    assert_eq!(found, elements(hostile.html()), "the same elements, whatever the name");
    assert_eq!(found.iter().filter(|tag| **tag == "script").count(), 1);
    assert!(!hostile.html().contains("<img") && !hostile.html().contains("<script>document"));
    let settings: serde_json::Value = serde_json::from_str(element(hostile.html(), "settings")).unwrap();
    assert_eq!(settings["masks"][0]["name"], HOSTILE);
    assert_eq!(settings["masks"][0]["names"]["1"], HOSTILE);
    // The title's placeholders stay what they are.
    assert!(page("{notes}{size}{licences}").html().contains("<h1>{notes}{size}{licences}</h1>"));
}

#[test]
fn the_page_names_no_resource_and_forbids_all_but_its_own_scripts() {
    let image = noise([4, 5, 6], |v| v as f32);
    let page = ViewerPage::new(&image, &[], &ViewerOptions::default()).unwrap();
    let html = page.html();
    for tag in elements(html) {
        for attribute in [" src", " href", " srcset", " action", " data=", " background", " onerror", " onload"] {
            assert!(!tag.contains(attribute), "{tag}");
        }
    }
    let style = html.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    assert!(!style.contains("url(") && !style.contains("@import"));
    let policy = html.split("Content-Security-Policy\" content=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-") && !policy.contains("http"));
    // The two scripts are those whose hashes the policy names.
    let script = html.rsplit("<script>").next().unwrap().split("</script>").next().unwrap();
    let mut niivue = String::new();
    let packed = STANDARD.decode(element(html, "niivue")).unwrap();
    GzDecoder::new(&packed[..]).read_to_string(&mut niivue).unwrap();
    let known = Sha256::digest(&niivue).iter().map(|b| format!("{b:02x}")).collect::<String>();
    assert!(include_str!("../../niivue/README.md").contains(&known), "another NiiVue than its README says");
    for text in [script, &niivue] {
        let hash = format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
        assert!(policy.contains(&hash), "{hash} is not in {policy}");
    }
    assert!(html.contains("Copyright (c) 2021, Niivue"), "its licence asks for the notice");
}

#[test]
fn a_page_keeps_within_its_limit_and_says_how_far_it_was_reduced() {
    let image = noise([24, 60, 64], |v| v as f32);
    let mask = cuboid(&image, [4, 10, 12], [20, 50, 40], 3);
    let masks = [ViewerMask::new("mask", &mask)];
    let page = |bytes| ViewerPage::new(&image, &masks, &ViewerOptions::default().with_max_bytes(bytes));
    let whole = page(usize::MAX).unwrap();
    assert!(whole.reduction().is_whole() && !whole.html().contains("Reduced for this page"));
    let least = ViewerPage::new(&image, &masks, &ViewerOptions::default().with_max_voxels(1)).unwrap().html().len();
    let room = whole.html().len() - least;
    for limit in [whole.html().len(), whole.html().len() - 1, least + room / 2, least + room / 20, least] {
        let page = page(limit).unwrap();
        assert!(page.html().len() <= limit);
        let (held, reduction) = (image_on(&page), page.reduction());
        assert_eq!(reduction.is_whole(), limit == whole.html().len());
        assert_eq!(reduction.is_whole(), !page.html().contains("Reduced for this page"));
        assert_eq!((held.shape(), mask_on(&page, 1).shape()), (reduction.shape(), reduction.shape()));
        if limit > least {
            // It does not give away more than it must: half of the room is used, but where a step is coarse.
            assert!(page.html().len() > least + (limit - least) / 3, "{} of {limit}", page.html().len());
        }
        // The middle of the mask is in it still, at the same place in the patient.
        let held_mask = mask_on(&page, 1);
        let at = held_mask.geometry.world_to_voxel(mask.geometry.voxel_to_world(Dhw { d: 12.0, h: 30.0, w: 26.0 }));
        let [d, h, w] = at.map(|v| v.round() as usize).into_array();
        assert!(limit == least || held_mask.data[[d, h, w]] == 3);
    }
    let error = page(least - 1).unwrap_err();
    assert!(matches!(error, ReportError::Drawing { .. }) && error.to_string().contains(&least.to_string()), "{error}");
    assert!(page(0).is_err());
}

#[test]
fn the_browsers_memory_is_bounded_by_voxels_and_by_the_longest_axis() {
    // It compresses to nothing, so that the page's bytes alone would not bound it.
    let image = Volume::new(Array3::from_elem((100, 100, 100), 5.0), geometry());
    let page = ViewerPage::new(&image, &[], &ViewerOptions::default().with_max_voxels(20_000)).unwrap();
    let shape = page.reduction().shape();
    assert!(shape.voxels() <= 20_000 && shape.voxels() > 5_000, "{shape:?}");
    assert!(image_on(&page).data.iter().all(|v| *v == 5.0));
    let long = Volume::new(Array3::from_elem((2, 5000, 1), 5.0), geometry());
    let page = ViewerPage::new(&long, &[], &ViewerOptions::default()).unwrap();
    assert_eq!(page.reduction().block, Dhw { d: 1, h: 3, w: 1 });
}

#[test]
fn a_crop_keeps_every_voxel_around_the_masks_at_its_place() {
    let image = noise([20, 30, 40], |v| v as f32);
    let (first, second) = (cuboid(&image, [5, 6, 7], [8, 9, 12], 1), cuboid(&image, [6, 6, 7], [9, 9, 14], 2));
    let masks = [ViewerMask::new("a", &first), ViewerMask::new("b", &second)];
    let options = ViewerOptions::default().with_crop_margin_mm(2.0);
    let page = ViewerPage::new(&image, &masks, &options).unwrap();
    let reduction = page.reduction().clone();
    assert!(!reduction.is_whole() && reduction.block == Dhw::splat(1));
    assert!(page.html().contains("Cut for this page to 17 × 9 × 6 of 40 × 30 × 20 voxels around the masks."));
    assert!(!page.html().contains("Reduced for this page"));
    // Planes are 2.5, 0.75 and, sheared, a little less than 0.5 mm apart.
    assert_eq!((reduction.start, reduction.part), (Dhw { d: 4, h: 3, w: 2 }, Dhw { d: 6, h: 9, w: 17 }));
    let held = image_on(&page);
    assert_eq!(held.data, image.data.slice(s![4..10, 3..12, 2..19]));
    assert_eq!(
        held.geometry.voxel_to_world(Dhw::splat(0.0)),
        image.geometry.voxel_to_world(reduction.start.map(|v| v as f64))
    );
    // Without foreground nothing is cut off.
    let empty = image.map_data(|_| 0);
    let page = ViewerPage::new(&image, &[ViewerMask::new("a", &empty)], &options).unwrap();
    assert!(page.reduction().is_whole());
    for margin in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
        ViewerPage::new(&image, &masks, &options.clone().with_crop_margin_mm(margin)).unwrap();
    }
}

#[test]
fn an_image_without_voxels_and_a_mask_on_another_grid_are_errors() {
    let image = noise([4, 5, 6], |v| v as f32);
    let moved = Volume::new(Array3::zeros((4, 5, 6)), image.geometry.cropped(Dhw { d: 1, h: 0, w: 0 }));
    let smaller = Volume::new(Array3::zeros((4, 5, 5)), image.geometry.clone());
    for mask in [&moved, &smaller] {
        let error = ViewerPage::new(&image, &[ViewerMask::new("odd", mask)], &ViewerOptions::default()).unwrap_err();
        assert!(error.to_string().contains("\"odd\" lies on another grid"), "{error}");
    }
    let empty = Volume::new(Array3::zeros((0, 5, 6)), geometry());
    assert!(ViewerPage::new(&empty, &[], &ViewerOptions::default()).is_err());
}

#[test]
fn images_of_any_numbers_make_a_page() {
    let values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-45, -0.0, 0.5];
    for a in values {
        for b in values {
            let image = Volume::new(Array3::from_shape_fn((2, 2, 2), |(z, _, _)| [a, b][z]), geometry());
            let page = ViewerPage::new(&image, &[], &ViewerOptions::default()).unwrap();
            assert!(image_on(&page).data.iter().all(|v| v.is_finite()), "{a} {b}");
            let settings: serde_json::Value = serde_json::from_str(element(page.html(), "settings")).unwrap();
            assert!(settings["windows"][0]["low"].is_number(), "{a} {b}: {settings}");
            assert_eq!(page.html().contains("without a finite value"), !a.is_finite() || !b.is_finite());
        }
    }
}

/// The pages that `.ci/viewer` opens in a browser, in the folder of the variable `MEDSEG_PAGES`.
#[test]
#[ignore = "writes pages for .ci/viewer, which opens them in a browser"]
fn pages_for_a_browser() {
    let folder = std::path::PathBuf::from(std::env::var_os("MEDSEG_PAGES").expect("MEDSEG_PAGES names a folder"));
    let write = |name: &str, image: &Volume<f32>, masks: &[(&str, &Volume<u8>)], options: &ViewerOptions| {
        let masks: Vec<ViewerMask<'_>> = masks.iter().map(|(name, mask)| ViewerMask::new(name, mask)).collect();
        write_viewer(folder.join(name), image, &masks, &options.clone().with_title(name)).unwrap();
    };
    let usual = ViewerOptions::default();
    let (ct, label) = PhantomConfig { scale: 1.5, ..PhantomConfig::default() }.generate(2).unwrap();
    let (image, reference) = (ct.map_data(|v| f32::from(*v)), label.map_data(|v| u8::from(*v != 0)));
    let mut prediction = reference.clone();
    prediction.data.slice_mut(s![3.., 4.., 5..]).assign(&reference.data.slice(s![..-3, ..-4, ..-5]));
    let pair = [("reference", &reference), ("prediction", &prediction)];
    write("phantom.html", &image, &pair, &usual);
    write("labels.html", &image, &[("liver and tumours", &label)], &usual);
    write("reduced.html", &image, &pair, &usual.clone().with_max_bytes(2_000_000));
    write("cropped.html", &image, &pair, &usual.clone().with_crop_margin_mm(20.0));
    write("hostile.html", &image, &[(HOSTILE, &reference)], &usual);
    // Six boxes beside one another, of which the first four are shown at first; axes turned, swapped and sheared.
    let image = noise([60, 60, 60], |v| v as f32 * 0.01);
    let boxes: Vec<Volume<u8>> =
        (0..6).map(|n| cuboid(&image, [10, 10, 9 * n + 4], [50, 50, 9 * n + 9], n as u8 + 1)).collect();
    let names = ["a", "b", "c", "d", "e", "f"];
    write("boxes.html", &image, &names.into_iter().zip(&boxes).collect::<Vec<_>>(), &usual);
}
