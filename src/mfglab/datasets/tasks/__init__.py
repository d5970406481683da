"""Supervised tasks: text, images, point clouds and sentences, generated or published."""
