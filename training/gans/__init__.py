"""How G and D learn: networks' steps, batches, augmentation, presets."""
