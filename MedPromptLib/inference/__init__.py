"""Inference: card + image → mask or label, with preprocessing and its exact inverse, device policy and calibration."""
