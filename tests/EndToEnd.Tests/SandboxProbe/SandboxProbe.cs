// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LguestPlug;
using Microsoft.Extensions.Logging;

[assembly: DevicePlugin("probe", typeof(SandboxProbe), Summary = "tells what its process can still do")]

public sealed class ProbeOptions
{
    /// <summary>A folder with the files "kept", which is opened when the device is made, and "other".</summary>
    [PositionalOption]
    public string? Folder { get; set; }

    /// <summary>Where a server listens.</summary>
    public ushort Port { get; set; }

    /// <summary>A process outside.</summary>
    public int Process { get; set; }
}

public sealed class SandboxProbe : DevicePlugin<ProbeOptions>
{
    public override VirtioDevice Create(ProbeOptions options, IDeviceContext context) => new ProbeDevice(options, context.Logger);
}

/// <summary>Tries everything when it is started, on three kinds of threads, and tells how that ends, a line each.</summary>
internal sealed partial class ProbeDevice : VirtioDevice
{
    private readonly FileStream _kept;
    private readonly ILogger _logger;
    private readonly (string Name, Action Try)[] _attempts;

    public ProbeDevice(ProbeOptions options, ILogger logger)
    {
        _logger = logger;
        var folder = options.Folder!;
        var other = Path.Combine(folder, "other");
        _kept = new FileStream(Path.Combine(folder, "kept"), FileMode.Open, FileAccess.ReadWrite);
        _attempts =
        [
            ("read what is open", () => RandomAccess.Read(_kept.SafeFileHandle, new byte[1], 0)),
            ("write what is open", () => RandomAccess.Write(_kept.SafeFileHandle, [1], 0)),
            ("load an assembly", LoadAssembly),
            ("load a library", () => NativeLibrary.Free(NativeLibrary.Load("libm.so.6"))),
            ("read a file", () => File.ReadAllBytes(other)),
            ("read the user database", () => File.ReadAllBytes("/etc/passwd")),
            ("write a file", () => File.OpenWrite(other).Dispose()),
            ("make a file", () => File.WriteAllText(Path.Combine(folder, "new"), "")),
            ("make a temporary file", () => File.Delete(Path.GetTempFileName())),
            ("list a folder", () => Directory.GetFiles(folder)),
            ("remove a file", () => { File.Delete(Path.Combine(folder, "gone")); if (File.Exists(Path.Combine(folder, "gone"))) throw new IOException(); }),
            ("execute a program", () => Process.Start("/bin/true").WaitForExit()),
            ("connect", () => new TcpClient().Connect(IPAddress.Loopback, options.Port)),
            ("listen", () => { var listener = new TcpListener(IPAddress.Loopback, 0); listener.Start(); listener.Stop(); }),
            ("signal a process", () => { if (kill(options.Process, 0) != 0) throw new UnauthorizedAccessException(); }),
        ];
    }

    public override ushort DeviceId => 4;

    public override IReadOnlyList<QueueDefinition> Queues { get; } = [new("input", queue => queue.Take()?.Complete(0))];

    public override void Start(ulong acceptedFeatures)
    {
        TryAll("main");
        var pool = new Thread(() => TryAll("new"));
        pool.Start();
        pool.Join();
        LeaveToFinalizer();
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _kept.Dispose();
        base.Dispose(disposing);
    }

    private void TryAll(string thread)
    {
        foreach (var (name, attempt) in _attempts)
        {
            string outcome;
            try
            {
                attempt();
                outcome = "done";
            }
            catch (Exception e)
            {
                outcome = "refused";
                _logger.LogDebug("{Thread}: {Name}: {Exception}", thread, name, e);
            }
            _logger.LogWarning("{Thread} thread: {Name}: {Outcome}", thread, name, outcome);
        }
    }

    // Not before it is called: that is when the runtime looks for what a method names.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void LoadAssembly() => new System.Xml.Linq.XElement("a").ToString();

    /// <summary>So that no reference is left on this thread's stack.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void LeaveToFinalizer() => _ = new OnFinalizer(this);

    /// <summary>The finalizer's thread is the runtime's, and there before anything of ours.</summary>
    private sealed class OnFinalizer(ProbeDevice device)
    {
        ~OnFinalizer() => device.TryAll("finalizer");
    }

    [DllImport("libc")]
    private static extern int kill(int process, int signal);
}
