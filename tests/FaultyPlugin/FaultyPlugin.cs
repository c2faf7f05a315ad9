// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug;
using LguestPlug.FaultyPlugin;

[assembly: DevicePlugin("faulty", typeof(FaultyPlugin), Summary = "a random source that does wrong where it is told to")]
[assembly: DevicePlugin("faulty-plugin", typeof(UnmakablePlugin), Summary = "a plugin that cannot be made")]
[assembly: DevicePlugin("faulty-options", typeof(UnaskablePlugin), Summary = "a plugin whose options cannot be made")]

namespace LguestPlug.FaultyPlugin;

/// <summary>The member in which something goes wrong.</summary>
public enum Where
{
    Nowhere,
    Option,
    Create,
    DeviceId,
    Features,
    Config,
    Queues,
    Description,
    HelpIfUnused,
    Start,
    Service,
    Stopping,
    Reset,
    Dispose,
    Thread,
}

/// <summary>What goes wrong there.</summary>
public enum How
{
    Throw,
    Hang,
    Spin,
    Scribble,
    Null,
    Twice,
    TooMuch,
    Forget,
}

/// <summary>Where and how.</summary>
public sealed class FaultyOptions
{
    private Where _where;

    /// <summary>The member.</summary>
    public Where Where
    {
        get => _where;
        set
        {
            _where = value;
            if (value == Where.Option)
                throw new InvalidOperationException("as asked for");
        }
    }

    /// <summary>The fault.</summary>
    public How How { get; set; }
}

/// <summary>Makes such devices.</summary>
public sealed class FaultyPlugin : DevicePlugin<FaultyOptions>
{
    /// <inheritdoc/>
    public override VirtioDevice Create(FaultyOptions options, IDeviceContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options is { Where: Where.Create, How: How.Null })
            return null!;
        var device = new FaultyDevice(options.Where, options.How);
        device.Fail(Where.Create);
        return device;
    }
}

/// <summary>A plugin whose constructor throws.</summary>
public sealed class UnmakablePlugin : DevicePlugin<FaultyOptions>
{
    /// <summary>Throws.</summary>
    public UnmakablePlugin() => throw new InvalidOperationException("as asked for");

    /// <inheritdoc/>
    public override VirtioDevice Create(FaultyOptions options, IDeviceContext context) => new FaultyDevice(Where.Nowhere, How.Throw);
}

/// <summary>Options whose constructor throws.</summary>
public sealed class UnmakableOptions
{
    /// <summary>Throws.</summary>
    public UnmakableOptions() => throw new InvalidOperationException("as asked for");
}

/// <summary>A plugin with such options.</summary>
public sealed class UnaskablePlugin : DevicePlugin<UnmakableOptions>
{
    /// <inheritdoc/>
    public override VirtioDevice Create(UnmakableOptions options, IDeviceContext context) => new FaultyDevice(Where.Nowhere, How.Throw);
}

/// <summary>To the guest a random source, whose bytes are all 0.</summary>
internal sealed class FaultyDevice(Where where, How how) : VirtioDevice
{
    /// <summary>On stderr, so that a test knows when.</summary>
    private const string Farewell = "faulty: not coming back";

    private bool _isRegistered;

    public override ushort DeviceId => Fail(Where.DeviceId, (ushort)4);

    public override ulong Features => Fail(Where.Features, 0ul);

    public override ReadOnlyMemory<byte> Config => Fail(Where.Config, default(ReadOnlyMemory<byte>));

    public override IReadOnlyList<QueueDefinition> Queues =>
        where == Where.Queues && how == How.Null ? null! : Fail(Where.Queues, (IReadOnlyList<QueueDefinition>)[new QueueDefinition("input", Serve)]);

    public override string Description => Fail(Where.Description, "faulty");

    public override string? HelpIfUnused => Fail(Where.HelpIfUnused, (string?)null);

    public override void Start(ulong acceptedFeatures)
    {
        Fail(Where.Start);
        if (where == Where.Thread)
            new Thread(() => Fail(Where.Thread)).Start();
    }

    public override void Reset() => Fail(Where.Reset);

    protected override void Dispose(bool disposing)
    {
        Fail(Where.Dispose);
        base.Dispose(disposing);
    }

    public T Fail<T>(Where here, T value)
    {
        Fail(here);
        return value;
    }

    public void Fail(Where here)
    {
        if (here != where)
            return;
        switch (how)
        {
            case How.Throw:
                throw new InvalidOperationException("as asked for");
            case How.Hang:
                Console.Error.WriteLine(Farewell);
                Thread.Sleep(Timeout.Infinite);
                break;
            case How.Spin:
                Console.Error.WriteLine(Farewell);
                while (true)
                    Thread.SpinWait(1);
            default:
                break;
        }
    }

    private void Serve(IVirtqueue queue)
    {
        // Once for all calls: between two of them the stop would not find it.
        if (!_isRegistered)
            _ = queue.Stopping.Register(() => Fail(Where.Stopping));
        _isRegistered = true;
        if (queue.Take() is not { } chain)
            return;
        Fail(Where.Service);
        if (where == Where.Service && how == How.Scribble)
        {
            var memory = chain.Writable.Span;
            Console.Error.WriteLine(Farewell);
            while (true)
                memory.Clear();
        }
        var length = chain.Writable.Length;
        while (chain.Writable.Length > 0)
        {
            var piece = chain.Writable.Span;
            piece.Clear();
            chain.Writable.Advance(piece.Length);
        }
        if (where == Where.Service && how == How.Forget)
            return;
        chain.Complete(where == Where.Service && how == How.TooMuch ? length + 1 : length);
        if (where == Where.Service && how == How.Twice)
            chain.Complete(length);
    }
}
