"""Plain ``torch.nn`` modules; nothing here knows how to train."""
