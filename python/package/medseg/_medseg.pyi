from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, TypeAlias, TypedDict, final

import numpy as np
import numpy.typing as npt

_Path: TypeAlias = str | PathLike[str]
_Triple: TypeAlias = float | tuple[float, float, float]
"""One number for all axes, or one each along x, y and z."""
_Sizes: TypeAlias = int | tuple[int, int, int]
_Labels: TypeAlias = Volume | npt.ArrayLike
"""A mask or label map [x, y, z] of truth values or whole numbers."""
_Empty: TypeAlias = Literal["skip_empty_reference", "skip_both_empty", "score_all"]

__version__: str

class MedsegError(ValueError): ...
class MedsegWarning(UserWarning): ...

@final
class Volume:
    def __new__(cls, array: npt.ArrayLike, affine: Any | None = None, *, spacing: _Triple | None = None) -> Volume: ...
    @property
    def array(self) -> npt.NDArray[Any]: ...
    @property
    def affine(self) -> npt.NDArray[np.float64]: ...
    @property
    def spacing(self) -> tuple[float, float, float]: ...
    @property
    def orientation(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    def with_array(self, array: npt.ArrayLike) -> Volume: ...
    def reoriented(self, to: str) -> Volume: ...
    def same_grid(self, other: Volume, *, tolerance_mm: float = 0.01) -> bool: ...
    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]: ...

@final
class VolumeInfo:
    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def channels(self) -> int: ...
    @property
    def dtype(self) -> str: ...
    @property
    def scaling(self) -> tuple[float, float] | None: ...
    @property
    def warnings(self) -> list[str]: ...
    @property
    def affine(self) -> npt.NDArray[np.float64]: ...
    @property
    def spacing(self) -> tuple[float, float, float]: ...
    @property
    def orientation(self) -> str: ...

def read_info(path: _Path) -> VolumeInfo: ...
def read_image(
    path: _Path,
    *,
    series: str | None = None,
    accept_tilt: bool = False,
    invert_monochrome1: bool = False,
    max_bytes: int | None = None,
) -> Volume: ...
def read_label(path: _Path, *, dtype: Literal["uint8", "int32"] = "uint8", max_bytes: int | None = None) -> Volume: ...
def read_channels(path: _Path, *, max_bytes: int | None = None) -> Volume: ...
def read_stored(path: _Path, *, max_bytes: int | None = None) -> Volume: ...
def read_segmentation(path: _Path, *, like: Volume | None = None) -> tuple[Volume, dict[int, str]]: ...
def write_image(path: _Path, volume: Volume, *, level: int | None = None) -> None: ...
def write_label(path: _Path, volume: Volume, *, level: int | None = None) -> None: ...
def write_segmentation(
    path: _Path,
    mask: Volume,
    names: Mapping[int, str] | None = None,
    *,
    series: _Path | None = None,
    label_map: bool = False,
) -> None: ...

@final
class Transform: ...

@final
class Pipeline:
    def __new__(cls, transforms: Sequence[Transform]) -> Pipeline: ...
    @staticmethod
    def from_json(text: str) -> Pipeline: ...
    def to_json(self) -> str: ...
    def __call__(self, image: Volume, label: _Labels | None = None, *, seed: int = 0) -> Transformed: ...
    def __len__(self) -> int: ...

@final
class Transformed:
    @property
    def image(self) -> Volume: ...
    @property
    def label(self) -> Volume | None: ...
    def undo(self, mask: _Labels) -> Volume: ...
    def undo_image(self, image: Volume | npt.ArrayLike) -> Volume: ...

class _LabelScores(TypedDict):
    label: int
    dice: float
    iou: float
    precision: float
    recall: float
    specificity: float
    hd_mm: float
    hd95_mm: float
    assd_mm: float
    surface_dice: float
    volume_ml_reference: float
    volume_ml_predicted: float
    relative_volume_difference: float

def dice(
    prediction: _Labels, reference: _Labels, *, label: int | None = None, empty: _Empty = "skip_empty_reference"
) -> float: ...
def iou(
    prediction: _Labels, reference: _Labels, *, label: int | None = None, empty: _Empty = "skip_empty_reference"
) -> float: ...
def hd95(
    prediction: _Labels, reference: _Labels, spacing: _Triple | None = None, *, label: int | None = None
) -> float: ...
def hausdorff(
    prediction: _Labels,
    reference: _Labels,
    spacing: _Triple | None = None,
    *,
    percentile: float | None = None,
    label: int | None = None,
) -> float: ...
def assd(
    prediction: _Labels, reference: _Labels, spacing: _Triple | None = None, *, label: int | None = None
) -> float: ...
def surface_dice(
    prediction: _Labels,
    reference: _Labels,
    tolerance_mm: float,
    spacing: _Triple | None = None,
    *,
    label: int | None = None,
) -> float: ...
def scores(
    prediction: _Labels,
    reference: _Labels,
    spacing: _Triple | None = None,
    *,
    labels: Sequence[int] | None = None,
    tolerance_mm: float = 2.0,
    empty: _Empty = "skip_empty_reference",
) -> list[_LabelScores]: ...
def distance_map(
    mask: _Labels, spacing: _Triple | None = None, *, label: int | None = None
) -> npt.NDArray[np.float64]: ...
def connected_components(
    mask: _Labels, *, connectivity: Literal[6, 18, 26] = 26, label: int | None = None
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]: ...
def keep_largest(
    label_map: _Labels,
    *,
    components: int = 1,
    connectivity: Literal[6, 18, 26] = 26,
    labels: Sequence[int] | None = None,
) -> npt.NDArray[np.uint8]: ...
def sliding_window(
    image: Volume | npt.ArrayLike,
    network: Callable[[npt.NDArray[np.float32]], npt.ArrayLike],
    roi: _Sizes,
    *,
    overlap: _Triple = ...,
    blend: Literal["constant", "gaussian"] = "constant",
    sigma_scale: float = 0.125,
    batch: int = 4,
    padding: Literal["constant", "reflect", "replicate", "circular"] = "constant",
    padding_value: float = 0.0,
    mirror: bool | tuple[bool, bool, bool] = ...,
    output: Literal["logits", "probabilities", "mask"] = "logits",
    activation: Literal["softmax", "sigmoid"] | None = None,
    threshold: float = 0.5,
    region: _Labels | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> npt.NDArray[Any]: ...

@final
class Model:
    @property
    def path(self) -> Any: ...
    @property
    def kind(self) -> Literal["run", "network", "nnunet", "nnunet_list"]: ...
    @property
    def device(self) -> str: ...
    @property
    def channels(self) -> int: ...
    @property
    def labels(self) -> dict[int, str]: ...
    def predict(
        self,
        image: Volume | _Path | Sequence[_Path],
        *,
        probabilities: bool = False,
        entropy: bool = False,
        progress: Callable[[int, int], object] | None = None,
    ) -> Prediction: ...

@final
class Prediction:
    @property
    def mask(self) -> Volume: ...
    @property
    def probabilities(self) -> Volume | None: ...
    @property
    def entropy(self) -> Volume | None: ...
    @property
    def volumes_ml(self) -> dict[int, float]: ...
    @property
    def labels(self) -> dict[int, str]: ...
    @property
    def seconds(self) -> float: ...

def open_model(
    path: _Path,
    device: str = "auto",
    *,
    folds: Sequence[int] | None = None,
    mirror: bool | None = None,
    bf16: bool = False,
) -> Model: ...
def predict(
    model: _Path,
    image: Volume | _Path | Sequence[_Path],
    device: str = "auto",
    *,
    probabilities: bool = False,
    entropy: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> Prediction: ...
def main(arguments: Sequence[str]) -> int: ...
