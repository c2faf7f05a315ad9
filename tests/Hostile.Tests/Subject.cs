// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Testing;

namespace LguestPlug.Hostile.Tests;

/// <summary>A part of a request.</summary>
/// <param name="IsWritable">The device writes it.</param>
/// <param name="Content">What is in it beforehand.</param>
internal sealed record Segment(bool IsWritable, byte[] Content)
{
    public static Segment Reads(params byte[] content) => new(false, content);

    public static Segment Writes(int length) => new(true, [.. Enumerable.Repeat((byte)0xA5, length)]);
}

/// <summary>A request that keeps all rules, and how its answer is known.</summary>
/// <param name="Queue">Where it goes.</param>
/// <param name="Segments">What it is made of.</param>
/// <param name="UsedLength">How many bytes the device writes; null if that is up to the world.</param>
/// <param name="Last">The last byte it writes, if that is known.</param>
internal sealed record Use(string Queue, IReadOnlyList<Segment> Segments, uint? UsedLength, byte? Last = null)
{
    public Chain Chain => Segments.Aggregate(new Chain(), (chain, s) => s.IsWritable ? chain.Writable(s.Content) : chain.Readable(s.Content));
}

/// <summary>A queue of a device, and what is done to it.</summary>
/// <param name="Device">The device's name.</param>
/// <param name="Queue">The queue's.</param>
/// <param name="CreateRig">Makes the device.</param>
/// <param name="Use">Shows that the device serves; of another queue if this one answers nothing.</param>
/// <param name="Cases">What is done.</param>
internal sealed record Subject(string Device, string Queue, Func<Rig> CreateRig, Use Use, IReadOnlyList<HostileCase<Attack>> Cases)
{
    public string Name => $"{Device} {Queue}";

    /// <summary>Every queue of every device.</summary>
    public static IReadOnlyList<Subject> All { get; } =
    [
        new("block", "requests", () => new BlockRig(), BlockCases.Use, [.. RingCases.All, .. BlockCases.All]),
        new("net", "receive", () => new NetRig(), NetCases.ReceiveUse, [.. RingCases.All, .. ReceiveCases.All, .. NetCases.Receive]),
        new("net", "transmit", () => new NetRig(), NetCases.TransmitUse, [.. RingCases.All, .. NetCases.Transmit]),
        new("console", "receive", () => new ConsoleRig(), ConsoleCases.ReceiveUse, [.. RingCases.All, .. ReceiveCases.All, .. ConsoleCases.Receive]),
        new("console", "transmit", () => new ConsoleRig(), ConsoleCases.TransmitUse, [.. RingCases.All, .. ConsoleCases.Transmit]),
        new("rng", "input", () => new RngRig(), RngCases.Use, [.. RingCases.All, .. RngCases.All]),
        new("echo", "echo", () => new EchoRig(), EchoCases.Use, [.. RingCases.All, .. EchoCases.Echo]),
        new("echo", "hoard", () => new EchoRig(), EchoCases.Use, EchoCases.Hoard),
    ];
}
