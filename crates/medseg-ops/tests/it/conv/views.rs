//! Tensors that do not lie one value after the other.

use burn::tensor::{Device, Tensor};
use medseg_ops::conv3d;

use super::compare::SAME;
use crate::numbers::{Numbers, values};

fn copy(view: &Tensor<5>) -> Tensor<5> {
    Tensor::from_data(view.clone().into_data(), &view.device())
}

#[test]
fn a_view_of_the_input_gives_what_its_copy_gives() {
    let (mut numbers, device) = (Numbers::new(1), Device::flex());
    let x = numbers.tensor([2, 6, 5, 9, 7], &device);
    let w = numbers.tensor([6, 4, 3, 3, 3], &device);
    let views = [
        x.clone().slice([0..2, 1..5, 0..5, 2..8, 1..6]),
        x.clone().permute([0, 1, 3, 4, 2]).narrow(1, 2, 4),
        x.clone().flip([2, 4]).narrow(1, 0, 4),
        x.narrow(0, 1, 1).narrow(1, 2, 4).expand([3, 4, 5, 9, 7]),
    ];
    for (n, view) in views.into_iter().enumerate() {
        let same = conv3d(copy(&view), w.clone(), None, SAME);
        assert_eq!(values(conv3d(view, w.clone(), None, SAME)), values(same), "view {n}");
    }
}

#[test]
fn a_view_of_the_weights_gives_what_its_copy_gives() {
    let (mut numbers, device) = (Numbers::new(2), Device::flex());
    let x = numbers.tensor([1, 4, 5, 6, 7], &device);
    let w = numbers.tensor([4, 6, 3, 3, 3], &device);
    for view in [w.clone().swap_dims(0, 1), w.clone().narrow(1, 1, 4), w.narrow(1, 2, 4).flip([2, 3, 4])] {
        let same = conv3d(x.clone(), copy(&view), None, SAME);
        assert_eq!(values(conv3d(x.clone(), view, None, SAME)), values(same));
    }
}

#[test]
fn a_view_of_the_gradient_gives_what_its_copy_gives() {
    let (mut numbers, device) = (Numbers::new(3), Device::flex().autodiff());
    let x = numbers.tensor([2, 3, 4, 5, 6], &device).require_grad();
    let w = numbers.tensor([5, 3, 3, 3, 3], &device).require_grad();
    let cotangent = numbers.tensor([6, 5, 4, 5, 2], &device);
    // The permutation turns the contiguous cotangent of its output into a permuted one of the convolution's.
    let permuted = conv3d(x.clone(), w.clone(), None, SAME).permute([4, 3, 2, 1, 0]);
    let grads = (permuted * cotangent.clone()).sum().backward();
    let contiguous = Tensor::from_data(cotangent.permute([4, 3, 2, 1, 0]).into_data(), &device);
    let want = (conv3d(x.clone(), w.clone(), None, SAME) * contiguous).sum().backward();
    assert_eq!(values(x.grad(&grads).unwrap()), values(x.grad(&want).unwrap()));
    assert_eq!(values(w.grad(&grads).unwrap()), values(w.grad(&want).unwrap()));
}
