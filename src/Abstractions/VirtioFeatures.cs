// SPDX-License-Identifier: MIT
namespace LguestPlug;

/// <summary>Feature bits that belong to the ring and not to a device type (virtio 1.2, section 6). Device types define bits 0 to 23.</summary>
public static class VirtioFeatures
{
    /// <summary>The driver may put a chain into a table of its own, pointed to by one descriptor (bit 28).</summary>
    public const ulong IndirectDescriptors = 1UL << 28;

    /// <summary>Notifications are suppressed by index instead of by flag (bit 29). A transport's matter: devices do not offer it.</summary>
    public const ulong EventIndex = 1UL << 29;
}
