// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using LguestPlug.Virtio;
using Microsoft.Extensions.Logging.Abstractions;

namespace LguestPlug.Testing;

/// <summary>
/// A device on the bench: guest memory, a ring for each of its queues, and the driver's side of all that. Stands where host, bus
/// and guest are otherwise; the rings and the threads of the services are the host's own. Used by one thread, the test's.
/// </summary>
/// <remarks>
/// The rules of the contract are checked all along: every chain completed once and by its own thread, no used length above the
/// writable bytes nor over bytes never written, nothing written anywhere else in guest memory, nothing used after it was
/// completed or the device reset, no chain forgotten, no exception but a fault of the driver, no blocking where a stop cannot
/// wake. Whatever is found first is thrown by the next method called, at the latest by <see cref="Dispose"/>.
/// </remarks>
public sealed class TestDriver : IDisposable
{
    private readonly Violations _violations = new();
    private readonly CheckedDevice _checked;
    private TaskCompletionSource<Exception> _fault = NewFault();
    private readonly byte[] _config;
    private int _configChanges;
    private bool _faultWasExpected;
    private bool _disposed;

    /// <summary>Puts a device on the bench. It is not started yet.</summary>
    /// <param name="device">The device; disposed with the driver.</param>
    /// <param name="context">What the device was created with; without it nothing is known of what the device says and asks for.</param>
    /// <param name="memoryMegabytes">Guest memory for buffers, in units of 1,048,576 bytes: 1 to 1024. Only what is used is taken from the system.</param>
    /// <exception cref="DeviceSetupException">The device's queues are not what a virtio device can have.</exception>
    public TestDriver(VirtioDevice device, TestDeviceContext? context = null, int memoryMegabytes = 64)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfLessThan(memoryMegabytes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(memoryMegabytes, 1024);
        Device = device;
        Context = context ?? new TestDeviceContext();
        _config = device.Config.ToArray();
        _checked = new CheckedDevice(device, _violations);
        Runner = new VirtioDeviceRunner(Context.Name, _checked, NullLogger.Instance, fault => _fault.TrySetResult(fault.Exception));
        ulong ramBytes = (ulong)memoryMegabytes << 20;
        Memory = new WatchedMemory(ramBytes, Runner.Queues.Sum(q => Vring.PageCount(q.Size)));
        var queues = new TestQueue[Runner.Queues.Count];
        ulong address = ramBytes;
        for (int i = 0; i < queues.Length; i++)
        {
            QueueDefinition definition = Runner.Queues[i];
            var ring = new Vring(Memory.Memory, address, definition.Size);
            queues[i] = new TestQueue(this, i, definition, ring);
            Runner.PlaceQueue(i, Memory.Memory, ring, queues[i].RaiseInterrupt);
            address += (ulong)Vring.PageCount(definition.Size) * GuestMemory.PageSize;
        }

        Runner.PlaceConfig(() => _config);
        Queues = queues;
        Context.Changed += NoteConfigChange;
    }

    /// <summary>The device.</summary>
    public VirtioDevice Device { get; }

    /// <summary>What the device was created with: its log, and what it asks of its host.</summary>
    public TestDeviceContext Context { get; }

    /// <summary>The driver's side of each queue, in the device's order.</summary>
    public IReadOnlyList<TestQueue> Queues { get; }

    /// <summary>The features the device offers.</summary>
    public ulong OfferedFeatures => Runner.OfferedFeatures;

    /// <summary>The features the device was started with: what the driver accepted of those offered; 0 before a start and after a reset.</summary>
    public ulong AcceptedFeatures => Runner.AcceptedFeatures;

    /// <summary>True from a start until a reset or a fault.</summary>
    public bool IsRunning => Runner.State == DeviceRunState.Running;

    /// <summary>How long anything is waited for; only a test that fails ever waits that long. 30 seconds unless set.</summary>
    public TimeSpan Patience { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// A copy of the configuration bytes as the driver sees them: those of the device's creation, with what the device changed and
    /// the driver wrote since. A reset leaves them alone.
    /// </summary>
    public ReadOnlyMemory<byte> Config => _config.ToArray();

    /// <summary>How many times the device has said that its configuration changed.</summary>
    public int ConfigChanges => Volatile.Read(ref _configChanges);

    internal VirtioDeviceRunner Runner { get; }

    internal WatchedMemory Memory { get; }

    internal ulong MemorySize => Memory.Memory.Size;

    internal bool WatchesMemory { get; private set; } = true;

    /// <summary>Makes a device as a host would and puts it on the bench.</summary>
    /// <typeparam name="TOptions">The plugin's options.</typeparam>
    /// <param name="plugin">The plugin's entry class.</param>
    /// <param name="options">Its options; they are not validated, which is the host's doing.</param>
    /// <param name="context">What the device is given; a new one if left out.</param>
    /// <exception cref="DeviceSetupException">The plugin cannot make the device.</exception>
    public static TestDriver Create<TOptions>(DevicePlugin<TOptions> plugin, TOptions options, TestDeviceContext? context = null)
        where TOptions : class, new()
    {
        ArgumentNullException.ThrowIfNull(plugin);
        context ??= new TestDeviceContext();
        return new TestDriver(plugin.Create(options, context), context);
    }

    /// <summary>The queue of that name.</summary>
    /// <exception cref="ArgumentException">The device has none.</exception>
    public TestQueue Queue(string name) => Queues.FirstOrDefault(q => q.Name == name)
        ?? throw new ArgumentException($"the device has no queue '{name}'; its queues are: {string.Join(", ", Queues.Select(q => q.Name))}", nameof(name));

    /// <summary>Reads a structure out of <see cref="Config"/>.</summary>
    /// <typeparam name="T">A structure laid out as in the specification, without padding of its own.</typeparam>
    /// <param name="offset">Its first byte.</param>
    /// <exception cref="ArgumentOutOfRangeException">The structure does not lie inside.</exception>
    public T ReadConfig<T>(int offset = 0)
        where T : unmanaged => MemoryMarshal.Read<T>(Config.Span[offset..]);

    /// <summary>
    /// Writes a structure into <see cref="Config"/>, as a driver may at any time. As on the lguest bus the device is not told
    /// before its host looks: when a service next takes a chain or a wait of its queue ends, at a start, and at a reset.
    /// </summary>
    /// <typeparam name="T">A structure laid out as in the specification, without padding of its own.</typeparam>
    /// <param name="offset">Its first byte.</param>
    /// <param name="value">The structure.</param>
    /// <exception cref="ArgumentOutOfRangeException">The structure does not lie inside.</exception>
    public void WriteConfig<T>(int offset, T value)
        where T : unmanaged => MemoryMarshal.Write(_config.AsSpan(offset), value);

    /// <summary>Starts the device with all features it offers.</summary>
    /// <returns>This driver.</returns>
    public TestDriver Start() => Start(OfferedFeatures);

    /// <summary>Starts the device.</summary>
    /// <param name="acceptedFeatures">The bits the driver accepts. What was not offered is left out, as hosts do.</param>
    /// <returns>This driver.</returns>
    /// <exception cref="InvalidOperationException">The device is not stopped.</exception>
    public TestDriver Start(ulong acceptedFeatures)
    {
        ThrowIfViolated();
        Runner.Start(acceptedFeatures);
        return this;
    }

    /// <summary>
    /// Resets the device: when this returns no service runs, the rings are empty, and what was in flight is forgotten. Harmless
    /// for one that was not started.
    /// </summary>
    /// <exception cref="DeviceTestException">The device did not stop in time, stopped of itself before, or broke another rule.</exception>
    public void Reset()
    {
        Stop();
        CheckAllMemory();
        foreach (TestQueue queue in Queues)
            queue.Clear();

        Memory.AcceptAll();
        WatchesMemory = true;
        ReportUnexpectedFault();
        _fault = NewFault();
        _faultWasExpected = false;
        ThrowIfViolated();
    }

    /// <summary>
    /// Waits until the device stops because its driver broke a rule, as a test expects after it did. The device stays stopped
    /// until a <see cref="Reset"/>.
    /// </summary>
    /// <returns>The fault: its reason, queue and descriptor.</returns>
    /// <exception cref="DeviceTestException">The device did not stop in time, or by an exception that does not blame its driver.</exception>
    public DeviceFaultException WaitForFault()
    {
        _faultWasExpected = true;
        WaitUntil(() => _fault.Task.IsCompleted, "the device did not fault its driver", () => $"it is {(IsRunning ? "running" : "stopped")}");
        ThrowIfViolated();
        return _fault.Task.Result as DeviceFaultException
            ?? throw new DeviceTestException($"the device stopped, but does not blame its driver: {_fault.Task.Result.Message}", _fault.Task.Result);
    }

    /// <summary>Waits for anything.</summary>
    /// <param name="condition">Asked again and again on the calling thread.</param>
    /// <param name="otherwise">What to say if it does not come true: "the device did not ask for the end".</param>
    public void WaitUntil(Func<bool> condition, string otherwise)
    {
        ArgumentNullException.ThrowIfNull(condition);
        WaitUntil(condition, otherwise, () => $"the device is {(IsRunning ? "running" : "stopped")}");
    }

    /// <summary>Sets guest memory aside, for buffers that are looked at or changed while the device has them.</summary>
    /// <param name="length">Bytes.</param>
    /// <param name="alignment">A power of two.</param>
    /// <returns>The buffer; it is the test's as long as the driver lives.</returns>
    public GuestBuffer Allocate(int length, int alignment = 1) => Memory.Allocate(length, alignment, $"a buffer of {length} bytes of the test's own", CheckAllMemory);

    /// <summary>What is in a buffer now. The device may be changing it.</summary>
    public byte[] Read(GuestBuffer buffer) => Memory.Memory.Slice(buffer.Address, buffer.Length).ToArray();

    /// <summary>Changes a buffer, as a guest may at any moment.</summary>
    /// <param name="buffer">Where.</param>
    /// <param name="content">As many bytes, or fewer.</param>
    public void Write(GuestBuffer buffer, ReadOnlySpan<byte> content) => Memory.Write(buffer.Slice(0, content.Length), content);

    /// <summary>
    /// Checks all of guest memory now, and everything else as ever. At each reset and at the end it is done anyway, but for what
    /// was never allocated.
    /// </summary>
    public void Verify()
    {
        CheckAllMemory();
        if (WatchesMemory && Memory.FindStrayInUnused() is { } stray)
            Violated(Stray(stray));

        ThrowIfViolated();
    }

    /// <summary>Stops and disposes the device, and checks the rules for the last time.</summary>
    /// <exception cref="DeviceTestException">The device broke a rule, and the test was told of none before.</exception>
    public void Dispose()
    {
        if (_disposed)
            return;

        _disposed = true;
        Context.Changed -= NoteConfigChange;
        Stop();
        CheckAllMemory();
        Runner.Dispose();
        Device.Dispose();
        CheckAllMemory();
        Memory.Dispose();
        ReportUnexpectedFault();

        // A test that failed already is not to lose its reason to what came of it.
        if (!_violations.WereThrown)
            ThrowIfViolated();
    }

    internal GuestBuffer Borrow(int length, string what) => Memory.Allocate(length, 1, what, CheckAllMemory);

    internal void StopWatchingMemory() => WatchesMemory = false;

    internal string Activity(int queue) => _checked.Activity(queue);

    internal void Violated(string what) => _violations.Add(what);

    internal void ThrowIfViolated() => _violations.Throw();

    /// <summary>Checks buffers, and what is right beside them.</summary>
    internal void CheckMemory(IEnumerable<GuestBuffer> buffers)
    {
        if (WatchesMemory && Memory.FindStray(buffers, Queues.SelectMany(q => q.WritableNow), DescribeRing) is { } stray)
            Violated(Stray(stray));
    }

    internal void WaitUntil(Func<bool> condition, string otherwise, Func<string> situation)
    {
        long deadline = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        var spin = default(SpinWait);
        while (true)
        {
            // Asked before the condition: what the device did before it stopped is there to be seen.
            bool stopped = _fault.Task.IsCompleted;
            bool late = Environment.TickCount64 > deadline;
            if (condition())
                return;

            ThrowIfViolated();
            if (stopped)
            {
                _faultWasExpected = true;
                throw new DeviceTestException($"{otherwise}, since it stopped: {_fault.Task.Result.Message}", _fault.Task.Result);
            }

            if (late)
                throw new DeviceTestException($"{otherwise} within {Patience.TotalSeconds} s; {situation()}");

            spin.SpinOnce();
        }
    }

    private static TaskCompletionSource<Exception> NewFault() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static string Stray(string where) => $"the device wrote outside of what it may write: {where}";

    /// <summary>Stops the services, or ends the test: the memory they use stays for good.</summary>
    private void Stop()
    {
        try
        {
            Runner.Reset();
        }
        catch (TimeoutException e)
        {
            _disposed = true;
            string stuck = string.Join(", ", Queues.Select((q, i) => $"that of {q.Name} {Activity(i)}"));
            throw new DeviceTestException($"the device did not stop; one of its services blocks where nothing wakes it ({stuck}): {e.Message}", e);
        }
    }

    private void CheckAllMemory()
    {
        if (WatchesMemory && Memory.FindStray(Queues.SelectMany(q => q.WritableNow), DescribeRing) is { } stray)
            Violated(Stray(stray));
    }

    private void ReportUnexpectedFault()
    {
        // Whoever was told of a broken rule before knows why the device stopped.
        if (_fault.Task.IsCompleted && !_faultWasExpected && !_violations.WereThrown && _fault.Task.Result is DeviceFaultException fault)
            _violations.Add($"the device faulted its driver, which the test did not expect: {fault.Message}", fault);
    }

    private string DescribeRing(ulong address) => Queues.Select(q => q.Describe(address)).FirstOrDefault(d => d is not null) ?? "between the rings";

    private void NoteConfigChange()
    {
        int length = Device.Config.Length;
        if (length != _config.Length)
            Violated($"the configuration changed its length from {_config.Length} to {length} bytes");

        Runner.UpdateConfig();
        Interlocked.Increment(ref _configChanges);
    }
}
