"""Floors: what a score is worth is seen beside those of models that listen to nothing, or hardly.

baseline:empty      answers every sample with an empty text
baseline:constant   answers every sample with the text of --model-arg text=…
baseline:majority   answers the most frequent reference of the split
baseline:random     answers any of the sample's choices, or where there are none a reference of another sample; --seed
baseline:mfcc       a linear classifier of MFCC statistics, trained on the task's train split; label tasks only
"""
