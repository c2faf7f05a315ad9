// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using LguestPlug.Host.Bus;
using LguestPlug.Host.CommandLine;
using LguestPlug.Virtio;

namespace LguestPlug.Host.Tracing;

/// <summary>Makes records of what a device is told to do and does.</summary>
internal sealed class DeviceTrace(DeviceTraceFile file, BusDevice device) : IDeviceTrace
{
    private readonly string _name = device.Runner.Name;

    public void Started(VirtioDeviceRunner runner) => file.Write(new StartRecord(
        _name, device.PluginName, runner.Device.DeviceId, runner.OfferedFeatures, runner.AcceptedFeatures, runner.Device.Config.ToArray(),
        [.. runner.Queues.Select(q => new TracedQueueShape(q.Name, q.Size))]));

    public void ConfigWritten(int offset, ReadOnlySpan<byte> bytes) => file.Write(new ConfigRecord(_name, offset, bytes.ToArray()));

    public void Taken(int queue, TracedChain chain)
    {
        if (!file.IsOpen)
            return;
        byte[]? data = null;
        if (file.Data != TraceData.None && chain.ReadableLength <= TraceHeader.LargestData)
            chain.CopyReadable(data = new byte[chain.ReadableLength]);
        file.Write(new ChainRecord(_name, queue, chain.Number, chain.Head, [.. chain.ReadableSegments], [.. chain.WritableSegments], data));
    }

    public void Completed(int queue, TracedChain chain, long bytesWritten)
    {
        if (!file.IsOpen)
            return;
        var duration = (long)Stopwatch.GetElapsedTime(chain.TakenAt).TotalNanoseconds;
        byte[]? written = null;
        if (file.Data == TraceData.Full && bytesWritten <= TraceHeader.LargestData)
            chain.CopyWritable(written = new byte[bytesWritten]);
        file.Write(new CompletionRecord(_name, queue, chain.Number, bytesWritten, duration, written));
    }

    public void Faulted(int queue, DeviceFault fault, bool ringIsBroken) => file.Write(new FaultRecord(_name, queue, fault.ToString(), ringIsBroken));

    public void Stopped() => file.Write(new ResetRecord(_name));
}
