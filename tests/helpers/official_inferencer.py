"""Predict pictures with the inferencer of OpenMMLab's own package. This program does not import mmmux: the config has to.

Usage: official_inferencer.py PACKAGE CONFIG WEIGHTS OUT PICTURE...
"""
import pickle
import sys
from pathlib import Path

import torch

torch.set_num_threads(1)


def detect(config: str, weights: str, pictures: list[str]) -> list[dict]:
    from mmdet.apis import DetInferencer
    inferencer = DetInferencer(config, weights, 'cpu', show_progress=False)
    return inferencer(pictures, pred_score_thr=0.)['predictions']


def segment(config: str, weights: str, pictures: list[str]) -> list:
    from mmseg.apis import MMSegInferencer
    inferencer = MMSegInferencer(config, weights, device='cpu')
    return [inferencer(picture)['predictions'] for picture in pictures]


def classify(config: str, weights: str, pictures: list[str]) -> list:
    from mmpretrain import ImageClassificationInferencer
    return [found['pred_scores'] for found in ImageClassificationInferencer(config, weights, 'cpu')(pictures)]


if __name__ == '__main__':
    package, config, weights, out, *pictures = sys.argv[1:]
    assert 'mmmux' not in sys.modules
    found = dict(mmdet=detect, mmseg=segment, mmpretrain=classify)[package](config, weights, pictures)
    Path(out).write_bytes(pickle.dumps(found))
