"""Predict pictures with the inferencer of OpenMMLab's own package. This program does not import mmmux: the configs have to.

Usage: official_inferencer.py PACKAGE JOBS OUT, where JOBS is a JSON list of lists [config, weights, picture...].
"""
import json
import pickle
import sys
from pathlib import Path

import torch

torch.set_num_threads(1)


def detect(config: str, weights: str, *pictures: str) -> list[dict]:
    from mmdet.apis import DetInferencer
    return DetInferencer(config, weights, 'cpu', show_progress=False)(list(pictures), pred_score_thr=0.)['predictions']


def segment(config: str, weights: str, *pictures: str) -> list:
    from mmseg.apis import MMSegInferencer
    inferencer = MMSegInferencer(config, weights, device='cpu')
    return [inferencer(picture)['predictions'] for picture in pictures]


def classify(config: str, weights: str, *pictures: str) -> list:
    from mmpretrain import ImageClassificationInferencer
    return [found['pred_scores'] for found in ImageClassificationInferencer(config, weights, 'cpu')(list(pictures))]


if __name__ == '__main__':
    package, jobs, out = sys.argv[1:]
    assert 'mmmux' not in sys.modules
    predict = dict(mmdet=detect, mmseg=segment, mmpretrain=classify)[package]
    Path(out).write_bytes(pickle.dumps([predict(*job) for job in json.loads(Path(jobs).read_text())]))
