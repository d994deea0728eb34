"""Writes golden files of whole predictions: nnU-Net's logits before the export, and its mask.

Run from the repository's root, with nnunetv2 2.8.1, torch and safetensors installed. Each folder has nnU-Net's model in
`model/`, the channels in `in/`, the mask in `out/`, and for a cascade the previous stage's mask in `prev/`:

    python crates/medseg-nnunet/tests/golden/generate_chain.py FOLDER...
"""

import json
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from nnunetv2.inference.export_prediction import convert_predicted_logits_to_segmentation_with_correct_shape
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.utilities.label_handling.label_handling import convert_labelmap_to_one_hot
from safetensors.numpy import save_file

OUT = Path("crates/medseg-nnunet/tests/golden/chain")


def chain(folder):
    torch.set_num_threads(1)
    predictor = nnUNetPredictor(perform_everything_on_device=False, device=torch.device("cpu"), allow_tqdm=False)
    folds = tuple(range(len(list((folder / "model").glob("fold_*")))))
    predictor.initialize_from_trained_model_folder(str(folder / "model"), folds, "checkpoint_final.pth")
    plans, config, labels = predictor.plans_manager, predictor.configuration_manager, predictor.label_manager
    previous = next(iter((folder / "prev").glob("*.nii.gz")), None) if (folder / "prev").exists() else None
    files = sorted(str(path) for path in (folder / "in").glob("*.nii.gz"))
    run = config.preprocessor_class(verbose=False).run_case
    data, seg, properties = run(files, previous and str(previous), plans, config, predictor.dataset_json)
    if previous:
        data = np.vstack((data, convert_labelmap_to_one_hot(seg[0], labels.foreground_labels, data.dtype)))
    logits = predictor.predict_logits_from_preprocessed_data(torch.from_numpy(data).float())
    mask = convert_predicted_logits_to_segmentation_with_correct_shape(logits, plans, config, labels, properties)
    stored = sitk.GetArrayFromImage(sitk.ReadImage(str(next((folder / "out").glob("*.nii.gz")))))
    assert np.array_equal(mask, stored), folder
    image = [properties["spacing"][axis] for axis in plans.transpose_forward]
    network = list(config.spacing) if len(config.spacing) == 3 else [image[0], *config.spacing]
    params = {
        "cropped": list(properties["shape_after_cropping_and_before_resampling"]),
        "full": list(properties["shape_before_cropping"]),
        "start": [low for low, _ in properties["bbox_used_for_cropping"]],
        "transpose_backward": list(plans.transpose_backward),
        "spacing": [network, image],
        "regions": predictor.dataset_json.get("regions_class_order"),
    }
    params = json.loads(json.dumps(params, default=lambda value: value.item()))
    case = json.dumps({"params": params, "tolerance": {"rtol": 0.0, "atol": 0.0}}, sort_keys=True)
    tensors = {"logits": np.ascontiguousarray(logits.numpy()).view(np.uint16), "expected": np.ascontiguousarray(mask)}
    OUT.mkdir(exist_ok=True)
    save_file(tensors, OUT / f"{folder.name}.safetensors", {"case": case})


if __name__ == "__main__":
    for name in sys.argv[1:]:
        chain(Path(name))
