// SPDX-License-Identifier: GPL-2.0-or-later
using System.IO.Pipes;
using LguestPlug.Testing;
using LguestPlug.Tests;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LguestPlug.Virtio.Tests;

/// <summary>Start, stop, reset and faults of a device, with its queue threads running.</summary>
public class VirtioDeviceRunnerTests
{
    private static void CompleteAll(IVirtqueue queue) => queue.Take()?.Complete(0);

    [Fact]
    public void ServesRequestsOnAThreadOfEachQueue()
    {
        var names = new System.Collections.Concurrent.ConcurrentDictionary<string, int>();
        void Serve(IVirtqueue queue)
        {
            if (queue.Take() is not { } chain)
                return;

            names.TryAdd(Thread.CurrentThread.Name!, Environment.CurrentManagedThreadId);
            chain.Complete(0);
        }

        using RunnerBench bench = new RunnerBench(new LambdaDevice(Serve, Serve)).Start();
        for (int i = 0; i < 1000; i++)
        {
            bench.Request(0);
            bench.Request(1);
        }

        Assert.Equal(["test0/q0", "test0/q1"], names.Keys.Order());
        Assert.Equal(2, names.Values.Distinct().Count());
    }

    [Fact]
    public void InterruptsBeforeItSleeps()
    {
        using RunnerBench bench = new RunnerBench(new LambdaDevice(CompleteAll)).Start();
        bench.Request(0);
        bench.WaitForInterrupt(0);
        bench.WaitUntilIdle(0);
        Assert.Equal(1, bench.InterruptCount(0));
    }

    [Fact]
    public void LosesNoKickBetweenTwoBusyThreads()
    {
        using RunnerBench bench = new RunnerBench(new LambdaDevice(CompleteAll)).Start();
        GuestBuffer buffer = bench.Allocate(1);
        const int Rounds = 20_000;
        var random = new Random(1);
        for (int i = 0; i < Rounds; i++)
        {
            int batch = 1 + random.Next(4);
            for (int j = 0; j < batch; j++)
                Assert.True(bench.Queues[0].Add([buffer], []) >= 0);

            bench.Kick(0);
            for (int j = 0; j < batch; j++)
                bench.WaitForUsed(0);
        }
    }

    [Fact]
    public void OffersAndAcceptsFeatures()
    {
        var device = new LambdaDevice(CompleteAll) { OfferedFeatures = 0b1011 };
        using RunnerBench bench = new(device);
        Assert.Equal(0b1011ul, bench.Runner.OfferedFeatures);
        bench.Start(0b0110);
        Assert.Equal(0b0010ul, bench.Runner.AcceptedFeatures);
        Assert.Equal(["start 2"], device.Calls);
        bench.Reset();
        Assert.Equal(0ul, bench.Runner.AcceptedFeatures);
    }

    [Fact]
    public void StartsAndResetsAnyNumberOfTimes()
    {
        var device = new LambdaDevice(CompleteAll, CompleteAll);
        using (RunnerBench bench = new(device))
        {
            bench.Runner.Reset();
            Assert.False(bench.Runner.WasEverStarted);
            for (int i = 0; i < 50; i++)
            {
                bench.Start();
                Assert.Equal(DeviceRunState.Running, bench.Runner.State);
                bench.Request(0);
                bench.Reset();
                Assert.Equal(DeviceRunState.Stopped, bench.Runner.State);
            }

            Assert.True(bench.Runner.WasEverStarted);
        }

        Assert.Equal([.. Enumerable.Repeat(new[] { "start 0", "reset" }, 50).SelectMany(c => c), "dispose"], device.Calls);
    }

    [Fact]
    public void LeavesNoThreadAndNoDescriptorBehind()
    {
        static int Descriptors() => Directory.GetFiles("/proc/self/fd").Length;
        static int QueueThreads() => Directory.GetDirectories("/proc/self/task").Count(t => ReadName(t).StartsWith("leak0/", StringComparison.Ordinal));
        static string ReadName(string task)
        {
            try
            {
                return File.ReadAllText(Path.Combine(task, "comm"));
            }
            catch (IOException)
            {
                return "";
            }
        }

        using var memory = GuestMemory.Allocate(1 << 20, 3);
        using var device = new LambdaDevice(CompleteAll);
        var ring = new Vring(memory, 1 << 20, 256);
        var runner = new VirtioDeviceRunner("leak0", device, NullLogger.Instance, _ => { });
        runner.PlaceQueue(0, memory, ring, () => { });
        runner.Start(0);
        runner.Reset();
        for (int i = 0; i < 50; i++)
        {
            runner.Start(0);
            runner.Reset();
        }

        // The kernel's part of a thread ends a little after ours. Other tests run beside this one and open files of their own:
        // growth by the number of rounds is what counts.
        Assert.True(SpinWait.SpinUntil(() => QueueThreads() == 0, RunnerBench.Patience));
        int before = Descriptors();
        runner.Dispose();
        for (int i = 0; i < 200; i++)
        {
            var again = new VirtioDeviceRunner("leak0", device, NullLogger.Instance, _ => { });
            again.PlaceQueue(0, memory, ring, () => { });
            again.Start(0);
            again.Dispose();
        }

        Assert.InRange(Descriptors(), 0, before + 100);
        Assert.True(SpinWait.SpinUntil(() => QueueThreads() == 0, RunnerBench.Patience));
    }

    [Fact]
    public void ResetWakesAServiceInEveryKindOfWait()
    {
        using var silent = new AnonymousPipeServerStream(PipeDirection.Out);
        using var input = new AnonymousPipeClientStream(PipeDirection.In, silent.ClientSafePipeHandle);
        using var full = new AnonymousPipeServerStream(PipeDirection.Out);
        using var unread = new AnonymousPipeClientStream(PipeDirection.In, full.ClientSafePipeHandle);
        using var entered = new CountdownEvent(5);
        var outcomes = new System.Collections.Concurrent.ConcurrentBag<string>();
        QueueService Waiting(string name, Func<IVirtqueue, bool> wait) => queue =>
        {
            if (!entered.IsSet)
                entered.Signal();

            outcomes.Add($"{name} {wait(queue)}");
        };
        var device = new LambdaDevice(
            Waiting("take", queue => queue.Take() is not null),
            Waiting("readable", queue => queue.WaitReadable(input.SafePipeHandle)),
            Waiting("writable", queue => FillUp(full) && queue.WaitWritable(full.SafePipeHandle)),
            Waiting("sleep", queue => queue.Sleep(Timeout.InfiniteTimeSpan)),
            Waiting("token", queue => queue.Stopping.WaitHandle.WaitOne() && !queue.Stopping.IsCancellationRequested));
        using (RunnerBench bench = new RunnerBench(device).Start())
        {
            Assert.True(entered.Wait(RunnerBench.Patience));
            bench.Reset();
            Assert.Equal(DeviceRunState.Stopped, bench.Runner.State);
        }

        Assert.Equal(["readable False", "sleep False", "take False", "token False", "writable False"], outcomes.Order());

        static bool FillUp(AnonymousPipeServerStream pipe)
        {
            // The pipe is blocking: exactly its capacity goes in (F_GETPIPE_SZ, 64 KiB unless the system says otherwise).
            pipe.Write(new byte[PipeCapacity(pipe)]);
            return true;
        }
    }

    [Fact]
    public void TellsReadinessFromStop()
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        using var input = new AnonymousPipeClientStream(PipeDirection.In, pipe.ClientSafePipeHandle);
        bool answer = false;
        using var done = new ManualResetEventSlim();
        using RunnerBench bench = new RunnerBench(new LambdaDevice(queue =>
        {
            answer = queue.WaitReadable(input.SafePipeHandle) && queue.WaitWritable(pipe.SafePipeHandle) && queue.Sleep(TimeSpan.FromMilliseconds(1));
            done.Set();
            queue.Sleep(Timeout.InfiniteTimeSpan);
        })).Start();
        pipe.WriteByte(1);
        Assert.True(done.Wait(RunnerBench.Patience));
        Assert.True(answer);
    }

    [Fact]
    public void HoldsTheInterruptBackWhileTheDescriptorIsReady()
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        using var input = new AnonymousPipeClientStream(PipeDirection.In, pipe.ClientSafePipeHandle);
        using RunnerBench bench = new(new LambdaDevice(queue =>
        {
            if (queue.Take() is { } chain && queue.WaitReadable(input.SafePipeHandle))
                chain.Complete(chain.Writable.FillFrom(input.SafePipeHandle).Bytes);
        }));
        GuestBuffer[] buffers = [.. Enumerable.Range(0, 4).Select(_ => bench.Allocate(1))];
        foreach (GuestBuffer buffer in buffers)
            bench.Queues[0].Add([], [buffer]);

        pipe.Write([1, 2, 3]);
        bench.Start();
        bench.WaitForInterrupt(0);
        Assert.Equal(3, bench.Queues[0].UsedIndex);
        Assert.Equal(1, bench.InterruptCount(0));
    }

    [Fact]
    public void AChainInHandMayBeLeftWhenStopped()
    {
        using var taken = new ManualResetEventSlim();
        using RunnerBench bench = new RunnerBench(new LambdaDevice(queue =>
        {
            if (queue.Take() is null)
                return;

            taken.Set();
            queue.Sleep(Timeout.InfiniteTimeSpan);
        })).Start();
        bench.Queues[0].Add([bench.Allocate(1)], []);
        bench.Kick(0);
        Assert.True(taken.Wait(RunnerBench.Patience));
        bench.Reset();
        Assert.Equal(DeviceRunState.Stopped, bench.Runner.State);
    }

    [Fact]
    public void ABrokenRingIsAFaultThatStopsAllQueues()
    {
        using RunnerBench bench = new RunnerBench(new LambdaDevice(CompleteAll, CompleteAll)).Start();
        bench.Queues[1].Publish(300);
        bench.Kick(1);
        DeviceFault fault = bench.WaitForFault();
        Assert.Equal("test0: queue q1: available entry 0 names descriptor 300, but the table has 256", fault.ToString());
        Assert.Equal("q1", fault.Queue);
        Assert.True(fault.IsDriversFault);
        Assert.Equal(DeviceRunState.Faulted, bench.Runner.State);
        Assert.Throws<InvalidOperationException>(() => bench.Start());

        // The other queue serves nobody any more.
        bench.Queues[0].Add([bench.Allocate(1)], []);
        bench.Runner.Kick(0);
        bench.Reset();
        Assert.Null(bench.Queues[0].Collect());
        bench.Start();
        bench.Request(0);
    }

    [Fact]
    public void AForgottenChainIsAFault()
    {
        using RunnerBench bench = new RunnerBench(new LambdaDevice(queue => queue.Take())).Start();
        bench.Queues[0].Add([bench.Allocate(1)], []);
        bench.Kick(0);
        Assert.Equal("test0: queue q0, descriptor 0: the device returned without completing the chain", bench.WaitForFault().ToString());
    }

    [Fact]
    public void APluginThatThrowsIsAFaultWithItsName()
    {
        using RunnerBench bench = new RunnerBench(new LambdaDevice(_ => throw new NotSupportedException("two\nlines"))).Start();
        DeviceFault fault = bench.WaitForFault();
        Assert.Equal("test0: queue q0: the plugin threw NotSupportedException: two lines", fault.ToString());
        Assert.False(fault.IsDriversFault);
        bench.Reset();
    }

    /// <summary>On the service's own thread nobody could catch it.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WhatIsRegisteredWithStoppingMayThrow(bool afterAFault)
    {
        using var registered = new ManualResetEventSlim();
        using RunnerBench bench = new RunnerBench(new LambdaDevice(queue =>
        {
            queue.Stopping.Register(() => throw new NotSupportedException("at the end"));
            registered.Set();
            if (afterAFault)
                throw new NotSupportedException("at work");
            queue.Take();
        })).Start();
        Assert.True(registered.Wait(TimeSpan.FromSeconds(30)));
        if (afterAFault)
            Assert.Equal("test0: queue q0: the plugin threw NotSupportedException: at work", bench.WaitForFault().ToString());
        bench.Reset();
        Assert.Equal(DeviceRunState.Stopped, bench.Runner.State);
    }

    [Fact]
    public void ADeviceMayFaultItsDriver()
    {
        using RunnerBench bench = new RunnerBench(new LambdaDevice(queue =>
        {
            if (queue.Take() is not null)
                throw queue.Fault("no such request");
        })).Start();
        bench.Queues[0].Add([bench.Allocate(1)], []);
        bench.Kick(0);
        Assert.Equal("test0: queue q0, descriptor 0: no such request", bench.WaitForFault().ToString());
    }

    [Fact]
    public void OneFaultIsToldOfSeveral()
    {
        int told = 0;
        using var memory = GuestMemory.Allocate(1 << 20, 9);
        using var barrier = new Barrier(3);
        using var device = new LambdaDevice([.. Enumerable.Repeat<QueueService>(
            _ =>
            {
                barrier.SignalAndWait();
                throw new InvalidOperationException();
            },
            3)]);
        using var runner = new VirtioDeviceRunner("x", device, NullLogger.Instance, _ => Interlocked.Increment(ref told));
        for (int i = 0; i < 3; i++)
            runner.PlaceQueue(i, memory, new Vring(memory, (1 << 20) + (12288ul * (ulong)i), 256), () => { });

        runner.Start(0);
        runner.Reset();
        Assert.InRange(told, 0, 1);
    }

    [Fact]
    public void KicksComeFromTheDescriptorToo()
    {
        using RunnerBench bench = new RunnerBench(new LambdaDevice(CompleteAll)).Start();
        bench.WaitUntilIdle(0);
        bench.Queues[0].Add([bench.Allocate(1)], []);
        using var kick = new FileStream(new Microsoft.Win32.SafeHandles.SafeFileHandle(bench.Runner.KickDescriptor(0).DangerousGetHandle(), false), FileAccess.Write, 0);
        kick.Write(BitConverter.GetBytes(1UL));
        bench.WaitForUsed(0);
    }

    [Fact]
    public void RefusesToStartWithoutRings()
    {
        using var device = new LambdaDevice(CompleteAll);
        using var runner = new VirtioDeviceRunner("x", device, NullLogger.Instance, _ => { });
        Assert.Equal("x: queue q0 has no place", Assert.Throws<InvalidOperationException>(() => runner.Start(0)).Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    public void RefusesAQueueOfOddSize(int size)
    {
        using var device = new LambdaDevice(CompleteAll) { QueueSize = (ushort)size };
        var error = Assert.Throws<DeviceSetupException>(() => new VirtioDeviceRunner("x", device, NullLogger.Instance, _ => { }));
        Assert.Equal($"x: queue q0 has size {size}; expected a power of two, at most 32768", error.Message);
    }

    [Fact]
    public void RefusesToBeResetByItsOwnQueue()
    {
        VirtioDeviceRunner? runner = null;
        Exception? refusal = null;
        using RunnerBench bench = new(new LambdaDevice(queue =>
        {
            if (queue.Take() is not null)
                Volatile.Write(ref refusal, Record.Exception(() => runner!.Reset()));
        }));
        runner = bench.Runner;
        bench.Start();
        bench.Queues[0].Add([bench.Allocate(1)], []);
        bench.Kick(0);
        bench.WaitUntil(() => Volatile.Read(ref refusal) is not null, "the queue was not refused");
        Assert.EndsWith("reset by its own queue q0", Assert.IsType<InvalidOperationException>(refusal).Message, StringComparison.Ordinal);
        bench.Reset();
        Assert.Equal(DeviceRunState.Stopped, bench.Runner.State);
    }

    private static int PipeCapacity(AnonymousPipeServerStream pipe) =>
        Tmds.Linux.LibC.fcntl((int)pipe.SafePipeHandle.DangerousGetHandle(), 1032);
}
