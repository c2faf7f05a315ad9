// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.CommandLine;
using LguestPlug.Virtio;

namespace LguestPlug.Host.Tracing;

/// <summary>The first line of a trace.</summary>
/// <param name="Version">Of the format: another one is read by another lguest.</param>
/// <param name="Program">What wrote it.</param>
/// <param name="Begun">When time 0 was.</param>
/// <param name="Data">Which bytes of chains it holds.</param>
internal sealed record TraceHeader(int Version, string Program, DateTimeOffset Begun, TraceData Data)
{
    /// <summary>The version written here.</summary>
    public const int Current = 1;

    /// <summary>Bytes of a chain's one part that are written at most: beyond, only its lengths are.</summary>
    public const int LargestData = 64 << 20;
}

/// <summary>Something that happened to a device.</summary>
internal abstract record TraceRecord(string Device)
{
    /// <summary>Nanoseconds since the trace was begun; never less than in the record before.</summary>
    public long Time { get; set; }
}

/// <summary>A device was started.</summary>
/// <param name="Device">Its name in the machine.</param>
/// <param name="Plugin">Its plugin's name.</param>
/// <param name="Type">The virtio device type.</param>
/// <param name="Offered">The feature bits it offers.</param>
/// <param name="Accepted">Those the driver accepted.</param>
/// <param name="Config">Its configuration.</param>
/// <param name="Queues">Names and sizes of its queues.</param>
internal sealed record StartRecord(string Device, string Plugin, int Type, ulong Offered, ulong Accepted, byte[] Config, IReadOnlyList<TracedQueueShape> Queues)
    : TraceRecord(Device);

/// <summary>A queue: its name, and how many descriptors it has.</summary>
internal sealed record TracedQueueShape(string Name, int Size);

/// <summary>The driver wrote configuration bytes, and a device was told.</summary>
/// <param name="Device">Its name in the machine.</param>
/// <param name="Offset">The first byte.</param>
/// <param name="Bytes">The bytes.</param>
internal sealed record ConfigRecord(string Device, int Offset, byte[] Bytes) : TraceRecord(Device);

/// <summary>A device took a chain.</summary>
/// <param name="Device">Its name in the machine.</param>
/// <param name="Queue">The index of the queue.</param>
/// <param name="Number">The chain's number in its queue since the start.</param>
/// <param name="Head">The index of its first descriptor.</param>
/// <param name="Readable">What the device reads.</param>
/// <param name="Writable">What it writes.</param>
/// <param name="Data">The readable bytes, if they were to be kept and were not too many.</param>
internal sealed record ChainRecord(
    string Device, int Queue, long Number, int Head, IReadOnlyList<GuestSegment> Readable, IReadOnlyList<GuestSegment> Writable, byte[]? Data)
    : TraceRecord(Device)
{
    public long ReadableLength => Readable.Sum(s => (long)s.Length);

    public long WritableLength => Writable.Sum(s => (long)s.Length);
}

/// <summary>A device completed a chain.</summary>
/// <param name="Device">Its name in the machine.</param>
/// <param name="Queue">The index of the queue.</param>
/// <param name="Number">The chain's number.</param>
/// <param name="Used">The used length.</param>
/// <param name="Duration">Nanoseconds since the device took it.</param>
/// <param name="Written">The bytes written, if they were to be kept and were not too many.</param>
internal sealed record CompletionRecord(string Device, int Queue, long Number, long Used, long Duration, byte[]? Written) : TraceRecord(Device);

/// <summary>A device stopped of itself.</summary>
/// <param name="Device">Its name in the machine.</param>
/// <param name="Queue">The index of the queue.</param>
/// <param name="Reason">Why, with the names of device and queue.</param>
/// <param name="RingIsBroken">The driver broke the ring itself: there is no chain to show it with.</param>
internal sealed record FaultRecord(string Device, int Queue, string Reason, bool RingIsBroken) : TraceRecord(Device);

/// <summary>A device was reset: chains it had not completed are forgotten.</summary>
internal sealed record ResetRecord(string Device) : TraceRecord(Device);
