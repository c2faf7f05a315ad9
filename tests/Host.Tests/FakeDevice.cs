// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Tests;

/// <summary>A device of any shape that writes down what happens to it.</summary>
internal sealed class FakeDevice : VirtioDevice
{
    private readonly List<string> _events = [];

    /// <param name="id">The virtio device type.</param>
    /// <param name="queues">How many queues it has.</param>
    /// <param name="service">What its queues do; by default they complete what comes.</param>
    /// <param name="queueSize">The size of each.</param>
    public FakeDevice(ushort id, int queues = 1, QueueService? service = null, ushort queueSize = 256)
    {
        DeviceId = id;
        Queues = [.. Enumerable.Range(0, queues).Select(i => new QueueDefinition($"q{i}", service ?? (queue => queue.Take()?.Complete(0)), queueSize))];
    }

    public IReadOnlyList<string> Events
    {
        get
        {
            lock (_events)
                return [.. _events];
        }
    }

    public Exception? ThrowOnStart { get; init; }

    public Exception? ThrowOnReset { get; init; }

    public byte[] ConfigBytes { get; set; } = [];

    public ulong FeatureBits { get; init; }

    public override ushort DeviceId { get; }

    public override ulong Features => FeatureBits;

    public override ReadOnlyMemory<byte> Config => ConfigBytes;

    public override string Description => "a fake";

    public override string? HelpIfUnused => $"device type {DeviceId} was not used";

    public override IReadOnlyList<QueueDefinition> Queues { get; }

    public override void Start(ulong acceptedFeatures)
    {
        Note($"start {acceptedFeatures:x}");
        if (ThrowOnStart is not null)
            throw ThrowOnStart;
    }

    public override void ConfigWritten(ReadOnlySpan<byte> config) => Note($"written {Convert.ToHexStringLower(config)}");

    public override void Reset()
    {
        Note("reset");
        if (ThrowOnReset is not null)
            throw ThrowOnReset;
    }

    protected override void Dispose(bool disposing)
    {
        Note("dispose");
        base.Dispose(disposing);
    }

    private void Note(string what)
    {
        lock (_events)
            _events.Add(what);
    }
}
