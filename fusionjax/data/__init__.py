"""Image sets: scenes in folders, synthetic scenes, and the input pipeline.

The only room that knows TensorFlow, which is imported where it is used.
"""
