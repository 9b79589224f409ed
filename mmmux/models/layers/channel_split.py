"""Sizes of channel groups and paddings, shared by mixed kernels and spatial multiplexing."""


def near_equal_groups(channels: int, groups: int) -> list[int]:
    """Split a number of channels into groups of nearly equal size, as the authors' networks do.

    Args:
        channels (int): Number of channels.
        groups (int): Number of groups.

    Returns:
        list[int]: The size of each group: `channels // groups`; the first group also has the remainder.

    Raises:
        ValueError: A group would be empty.
    """
    share = channels // groups
    if share == 0:
        raise ValueError(f'{channels} channels cannot be split into {groups} groups: each group needs at least one channel')
    return [channels - share * (groups - 1)] + [share] * (groups - 1)


def same_padding(kernel_size: int, dilation: int = 1) -> int:
    """Compute the padding that keeps H and W at stride 1.

    Args:
        kernel_size (int): Odd kernel size in pixels.
        dilation (int): Dilation in pixels. Defaults to 1.

    Returns:
        int: Padding at each side, in pixels.
    """
    return (kernel_size - 1) // 2 * dilation
