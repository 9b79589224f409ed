# The baseline: mmpretrain's MobileNetV2 under the same recipe.
_base_ = './muxnet-m_1xb96-50e_cifar10-224.py'

model = dict(backbone=dict(_delete_=True, type='MobileNetV2', widen_factor=1.0))
