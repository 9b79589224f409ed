# The baseline: MUXNet-m's config with another backbone, whose last features have 1280 channels, too.
_base_ = './muxnet-m_1xb64-30e_chestxray14-224.py'

model = dict(backbone=dict(_delete_=True, type='MobileNetV2', widen_factor=1.0))
