"""3D medical image segmentation on numpy arrays: volumes with their geometry, preprocessing, trained models, metrics.

Arrays are ``[x, y, z]``, as in nibabel and MONAI: voxel ``array[i, j, k]`` lies at ``affine @ [i, j, k, 1]``, in RAS+
millimetres. With channels they are ``[channel, x, y, z]``, in batches ``[batch, channel, x, y, z]``. ``array.T`` is
SimpleITK's order ``[z, y, x]``, a view of the same memory. Triples (spacings, sizes, margins) are in the array's order.

Errors are ``MedsegError`` (a ``ValueError``) with a sentence that names the file or the argument, ``TypeError``, and
``OSError`` and ``MemoryError`` where the system says no. Computations run without Python's lock, on as many threads as
``RAYON_NUM_THREADS`` says, or one for each core.
"""

from contextlib import suppress

from . import transforms as transforms
from ._medseg import (
    MedsegError as MedsegError,
    MedsegWarning as MedsegWarning,
    Pipeline as Pipeline,
    Transform as Transform,
    Transformed as Transformed,
    Volume as Volume,
    VolumeInfo as VolumeInfo,
    __version__ as __version__,
    assd as assd,
    connected_components as connected_components,
    dice as dice,
    distance_map as distance_map,
    hausdorff as hausdorff,
    hd95 as hd95,
    iou as iou,
    keep_largest as keep_largest,
    read_channels as read_channels,
    read_image as read_image,
    read_info as read_info,
    read_label as read_label,
    read_segmentation as read_segmentation,
    read_stored as read_stored,
    scores as scores,
    surface_dice as surface_dice,
    write_image as write_image,
    write_label as write_label,
    write_segmentation as write_segmentation,
)

# A build without the feature `inference`, for work on the rest, has no models.
with suppress(ImportError):
    from ._medseg import (
        Model as Model,
        Prediction as Prediction,
        open_model as open_model,
        predict as predict,
        sliding_window as sliding_window,
    )
