// SPDX-License-Identifier: MIT
namespace LguestPlug;

/// <summary>
/// Feature bits that belong to the ring and not to a device type (virtio 1.2, section 6), for <see cref="VirtioDevice.Features"/>.
/// Device types define bits 0 to 23; what a device need not know of, transports offer for it.
/// </summary>
public static class VirtioFeatures
{
    /// <summary>
    /// The driver may put a chain into a table of its own, pointed to by one descriptor (bit 28). A service cannot tell such a
    /// chain from another.
    /// </summary>
    public const ulong IndirectDescriptors = 1UL << 28;
}
