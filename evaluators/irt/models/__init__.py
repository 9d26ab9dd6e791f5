"""Item response models, one file each."""
