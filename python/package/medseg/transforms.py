"""Steps of a ``medseg.Pipeline``. Triples are along x, y and z; a single number stands for all three.

>>> import medseg
>>> from medseg import transforms
>>> pipeline = medseg.Pipeline([
...     transforms.orientation("RAS"), transforms.spacing((1.5, 1.5, 2.0)), transforms.window(-300, 300),
... ])
>>> len(pipeline)
3
"""

from ._medseg import _transforms

crop_foreground = _transforms.crop_foreground
crop_or_pad = _transforms.crop_or_pad
orientation = _transforms.orientation
pad = _transforms.pad
percentiles = _transforms.percentiles
resize = _transforms.resize
spacing = _transforms.spacing
window = _transforms.window
z_score = _transforms.z_score
