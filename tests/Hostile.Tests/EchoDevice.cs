// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Hostile.Tests;

/// <summary>
/// The plainest device: what it reads it writes back. Another queue of it keeps all it is given, and a driver may write its
/// configuration.
/// </summary>
internal sealed class EchoDevice : VirtioDevice
{
    private readonly byte[] _config = [1, 2, 3, 4, 5, 6, 7, 8];

    public override ushort DeviceId => 42;

    public override ulong Features => VirtioFeatures.IndirectDescriptors | 1;

    public override IReadOnlyList<QueueDefinition> Queues { get; } = [new("echo", Echo), new("hoard", Hoard, 16)];

    public override ReadOnlyMemory<byte> Config => _config;

    public override void ConfigWritten(ReadOnlySpan<byte> config) => config.CopyTo(_config);

    private static void Echo(IVirtqueue queue)
    {
        if (queue.Take() is not { } chain)
            return;

        long written = 0;
        while (chain.Readable.Length > 0 && chain.Writable.Length > 0)
        {
            int count = chain.Writable.Write(chain.Readable.Span);
            chain.Readable.Advance(count);
            written += count;
        }

        chain.Complete(written);
    }

    private static void Hoard(IVirtqueue queue)
    {
        while (queue.Take() is not null)
        {
        }
    }
}
