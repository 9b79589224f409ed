"""Cutting channels into near-equal groups, as mixed kernels and spatial multiplexing do."""


def near_equal_groups(channels: int, groups: int) -> list[int]:
    """Cut `channels` into `groups` sizes that differ as little as the paper's split does.

    Every group gets `channels // groups`; the first also takes the remainder.

    Raises:
        ValueError: a group would be empty.
    """
    share = channels // groups
    if share == 0:
        raise ValueError(f'{channels} channels cannot be cut into {groups} groups: each group needs at least one')
    return [channels - share * (groups - 1)] + [share] * (groups - 1)


def same_padding(kernel_size: int, dilation: int = 1) -> int:
    """Padding that keeps H and W at stride 1, for an odd kernel."""
    return (kernel_size - 1) // 2 * dilation
