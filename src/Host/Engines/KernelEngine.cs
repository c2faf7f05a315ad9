// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using System.Text;

namespace LguestPlug.Host.Engines;

/// <summary>
/// The kernel's own lguest, spoken to with words of this process's native size. INITIALIZE and every read come from the
/// thread that made the engine, as the kernel demands.
/// </summary>
internal sealed class KernelEngine : IEngine
{
    private const int Initialize = 0;
    private const int Interrupt = 2;
    private const int EventFd = 4;

    private const int Enoent = 2;
    private const int Eintr = 4;
    private const int Erestart = 85;
    private const int LongestReason = 1024;

    private readonly ILguestDevice _device;
    private readonly ThreadInterrupter _interrupter = new();
    private readonly List<SafeHandle> _registered = [];
    private volatile bool _stopRequested;

    public KernelEngine(ILguestDevice device, nint memory, uint pageLimit, uint entryPoint)
    {
        _device = device;
        var result = device.Write([Initialize, memory, (nint)pageLimit, (nint)entryPoint]);
        if (result < 0)
            throw Failed("preparing the guest", result);
    }

    public void RaiseInterrupt(int irq)
    {
        var result = _device.Write([Interrupt, irq]);
        // A dead guest takes no interrupts; the reader of its reason is told soon enough.
        if (result != 0 && result != -Enoent)
            throw Failed($"triggering irq {irq}", result);
    }

    public void RegisterNotify(uint address, NotifySignal signal)
    {
        var held = false;
        signal.EventFd.DangerousAddRef(ref held);
        // The kernel keeps its own reference to the eventfd, but ours keeps the number from being used again.
        lock (_registered)
            _registered.Add(signal.EventFd);
        var result = _device.Write([EventFd, (nint)address, signal.EventFd.DangerousGetHandle()]);
        if (result != 0 && result != -Enoent)
            throw Failed("attaching an eventfd", result);
    }

    public EngineExit Run()
    {
        using var interruptible = _interrupter.Enter();
        Span<byte> word = stackalloc byte[nint.Size];
        while (!_stopRequested)
        {
            var result = _device.Read(word);
            if (result == nint.Size)
                return new(EngineExitKind.Notify, (uint)MemoryMarshal.Read<nint>(word));
            switch (result)
            {
                case -Eintr:
                    continue;
                case -Enoent:
                    return new(EngineExitKind.Died, Reason: ReadReason());
                case -Erestart:
                    return new(EngineExitKind.Restart);
                default:
                    throw Failed("running the guest", result);
            }
        }
        _stopRequested = false;
        return new(EngineExitKind.Stopped);
    }

    public void RequestStop()
    {
        _stopRequested = true;
        _interrupter.Interrupt(() => !_stopRequested);
    }

    public void Dispose()
    {
        _device.Dispose();
        foreach (var eventFd in _registered)
            eventFd.DangerousRelease();
        _registered.Clear();
    }

    private string ReadReason()
    {
        Span<byte> text = stackalloc byte[LongestReason];
        nint length;
        do
            length = _device.Read(text);
        while (length == -Eintr);
        if (length < 0)
            throw Failed("asking why the guest died", length);
        var bytes = text[..(int)length];
        var end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }

    private static HostException Failed(string doing, nint result) =>
        new($"{LguestDeviceFile.Path}: {doing} failed: {(result < 0 ? Marshal.GetPInvokeErrorMessage((int)-result) : $"unexpected answer {result}")}");
}
