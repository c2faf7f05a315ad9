// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Virtio;

/// <summary>All that a running queue knows beside guest memory. Indices run freely through 0 to 65535.</summary>
public sealed class VirtqueueState
{
    /// <summary>The next entry of the available ring to take.</summary>
    public ushort NextAvailable { get; set; }

    /// <summary>The next entry of the used ring to write; what we last wrote there is never read back from the guest.</summary>
    public ushort NextUsed { get; set; }

    /// <summary>Chains completed since the driver was last interrupted, or would have been, had it wanted to.</summary>
    public int UnsignalledCompletions { get; set; }
}
