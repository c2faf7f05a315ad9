// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using System.IO.Pipes;
using System.Net;
using System.Net.Sockets;
using LguestPlug.Block;
using LguestPlug.Console;
using LguestPlug.Net;
using LguestPlug.Rng;
using LguestPlug.Testing;
using LguestPlug.Tests;
using Microsoft.Win32.SafeHandles;

namespace LguestPlug.Hostile.Tests;

/// <summary>A device and the world around it. Whoever uses the device disposes it, before this.</summary>
internal abstract class Rig(string name) : IDisposable
{
    public TestDeviceContext Context { get; } = new(name);

    public abstract VirtioDevice Device { get; }

    /// <summary>What has to happen outside for a request of a queue to be answered: somebody types, a packet comes.</summary>
    public virtual void Provoke(string queue)
    {
    }

    /// <summary>Nothing outside of guest memory may have come to harm.</summary>
    public virtual void CheckWorld()
    {
    }

    /// <summary>Nobody knows what was asked of the device, so whatever it may change outside is right now.</summary>
    public virtual void AcceptWorld()
    {
    }

    public virtual void Dispose()
    {
    }
}

internal sealed class BlockRig : Rig
{
    public const int Sectors = 64;

    private readonly string _path = Path.GetTempFileName();

    public BlockRig(bool readOnly = false)
        : base("block0")
    {
        new Random(7).NextBytes(Content);
        File.WriteAllBytes(_path, Content);
        Device = new BlockPlugin().Create(new BlockOptions { File = _path, ReadOnly = readOnly }, Context);
    }

    /// <summary>What must be on the disk.</summary>
    public byte[] Content { get; } = new byte[Sectors * 512];

    public override VirtioDevice Device { get; }

    public override void CheckWorld() => Assert.Equal(Content, File.ReadAllBytes(_path));

    public override void AcceptWorld()
    {
        byte[] now = File.ReadAllBytes(_path);
        Assert.Equal(Content.Length, now.Length);
        now.CopyTo(Content, 0);
    }

    public override void Dispose()
    {
        File.Delete(_path);
        base.Dispose();
    }
}

internal sealed class RngRig() : Rig("rng0")
{
    public override VirtioDevice Device { get; } = new RngPlugin().Create(new RngOptions(), new TestDeviceContext());
}

internal sealed class ConsoleRig : Rig
{
    private readonly AnonymousPipeServerStream _keyboard = new(PipeDirection.Out);

    public ConsoleRig()
        : base("console0")
    {
        var input = new SafeFileHandle(_keyboard.ClientSafePipeHandle.DangerousGetHandle(), ownsHandle: false);
        SafeFileHandle output = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.Write);
        Device = new ConsoleDevice(input, ConsoleOutput.From(output), terminal: null, Context, TimeProvider.System);
    }

    public override VirtioDevice Device { get; }

    public override void Provoke(string queue)
    {
        if (queue == "receive")
            _keyboard.WriteByte((byte)'k');
    }

    public override void Dispose()
    {
        _keyboard.Dispose();
        base.Dispose();
    }
}

/// <summary>A card whose other end is a real tap; needs a network namespace.</summary>
internal sealed class NetRig : Rig
{
    private const string Guest = "192.168.19.2";

    private readonly UdpClient _socket;

    public NetRig()
        : base("net0")
    {
        NetworkNamespace.SwitchOffIPv6();
        Device = new NetPlugin().Create(new NetOptions { Link = HostLink.Parse("192.168.19.1:02:11:22:33:44:55", null) }, Context);
        NetworkNamespace.Ip("neighbour", "add", Guest, "lladdr", "02:11:22:33:44:55", "dev", "tap0");
        _socket = new UdpClient(new IPEndPoint(IPAddress.Parse("192.168.19.1"), 7000));
    }

    public override VirtioDevice Device { get; }

    /// <summary>How many frames of the guest's have reached the host's network.</summary>
    public long FramesFromGuest
    {
        get
        {
            // Of the namespace this thread is in: its bytes come first, its frames second.
            string counts = File.ReadLines("/proc/thread-self/net/dev").Single(line => line.TrimStart().StartsWith("tap0:", StringComparison.Ordinal));
            return long.Parse(counts.Split(':')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        }
    }

    public override void Provoke(string queue)
    {
        if (queue == "receive")
            _socket.Send("packet"u8, Guest, 7001);
    }

    public override void Dispose()
    {
        _socket.Dispose();
        base.Dispose();
    }
}

internal sealed class EchoRig() : Rig("echo0")
{
    public override VirtioDevice Device { get; } = new EchoDevice();
}
