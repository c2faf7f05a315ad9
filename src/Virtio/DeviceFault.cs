// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Virtio;

/// <summary>Why a device stopped of itself.</summary>
/// <param name="Device">The device's name in the machine.</param>
/// <param name="Queue">The name of the queue.</param>
/// <param name="Reason">What happened, with the queue and the index, in one line.</param>
/// <param name="Exception">What left the queue's service: a <see cref="DeviceFaultException"/> when the driver is to blame, anything else is the plugin's.</param>
public sealed record DeviceFault(string Device, string Queue, string Reason, Exception Exception)
{
    /// <summary>True when the guest's driver broke a rule; false when the plugin threw.</summary>
    public bool IsDriversFault => Exception is DeviceFaultException;

    /// <inheritdoc/>
    public override string ToString() => $"{Device}: {Reason}";
}
