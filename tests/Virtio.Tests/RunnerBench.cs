// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Testing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LguestPlug.Virtio.Tests;

/// <summary>
/// A device and the runner under test, with guest memory, a ring for each queue, and a driver; unlike the test kit, it lets
/// the device break every rule. Used by one thread.
/// </summary>
internal sealed class RunnerBench : IDisposable
{
    /// <summary>How long anything is waited for; only a test that fails ever waits that long.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private const ulong FirstBuffer = 0x1000;
    private readonly Vring[] _rings;
    private readonly SemaphoreSlim[] _interrupts;
    private TaskCompletionSource<DeviceFault> _fault = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly int[] _interruptCounts;
    private ulong _nextBuffer = FirstBuffer;

    /// <summary>Puts a device on the bench. Disposing the bench disposes it.</summary>
    /// <param name="device">The device.</param>
    /// <param name="ramBytes">Guest memory for buffers.</param>
    /// <param name="logger">The runner's log.</param>
    public RunnerBench(VirtioDevice device, ulong ramBytes = 4 << 20, ILogger? logger = null)
    {
        Runner = new VirtioDeviceRunner("test0", device, logger ?? NullLogger.Instance, fault => _fault.TrySetResult(fault));
        int pages = Runner.Queues.Sum(q => Vring.PageCount(q.Size));
        Memory = GuestMemory.Allocate(ramBytes, pages);
        ulong at = ramBytes;
        _rings = new Vring[Runner.Queues.Count];
        _interrupts = [.. Runner.Queues.Select(_ => new SemaphoreSlim(0))];
        _interruptCounts = new int[Runner.Queues.Count];
        Queues = new DriverRing[Runner.Queues.Count];
        for (int i = 0; i < _rings.Length; i++)
        {
            int index = i;
            _rings[i] = new Vring(Memory, at, Runner.Queues[i].Size);
            at += (ulong)Vring.PageCount(Runner.Queues[i].Size) * GuestMemory.PageSize;
            Runner.PlaceQueue(i, Memory, _rings[i], () =>
            {
                Interlocked.Increment(ref _interruptCounts[index]);
                _interrupts[index].Release();
            });
            Queues[i] = new DriverRing(Memory, _rings[i]);
        }
    }

    public GuestMemory Memory { get; }

    public VirtioDeviceRunner Runner { get; }

    public DriverRing[] Queues { get; }

    /// <summary>Interrupts raised so far for a queue.</summary>
    public int InterruptCount(int queue) => Volatile.Read(ref _interruptCounts[queue]);

    /// <summary>Starts the device with all features it offers, or with the given ones.</summary>
    public RunnerBench Start(ulong? accepted = null)
    {
        Runner.Start(accepted ?? Runner.OfferedFeatures);
        return this;
    }

    /// <summary>Resets the device and gives it fresh rings, as the lguest bus does.</summary>
    public void Reset()
    {
        Runner.Reset();
        _fault = new TaskCompletionSource<DeviceFault>(TaskCreationOptions.RunContinuationsAsynchronously);
        for (int i = 0; i < _rings.Length; i++)
        {
            _rings[i].Clear();
            Queues[i] = new DriverRing(Memory, _rings[i]);
        }
    }

    /// <summary>Sets guest memory aside. It is never given back.</summary>
    public GuestBuffer Allocate(int length)
    {
        var buffer = new GuestBuffer(_nextBuffer, length);
        _nextBuffer += (ulong)length;
        if (_nextBuffer > Memory.RamSize)
            throw new InvalidOperationException("the bench has no more memory for buffers");

        return buffer;
    }

    /// <summary>Kicks unless the device asked not to.</summary>
    public void Kick(int queue)
    {
        if (Queues[queue].WantsKick)
            Runner.Kick(queue);
    }

    /// <summary>A request of one byte to read, answered.</summary>
    public void Request(int queue)
    {
        int head = Queues[queue].Add([Allocate(1)], []);
        Kick(queue);
        Assert.Equal(head, WaitForUsed(queue).Head);
    }

    /// <summary>Waits for the next chain the device hands back.</summary>
    public (int Head, uint Length) WaitForUsed(int queue)
    {
        (int Head, uint Length)? used = null;
        WaitUntil(() => (used = Queues[queue].Collect()) is not null, "the device handed no chain back");
        return used!.Value;
    }

    /// <summary>Waits for an interrupt that was not waited for yet.</summary>
    public void WaitForInterrupt(int queue)
    {
        if (!_interrupts[queue].Wait(Patience))
            Assert.Fail($"no interrupt from queue {queue}; {Trouble}");
    }

    /// <summary>Waits until the queue's thread sleeps in Take, as the ring tells: it asks for kicks and has seen all there is.</summary>
    public void WaitUntilIdle(int queue) =>
        WaitUntil(() => Queues[queue].UsedFlags == 0 && Queues[queue].UsedIndex == Queues[queue].AvailableIndex, "the queue never became idle");

    /// <summary>Waits for the device's fault.</summary>
    public DeviceFault WaitForFault()
    {
        Assert.True(_fault.Task.Wait(Patience), "the device did not fault");
        return _fault.Task.Result;
    }

    public void WaitUntil(Func<bool> condition, string otherwise)
    {
        long deadline = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        var spin = default(SpinWait);
        while (!condition())
        {
            if (_fault.Task.IsCompleted && !condition())
                Assert.Fail($"{otherwise}; {Trouble}");

            if (Environment.TickCount64 > deadline)
                Assert.Fail($"{otherwise}; {Trouble}");

            spin.SpinOnce();
        }
    }

    public void Dispose()
    {
        Runner.Dispose();
        Runner.Device.Dispose();
        Memory.Dispose();
        foreach (SemaphoreSlim interrupt in _interrupts)
            interrupt.Dispose();
    }

    private string Trouble => _fault.Task.IsCompleted ? $"it faulted: {_fault.Task.Result}" : $"it is {Runner.State}";
}
