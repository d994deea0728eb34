//! Sizes, spacings and settings that are refused, and images of odd values that are not.

use medseg_nnunet::{
    LabelResampling, Normalization, PreprocessConfig, PreprocessError, PreviousStage, ResampleError, Resampling,
    preprocess, resample_image, resample_segmentation, resampled_shape,
};
use ndarray::{Array3, Array4};

const MM: [f64; 3] = [1.0; 3];

fn config() -> PreprocessConfig {
    PreprocessConfig {
        transpose_forward: [0, 1, 2],
        transpose_backward: [0, 1, 2],
        spacing: vec![2.0; 3],
        normalizations: vec![Normalization::ZScore { masked: true }],
        image_resampling: Resampling::default(),
        previous: None,
    }
}

#[test]
fn resampling_refuses_what_it_cannot_do() {
    let image = Array4::zeros((1, 2, 3, 4));
    let spline = Resampling::default();
    let run = |shape, from, how: &Resampling| resample_image(&image, shape, from, MM, how);
    assert!(matches!(run([2, 0, 4], MM, &spline), Err(ResampleError::Empty { .. })));
    assert!(matches!(run([usize::MAX, 3, 4], MM, &spline), Err(ResampleError::TooLarge { .. })));
    assert!(matches!(run([1 << 20, 1 << 20, 1 << 20], MM, &spline), Err(ResampleError::TooLarge { .. })));
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(run([2, 2, 2], [1.0, bad, 1.0], &spline), Err(ResampleError::Spacing { .. })), "{bad}");
    }
    let quadratic = Resampling::Spline { order: 2, order_z: 0, force_separate: None };
    let error = run([2, 2, 2], MM, &quadratic).unwrap_err();
    assert_eq!(error.to_string(), "interpolation order 2 is not available for images; 0, 1 and 3 are");
    assert_eq!(run([9, 9, 9], MM, &Resampling::None).unwrap(), image);
    let empty = Array4::zeros((1, 0, 3, 4));
    assert!(resample_image(&empty, [1, 1, 1], MM, MM, &spline).is_err());
    let mask = Array3::zeros((2, 3, 4));
    let cubic = LabelResampling::Spline { order: 3, force_separate: None, rule: Default::default() };
    assert!(resample_segmentation(&mask, [1, 1, 1], MM, MM, &cubic).is_err());
}

#[test]
fn preprocessing_refuses_what_it_cannot_do() {
    let image = Array4::from_elem((1, 4, 4, 4), 1.0);
    let run = |config: &PreprocessConfig| preprocess(image.clone(), MM, None, config);
    assert!(run(&config()).is_ok());
    let with = |change: &dyn Fn(&mut PreprocessConfig)| {
        let mut config = config();
        change(&mut config);
        run(&config).unwrap_err()
    };
    assert_eq!(with(&|c| c.transpose_forward = [0, 1, 1]), PreprocessError::Axes { axes: [0, 1, 1] });
    assert_eq!(with(&|c| c.transpose_forward = [0, 1, 3]), PreprocessError::Axes { axes: [0, 1, 3] });
    assert_eq!(with(&|c| c.transpose_forward = [1, 2, 0]), PreprocessError::Axes { axes: [0, 1, 2] });
    assert_eq!(with(&|c| c.spacing = vec![1.0]), PreprocessError::Spacing { spacing: vec![1.0] });
    assert!(matches!(with(&|c| c.spacing = vec![f64::NAN; 3]), PreprocessError::Spacing { .. }));
    assert!(matches!(with(&|c| c.spacing = vec![1e300; 3]), PreprocessError::Size { .. }));
    assert!(matches!(with(&|c| c.spacing = vec![1e-300; 3]), PreprocessError::Size { .. }));
    assert!(matches!(with(&|c| c.spacing = vec![1e-7; 3]), PreprocessError::Resample(ResampleError::TooLarge { .. })));
    assert_eq!(with(&|c| c.normalizations.clear()), PreprocessError::Channels { expected: 0, found: 1 });
    let stage = PreviousStage { labels: vec![1], resampling: LabelResampling::default() };
    assert_eq!(with(&|c| c.previous = Some(stage.clone())), PreprocessError::NoPrevious);
    let mask = Array3::zeros((4, 4, 4));
    assert_eq!(preprocess(image.clone(), MM, Some(mask), &config()).unwrap_err(), PreprocessError::Previous);
    let cascade = PreprocessConfig { previous: Some(stage), ..config() };
    let mask = Array3::zeros((4, 4, 5));
    assert!(matches!(preprocess(image.clone(), MM, Some(mask), &cascade), Err(PreprocessError::PreviousShape { .. })));
    assert!(preprocess(Array4::zeros((1, 0, 4, 4)), MM, None, &config()).is_err());
    assert!(preprocess(image.clone(), [1.0, 0.0, 1.0], None, &config()).is_err());
    assert!(resampled_shape([usize::MAX; 3], MM, MM).is_err());
}

#[test]
fn odd_values_are_no_panic() {
    for value in [0.0, f32::NAN, f32::INFINITY, f32::MAX] {
        let mut image = Array4::from_elem((1, 4, 4, 4), 1.0);
        image[[0, 1, 2, 3]] = value;
        let got = preprocess(image, MM, None, &config()).unwrap();
        assert_eq!(got.data.dim(), (1, 2, 2, 2), "{value}");
        let all = Array4::from_elem((1, 4, 4, 4), value);
        assert_eq!(preprocess(all, MM, None, &config()).unwrap().data.dim(), (1, 2, 2, 2), "{value}");
    }
}
