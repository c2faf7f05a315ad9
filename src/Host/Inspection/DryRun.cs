// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Bus;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Running;
using LguestPlug.Virtio;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Host.Inspection;

/// <summary>A launch up to the moment before the guest runs: the machine is described, and its memory written to a file if wanted.</summary>
/// <param name="findPlugin">Gives the plugin of a name, or says why there is none.</param>
internal sealed class DryRun(
    LaunchRequest request, StopRequests stop, ILoggerFactory loggers, Func<string, DevicePlugin> findPlugin, EarlyConsole earlyConsole)
{
    /// <returns>The exit code.</returns>
    public int Run(TextWriter output)
    {
        var format = ModelFormat.Parse(request.Format);
        using var machine = new Machine(request, stop, loggers, findPlugin, earlyConsole);
        var entry = machine.LayOut();
        if (request.Dump is { } path)
            MemoryDump.Write(path, machine.Memory, (ulong)machine.PageLimit * GuestMemory.PageSize);
        if (stop.Reason is { } reason)
            throw new HostException(reason.Message, reason.ExitCode);
        format.Write(machine.Describe(entry), output);
        return 0;
    }
}
