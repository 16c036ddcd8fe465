"""How nano is trained, stage by stage; `make train-nano` runs them all.

lessons.py      the clips and what they teach, as `tasks.synthesis.training` writes them
vocabulary.py   1: byte pairs
features.py     2: log-mels
batches.py      lessons as ids, clips of like length together
learner.py      the model and its losses
fit.py          3: the training itself
__main__.py     all of it, and the checkpoint
"""
