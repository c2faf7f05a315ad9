using System.Text;
using LguestPlug;
using Microsoft.Extensions.Logging;

namespace Device._1;

/// <summary>What the device is, what it offers, and how its queues are served.</summary>
internal sealed class TheNameDevice : VirtioDevice
{
    private readonly byte[] _text;
    private readonly ILogger _logger;
#if (withConfig)
    private readonly byte[] _config;
#endif

    public TheNameDevice(TheNameOptions options, ILogger logger)
    {
        _text = Encoding.UTF8.GetBytes(options.Text);
        _logger = logger;
#if (withConfig)
        _config = new TheNameConfig { Capacity = (ulong)_text.Length }.ToBytes();
#endif
        Queues =
        [
            new("requests", Serve),
#if (queue2)
            new("queue1", Serve),
#endif
#if (queue3)
            new("queue2", Serve),
#endif
#if (queue4)
            new("queue3", Serve),
#endif
#if (queue5)
            new("queue4", Serve),
#endif
#if (queue6)
            new("queue5", Serve),
#endif
#if (queue7)
            new("queue6", Serve),
#endif
#if (queue8)
            new("queue7", Serve),
#endif
        ];
    }

    /// <summary>The virtio device type, by which the guest finds its driver.</summary>
    public override ushort DeviceId => VIRTIO_DEVICE_ID;

#if (hasFeatures)
    public override ulong Features => FEATURE_EXPRESSION;

#endif
#if (withConfig)
    public override ReadOnlyMemory<byte> Config => _config;

#endif
    public override IReadOnlyList<QueueDefinition> Queues { get; }

    public override void Start(ulong acceptedFeatures) => _logger.LogInformation("the driver has started it, with features 0x{Features:x}", acceptedFeatures);

    /// <summary>Called again and again on the queue's own thread: takes a request, answers it, hands it back.</summary>
    private void Serve(IVirtqueue queue)
    {
        // Null means that the device is to stop.
        if (queue.Take() is not { } chain)
            return;

        if (_logger.IsEnabled(LogLevel.Debug))
            _logger.LogDebug("{Queue}: a request with {Sent} bytes, and room for {Wanted}", queue.Name, chain.Readable.Length, chain.Writable.Length);

        long written = 0;
        while (chain.Writable.Length > 0)
            written += chain.Writable.Write(_text);

        chain.Complete(written);
    }
}
